"""Batch inference in memory, whose jobs live in simulated time: what a Bedrock may do and still be Bedrock.

It keeps the truth that the books are held against: which record was answered how often, in which job, at how many
tokens.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from benchmarks.storms.answers import SINGLE, Kind, asked_text, packed_texts, says, says_of_pack, tokens
from benchmarks.storms.bedrock_behaviour import Behaviour, Course
from benchmarks.storms.world import World
from data_contracts.batch_lines import InvocationType
from tasks.adapters.storage import Storage
from tasks.base.errors import BedrockRefused, QuotaReached
from tasks.base.ports import Job, JobRequest, JobStatus, RecordFailed

ENDED = frozenset(
    {JobStatus.COMPLETED, JobStatus.PARTIALLY_COMPLETED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.EXPIRED}
)


def accepted_job(request: JobRequest, number: int, now: datetime) -> Job:
    """The job that a Bedrock in memory makes of a request, with its number."""
    job_id = hashlib.sha256(f"{request.client_request_token}{number}".encode()).hexdigest()[:12]
    return Job(
        job_arn=f"arn:aws:bedrock:ap-northeast-1:123456789012:model-invocation-job/{job_id}",
        job_name=request.job_name,
        status=JobStatus.SUBMITTED,
        client_request_token=request.client_request_token,
        model_id=request.model_id,
        input_uri=request.input_uri,
        output_uri=request.output_uri,
        submitted_at=now,
    )


class Said(NamedTuple):
    """One record of a job that was processed, and so paid."""

    record_id: str
    text: str
    kind: Kind
    #: of a pack, all of its comments in order of their places; `text` is the first of them
    packed: tuple[str, ...] = ()


class MemoryBedrock:
    """See `tasks.base.ports.BatchInference`.

    Attributes:
        said: what each job answered, by its ARN; empty before its end.
        spent: the tokens of each job, in and out, by its ARN.
        calls: the single calls that were answered, by text.
        call_tokens: the tokens of those calls, in and out.
    """

    def __init__(self, storage: Storage, world: World, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.said: dict[str, list[Said]] = {}
        self.spent: dict[str, tuple[int, int]] = {}
        self.calls: Counter[str] = Counter()
        self.call_tokens = (0, 0)
        self.creates = 0
        self._storage, self._world, self._clock = storage, world, world.monotonic
        self._jobs: dict[str, Job] = {}
        self._courses: dict[str, Course] = {}
        self._made_s: dict[str, float] = {}
        self._stopped_s: dict[str, float] = {}
        self._asked: Counter[str] = Counter()

    @property
    def jobs(self) -> list[Job]:
        """Every job as it is now, oldest first."""
        self._settle()
        return list(self._jobs.values())

    def create_job(self, request: JobRequest) -> str:
        """See BatchInference."""
        self.creates += 1
        earlier = next((job for job in self.jobs if job.client_request_token == request.client_request_token), None)
        if earlier is not None and not self.behaviour.forgets_tokens:
            return earlier.job_arn
        if sum(job.status not in ENDED for job in self._jobs.values()) >= self.behaviour.quota:
            raise QuotaReached(f"create job {request.job_name}: ServiceQuotaExceededException: {self.behaviour.quota}")
        number = len(self._jobs)
        job = accepted_job(request, number, self._world.now())
        self._courses[job.job_arn], self._made_s[job.job_arn] = self.behaviour.course(number), self._clock()
        self._jobs[job.job_arn] = job
        return job.job_arn

    def get_job(self, job_arn: str) -> Job:
        """See BatchInference."""
        self._settle()
        if job_arn not in self._jobs:
            raise BedrockRefused(f"get job {job_arn}: ResourceNotFoundException: there is no such job")
        return self._jobs[job_arn]

    def find_jobs(self, request: JobRequest) -> list[Job]:
        """See BatchInference; a listing does not show a job at once."""
        return [
            job
            for job in self._listed()
            if job.job_name == request.job_name or job.client_request_token == request.client_request_token
        ]

    def list_jobs(self, name_contains: str, submitted_after: datetime) -> list[Job]:
        """See BatchInference."""
        return [
            job
            for job in self._listed()
            if name_contains in job.job_name and job.submitted_at is not None and job.submitted_at > submitted_after
        ]

    def stop_job(self, job_arn: str) -> None:
        """See BatchInference."""
        job = self.get_job(job_arn)
        if job.status not in ENDED and self._courses[job_arn].stop_s is not None:
            self._stopped_s.setdefault(job_arn, self._clock())
            self._move(job, status=JobStatus.STOPPING)

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """See BatchInference."""
        packed = packed_texts(body)
        text = next(iter(packed.values()), "") or asked_text(body)
        kind = self._kind(text)
        kind = kind if kind in SINGLE else Kind.GOOD
        outputs = says_of_pack(kind, packed) if packed else says(kind, text)
        self.calls[text] += 1
        spent = tokens(outputs)
        self.call_tokens = (self.call_tokens[0] + spent[0], self.call_tokens[1] + spent[1])
        if not outputs:
            raise RecordFailed("ModelErrorException", "the model had an error")
        return outputs[0]

    def relent(self) -> None:
        """Let every job that is not done be done in an hour, and heed a stop."""
        for job in self.jobs:
            course, left_s = self._courses[job.job_arn], self._clock() + 3600 - self._made_s[job.job_arn]
            self._courses[job.job_arn] = course._replace(
                work_s=min(course.work_s, max(left_s - course.wait_s, 1.0)), hidden_s=0.0, stop_s=course.stop_s or 1.0
            )

    def _listed(self) -> list[Job]:
        """The jobs that a listing shows, the newest first."""
        now = self._clock()
        shown = [job for job in self.jobs if now >= self._made_s[job.job_arn] + self._courses[job.job_arn].hidden_s]
        return shown[::-1]

    def _kind(self, text: str) -> Kind:
        kind = self.behaviour.kind(text, self._asked[text])
        self._asked[text] += 1
        return kind

    def _move(self, job: Job, **changes: object) -> None:
        self._jobs[job.job_arn] = job.model_copy(update=changes)

    def _settle(self) -> None:
        """Show every job as it is by now."""
        now = self._clock()
        for job in list(self._jobs.values()):
            if job.status in ENDED:
                continue
            course, made = self._courses[job.job_arn], self._made_s[job.job_arn]
            ends_s, stopped_s = made + course.wait_s + course.work_s, self._stopped_s.get(job.job_arn)
            if stopped_s is not None and stopped_s + (course.stop_s or 0) <= min(now, ends_s):
                done = (stopped_s - made - course.wait_s) / course.work_s
                self._end(job, JobStatus.STOPPED, course.share * min(max(done, 0.0), 1.0))
            elif now >= ends_s:
                self._end(job, course.end, course.share)
            elif stopped_s is None:
                is_working = now >= made + course.wait_s
                self._move(job, status=JobStatus.IN_PROGRESS if is_working else JobStatus.SCHEDULED)

    def _end(self, job: Job, end: JobStatus, share: float) -> None:
        """Write what was answered, then show the end."""
        files = list(self._input(job))
        total = sum(len(lines) for _, lines in files)
        if total < self.behaviour.min_records:
            self._move(
                job, status=JobStatus.FAILED, message=f"{total} records, fewer than {self.behaviour.min_records}"
            )
            return
        answered, number = round(total * share), list(self._jobs).index(job.job_arn)
        folder = f"{(job.output_uri or '').rstrip('/')}/{job.job_id}"
        said: list[Said] = []
        spent = (0, 0)
        for name, lines in files:
            out: list[dict[str, Any]] = []
            for line in lines[: max(answered - len(said), 0)]:
                packed = packed_texts(line["modelInput"])
                text = next(iter(packed.values()), "") or asked_text(line["modelInput"])
                said.append(Said(line["recordId"], text, self._kind(text), tuple(packed.values())))
                self._asked.update(list(packed.values())[1:])
                echo = {"recordId": line["recordId"], "modelInput": line["modelInput"]}
                outputs = says_of_pack(said[-1].kind, packed) if packed else says(said[-1].kind, text)
                out += [{**echo, "modelOutput": output} for output in outputs]
                if said[-1].kind is Kind.ERROR:
                    out.append({**echo, "error": {"errorCode": 500, "errorMessage": "the model had an error"}})
            for stranger in range(self.behaviour.strangers(number) if out else 0):
                out.append({"recordId": f"{stranger:032x}", "modelOutput": says(Kind.GOOD, "a stranger")[0]})
            used = tokens([line["modelOutput"] for line in out if "modelOutput" in line])
            spent = (spent[0] + used[0], spent[1] + used[1])
            if answered:
                # The order of the output is not that of the input.
                self._storage.put(f"{folder}/{name}.out", b"".join(orjson.dumps(line) + b"\n" for line in out[::-1]))
        if answered:
            self._storage.put(f"{folder}/manifest.json.out", orjson.dumps({"totalRecordCount": total}))
        self.said[job.job_arn], self.spent[job.job_arn] = said, spent
        message = "Internal server error. Please retry the job." if end is JobStatus.FAILED else None
        self._move(job, status=end, message=message, total_count=total, processed_count=answered)

    def _input(self, job: Job) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """The JSON lines file at the input URI, or every one in the folder."""
        uri = (job.input_uri or "").rstrip("/")
        files = [uri] if uri.endswith(".jsonl") else [item.uri for item in self._storage.list(uri)]
        for file in files:
            body = self._storage.get(file)
            if file.endswith(".jsonl") and body is not None:
                yield file.rsplit("/", 1)[-1], [orjson.loads(line) for line in body.splitlines()]
