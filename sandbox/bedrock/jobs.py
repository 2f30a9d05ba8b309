"""Batch jobs: what is known about one, and the store that creates, finds, lists and stops them.

    Submitted -> Validating -> Scheduled -> InProgress -> Completed | PartiallyCompleted | Failed
                     |             |            |
                   Failed       Expired     Stopping -> Stopped     (Stopping from any state before the end)

Source: Bedrock API Reference, GetModelInvocationJob; Bedrock User Guide, batch-inference-monitor.
"""

import base64
import hashlib
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sandbox.bedrock.catalog import ACCOUNT_ID, ApplicationProfile, ApplicationProfiles, Target
from sandbox.bedrock.errors import conflict, not_found, quota_exceeded, validation
from sandbox.bedrock.switchboard import Faults, JobFaults

DEFAULT_TIMEOUT_H = 24  # AWS documents the range (24-168), not the default
MAX_UNFINISHED_JOBS = 100


class Status(StrEnum):
    """The ten statuses of a job."""

    SUBMITTED = "Submitted"
    VALIDATING = "Validating"
    SCHEDULED = "Scheduled"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    PARTIALLY_COMPLETED = "PartiallyCompleted"
    FAILED = "Failed"
    STOPPED = "Stopped"
    EXPIRED = "Expired"


TERMINAL = frozenset({Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED, Status.STOPPED, Status.EXPIRED})


@dataclass
class Counts:
    """A job's counters; all 0 until its records are being processed."""

    total: int = 0
    processed: int = 0
    success: int = 0
    error: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass
class Job:
    """One batch job. Times are Unix seconds; ``due`` is when its next step may be taken."""

    job_id: str
    region: str
    number: int
    request: Mapping[str, Any]
    target: Target
    faults: JobFaults
    submitted_at: float
    expires_at: float
    due: float
    modified_at: float
    status: Status = Status.SUBMITTED
    message: str | None = None
    ended_at: float | None = None
    counts: Counts = field(default_factory=Counts)
    busy: bool = False

    @property
    def arn(self) -> str:
        """The job's ARN, whose last segment is its id."""
        return f"arn:aws:bedrock:{self.region}:{ACCOUNT_ID}:model-invocation-job/{self.job_id}"

    @property
    def name(self) -> str:
        """The name that its creator gave it."""
        return str(self.request["jobName"])

    @property
    def is_over(self) -> bool:
        """Whether the job has reached a terminal status."""
        return self.status in TERMINAL


class JobStore:
    """Every job of the endpoint, by Region, and the application inference profiles.

    All methods are thread-safe; ``lock`` guards the jobs' fields.
    """

    def __init__(self, faults: Faults, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.tags: dict[str, dict[str, str]] = {}
        self.profiles = ApplicationProfiles()
        self._faults = faults
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._tokens: dict[tuple[str, str], str] = {}

    def __iter__(self) -> Iterator[Job]:
        with self.lock:
            return iter(list(self._jobs.values()))

    def clear(self) -> None:
        """Forget every job."""
        with self.lock:
            self._jobs.clear()
            self._tokens.clear()
            self.tags.clear()
            self.profiles = ApplicationProfiles()

    def dump(self) -> bytes:
        """Everything that is known, for `load` in a later process of the same code."""
        with self.lock:
            return pickle.dumps((self._jobs, self._tokens, self.tags, self.profiles))

    def load(self, body: bytes) -> None:
        """Know what another store dumped; a job that was not over starts from its beginning."""
        jobs, tokens, tags, profiles = pickle.loads(body)  # noqa: S301 (a file of our own)
        with self.lock:
            for job in jobs.values():
                job.busy = False
                if not job.is_over:
                    job.status, job.due, job.counts = Status.SUBMITTED, self._clock(), Counts()
            self._jobs, self._tokens, self.tags, self.profiles = jobs, tokens, tags, profiles
            self.changed.notify_all()

    def create_profile(self, request: Mapping[str, Any], region: str) -> ApplicationProfile:
        """A new application inference profile; raises as `ApplicationProfiles.create`."""
        with self.lock:
            profile = self.profiles.create(request, region, self._clock())
            self.tags.setdefault(profile.arn, {tag["key"]: tag["value"] for tag in request.get("tags", ())})
            return profile

    def create(self, request: Mapping[str, Any], region: str, target: Target) -> Job:
        """A new job, or the one that its token already made.

        Raises:
            ServiceError: ServiceQuotaExceededException with too many unfinished jobs of the model;
                ConflictException for a repeated token when the fault ``token_repeat=conflict`` is on.
        """
        token = request.get("clientRequestToken")
        with self.lock:
            if token and (number := self._tokens.get((region, token))):
                if self._faults.setting("token_repeat") == "conflict":
                    raise conflict(f"A model invocation job with the clientRequestToken {token} already exists.")
                # "If this token matches a previous request, Amazon Bedrock ignores the request": other
                # parameters make no difference.
                return self._jobs[number]
            self._check_quota(region, target)
            job = self._new(request, region, target)
            self._jobs[job.job_id] = job
            if token:
                self._tokens[region, token] = job.job_id
            self.tags[job.arn] = {tag["key"]: tag["value"] for tag in request.get("tags", ())}
            self.changed.notify_all()
            return job

    def get(self, identifier: str, region: str) -> Job:
        """The job of an ARN or id.

        Raises:
            ServiceError: ResourceNotFoundException when this Region has none.
        """
        with self.lock:
            job = self._jobs.get(identifier.rpartition("/")[2])
            if job is None or job.region != region or (":" in identifier and identifier != job.arn):
                raise not_found(f"The model invocation job {identifier} was not found.")
            return job

    def stop(self, identifier: str, region: str) -> Job:
        """A job asked to stop; it is Stopping until its next step.

        Raises:
            ServiceError: ConflictException for a job that is over.
        """
        with self.lock:
            job = self.get(identifier, region)
            if job.is_over:
                raise conflict(f"The model invocation job {job.arn} cannot be stopped because it is {job.status}.")
            if job.status is not Status.STOPPING:
                job.status, job.modified_at = Status.STOPPING, self._clock()
                job.due = job.expires_at if job.faults.get("stuck_status") == Status.STOPPING else job.modified_at
                self.changed.notify_all()
            return job

    def find(self, query: Mapping[str, Any], region: str) -> tuple[list[Job], str | None]:
        """One page of the jobs that match a List call, and the token of the next page.

        The newest come first unless ``sortOrder`` is Ascending. A token holds the last job shown, so jobs created
        between two pages repeat or hide none.
        """
        descending = query.get("sortOrder", "Descending") == "Descending"
        after = _read_token(query["nextToken"]) if "nextToken" in query else None
        with self.lock:
            jobs = [job for job in self._jobs.values() if job.region == region and _matches(job, query)]
            jobs.sort(key=lambda job: job.number, reverse=descending)
            if after is not None:
                jobs = [job for job in jobs if (job.number < after) is descending and job.number != after]
            size = query.get("maxResults", 100)
            more = _write_token(jobs[size - 1].number) if len(jobs) > size else None
            return jobs[:size], more

    def _check_quota(self, region: str, target: Target) -> None:
        limit = int(self._faults.setting("quota") or MAX_UNFINISHED_JOBS)
        model_id = target.model.model_id
        running = sum(
            job.region == region and job.target.model.model_id == model_id and not job.is_over
            for job in self._jobs.values()
        )
        if running >= limit:
            raise quota_exceeded(
                "Your request exceeds the quota for the sum of in-progress and submitted batch inference jobs using "
                f"{target.model.name}: {limit}. Wait for jobs to finish, or request an increase."
            )

    def _new(self, request: Mapping[str, Any], region: str, target: Target) -> Job:
        number, now = len(self._jobs) + 1, self._clock()
        seed = f"{region}/{request.get('clientRequestToken')}/{request['jobName']}/{number}/{now}"
        digest = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
        faults = self._faults.for_job(request["jobName"])
        expires_at = now + 3600 * request.get("timeoutDurationInHours", DEFAULT_TIMEOUT_H)
        return Job(
            job_id=_base36(digest, 12),
            region=region,
            number=number,
            request=dict(request),
            target=target,
            faults=faults,
            submitted_at=now,
            expires_at=expires_at,
            due=expires_at if faults.get("stuck_status") == Status.SUBMITTED else now,
            modified_at=now,
        )


def _matches(job: Job, query: Mapping[str, Any]) -> bool:
    submitted = datetime.fromtimestamp(job.submitted_at, UTC)
    return (
        query.get("statusEquals", job.status) == job.status
        and query.get("nameContains", "") in job.name
        and ("submitTimeAfter" not in query or submitted > query["submitTimeAfter"])
        and ("submitTimeBefore" not in query or submitted < query["submitTimeBefore"])
    )


def _write_token(number: int) -> str:
    return base64.urlsafe_b64encode(f"after:{number}".encode()).decode()


def _read_token(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("after:"))
    except ValueError:
        raise validation("The nextToken is invalid.") from None


def _base36(number: int, length: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    for _ in range(length):
        number, rest = divmod(number, 36)
        text += digits[rest]
    return text
