"""Working stand-ins for what lies outside: a Bedrock in memory, an alert channel that keeps what it is sent,
and a clock that sleeps in no time.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from benchmarks.storms.kill_points import Killed as Killed  # the tests take it from here
from benchmarks.storms.memory_bedrock import accepted_job
from data_contracts.batch_lines import InvocationType
from tasks.adapters.storage import Storage
from tasks.base.errors import BedrockUnavailable, JobUnknown, QuotaReached
from tasks.base.ports import AlertMessage, AlertUndelivered, Job, JobRequest, JobStatus, RecordFailed, Severity
from tests.factories import answer_text, claude_output

Line = dict[str, Any]

#: What a job passes through, look by look, before it ends.
PATH = (JobStatus.SUBMITTED, JobStatus.VALIDATING, JobStatus.SCHEDULED, JobStatus.IN_PROGRESS)
#: How many of the records are answered when a job ends so, unless a knob says otherwise.
ANSWERED_FRACTION = {
    JobStatus.COMPLETED: 1.0,
    JobStatus.PARTIALLY_COMPLETED: 0.5,
    JobStatus.STOPPED: 0.5,
    JobStatus.FAILED: 0.0,
    JobStatus.EXPIRED: 0.0,
}
FAILURE = "Internal server error. Please retry the job."


class FakeClock:
    """Time that passes only while someone sleeps, see `tasks.base.ports.Clock`.

    Attributes:
        now_s: seconds that have passed.
        sleeps: every sleep, in seconds.
        on_sleep: called at the end of each sleep.
    """

    def __init__(self, on_sleep: Callable[[], object] = lambda: None) -> None:
        self.now_s = 0.0
        self.sleeps: list[float] = []
        self.on_sleep = on_sleep

    def monotonic(self) -> float:
        """See Clock."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        self.sleeps.append(seconds)
        self.now_s += seconds
        self.on_sleep()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event alone: no time passes meanwhile."""
        return event.wait()


class FakeBedrock:
    """Batch inference in memory: jobs move at each look, and their results are written through a real storage.

    A comment with "bad" in it is spam. The knobs may be turned between jobs; counts are a job's first records.

    Args:
        storage: where input is read and output is written.
        fail_records: records that end as an error line.
        drop_records: records without any line.
        malformed_records: records whose answer is prose.
        end_status: how jobs end.
        answered_fraction: how many records have a line then; by default what `end_status` suggests.
        polls_until_done: looks at a job, after the first, until it has ended.
        lost_creates: accepted create calls whose answer is lost.
        quota: unfinished jobs that are allowed.
        min_records: a job with fewer fails, as Bedrock's do.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        fail_records: int = 0,
        drop_records: int = 0,
        malformed_records: int = 0,
        end_status: JobStatus = JobStatus.COMPLETED,
        answered_fraction: float | None = None,
        polls_until_done: int = 4,
        lost_creates: int = 0,
        quota: int = 100,
        min_records: int = 100,
    ) -> None:
        self.fail_records = fail_records
        self.drop_records = drop_records
        self.malformed_records = malformed_records
        self.end_status = end_status
        self.answered_fraction = answered_fraction
        self.polls_until_done = polls_until_done
        self.lost_creates = lost_creates
        self.quota = quota
        self.min_records = min_records
        #: every create call, accepted or not
        self.requests: list[JobRequest] = []
        #: how often each record was answered, and so paid for
        self.paid_records: Counter[str] = Counter()
        #: how often each body was invoked on demand
        self.invoked: Counter[str] = Counter()
        #: on-demand calls after which the process dies; None for never
        self.crash_after: int | None = None
        self._storage = storage
        self._jobs: dict[str, Job] = {}
        self._looks: Counter[str] = Counter()
        self._ends: dict[str, JobStatus] = {}

    @property
    def jobs(self) -> list[Job]:
        """Every job as it is now, oldest first, without counting as a look."""
        return list(self._jobs.values())

    def create_job(self, request: JobRequest) -> str:
        """See BatchInference."""
        self.requests.append(request)
        known = next((job for job in self.jobs if job.client_request_token == request.client_request_token), None)
        if known is not None:
            return known.job_arn
        if sum(not _has_ended(job) for job in self.jobs) >= self.quota:
            raise QuotaReached(f"create job {request.job_name}: ServiceQuotaExceededException: {self.quota} jobs")
        number = len(self._jobs)
        job = accepted_job(request, number, request.intended_at + timedelta(seconds=number))
        self._jobs[job.job_arn] = job
        if self.lost_creates:
            self.lost_creates -= 1
            raise BedrockUnavailable(f"create job {request.job_name}: ConnectionClosedError: the answer was lost")
        return job.job_arn

    def get_job(self, job_arn: str) -> Job:
        """See BatchInference; each look moves the job on."""
        job = self._known(job_arn)
        looks = self._looks[job_arn]
        self._looks[job_arn] += 1
        if not _has_ended(job):
            if job.status is JobStatus.STOPPING or looks >= self.polls_until_done:
                self._end(job)
            else:
                self._move(job, status=PATH[looks * len(PATH) // self.polls_until_done])
        return self._jobs[job_arn]

    def find_jobs(self, request: JobRequest) -> list[Job]:
        """See BatchInference."""
        wanted = (request.job_name, request.client_request_token)
        return [job for job in reversed(self.jobs) if _is_one_of(job, wanted)]

    def list_jobs(self, name_contains: str, submitted_after: datetime) -> list[Job]:
        """See BatchInference."""
        newest_first = reversed(self.jobs)
        return [
            job
            for job in newest_first
            if name_contains in job.job_name and job.submitted_at is not None and job.submitted_at > submitted_after
        ]

    def stop_job(self, job_arn: str) -> None:
        """See BatchInference."""
        job = self._known(job_arn)
        if not _has_ended(job):
            self._ends[job_arn] = JobStatus.STOPPED
            self._move(job, status=JobStatus.STOPPING)

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """See BatchInference; `crash_after` calls it dies as a process would, the call made and paid."""
        text = orjson.dumps(body).decode()
        self.invoked[text] += 1
        if self.crash_after is not None and sum(self.invoked.values()) > self.crash_after:
            raise Killed
        if "refuse this request" in text:
            raise RecordFailed("ValidationException", "the request is not valid")
        return claude_output(_verdict(body))

    def forget(self, job_arn: str) -> None:
        """Know nothing of a job any more; what it has written stays."""
        del self._jobs[job_arn]

    def finish(self) -> None:
        """Move every job to its end."""
        for job in self.jobs:
            if not _has_ended(job):
                self._end(job)

    def _known(self, job_arn: str) -> Job:
        if job_arn not in self._jobs:
            raise JobUnknown(f"get job {job_arn}: ResourceNotFoundException: there is no such job")
        return self._jobs[job_arn]

    def _move(self, job: Job, **changes: object) -> None:
        self._jobs[job.job_arn] = job.model_copy(update=changes)

    def _end(self, job: Job) -> None:
        """Write what was answered, then show the end."""
        files = list(self._input(job))
        total = sum(len(records) for _, records in files)
        if total < self.min_records:
            self._move(job, status=JobStatus.FAILED, message=f"{total} records, fewer than {self.min_records}")
            return
        end = self._ends.get(job.job_arn, self.end_status)
        fraction = ANSWERED_FRACTION[end] if self.answered_fraction is None else self.answered_fraction
        answered = round(total * fraction)
        folder = f"{(job.output_uri or '').rstrip('/')}/{job.job_id}"
        number, tokens = 0, Counter[str]()
        for name, records in files:
            lines: list[Line] = []
            for record in records:
                if number < answered and (line := self._answer(record, number)) is not None:
                    lines.append(line)
                number += 1
            for line in lines:
                tokens.update(line.get("modelOutput", {}).get("usage", {}))
            if answered:
                # The order of the output is not that of the input.
                body = "".join(json.dumps(line) + "\n" for line in lines[::-1])
                self._storage.put(f"{folder}/{name}.out", body.encode())
        if answered:
            self._storage.put(f"{folder}/manifest.json.out", orjson.dumps({"totalRecordCount": total, **tokens}))
        message = FAILURE if end is JobStatus.FAILED else None
        self._move(job, status=end, message=message, total_count=total, processed_count=answered)

    def _input(self, job: Job) -> Iterator[tuple[str, list[Line]]]:
        """Every JSON lines file at the input URI, be it a file or a folder."""
        uri = (job.input_uri or "").rstrip("/")
        single = uri.endswith(".jsonl")
        for file in [uri] if single else [item.uri for item in self._storage.list(uri)]:
            body = self._storage.get(file)
            if file.endswith(".jsonl") and body is not None:
                yield file.rsplit("/", 1)[-1], [orjson.loads(line) for line in body.splitlines()]

    def _answer(self, record: Line, number: int) -> Line | None:
        """The output line of a job's record, by its place in the job."""
        echo = {"recordId": record["recordId"], "modelInput": record["modelInput"]}
        failed, dropped = self.fail_records, self.fail_records + self.drop_records
        if number < failed:
            return {**echo, "error": {"errorCode": 400, "errorMessage": "bad request"}}
        self.paid_records[record["recordId"]] += 1
        if number < dropped:
            return None
        if number < dropped + self.malformed_records:
            return {**echo, "modelOutput": claude_output("I would rather not say.")}
        return {**echo, "modelOutput": claude_output(_verdict(record["modelInput"]))}


class FakeAlerts:
    """An alert channel that keeps its messages.

    Args:
        undelivered: sends that fail before one is delivered.
    """

    name = "fake"
    severities = frozenset(Severity)

    def __init__(self, undelivered: int = 0) -> None:
        self.undelivered = undelivered
        self.messages: list[AlertMessage] = []

    def send(self, message: AlertMessage) -> None:
        """See AlertChannel."""
        if self.undelivered:
            self.undelivered -= 1
            raise AlertUndelivered(f"{self.name}: the channel did not take the message")
        self.messages.append(message)


def _has_ended(job: Job) -> bool:
    return job.status in ANSWERED_FRACTION


def _is_one_of(job: Job, wanted: tuple[str, str]) -> bool:
    return job.job_name == wanted[0] or job.client_request_token == wanted[1]


def _verdict(body: Line) -> str:
    """What a model that knows one word says."""
    asked = str(body["messages"][-1]["content"][-1]["text"])
    packed = re.findall(r'<comment id="(s\d\d)">\n([^<>]*)\n</comment>', asked)
    if packed:
        parts = {slot: json.loads(_opinion(comment)) for slot, comment in packed}
        return json.dumps(parts)
    return _opinion(asked[asked.rfind("<comment>") :])


def _opinion(comment: str) -> str:
    if "bad" in comment:
        return answer_text()
    return answer_text(violation=False, category="none", explanation="")
