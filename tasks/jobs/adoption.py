"""Whether a job that Bedrock has is the one that an entry of the ledger intended, and whose it is then.

A create call whose answer was lost may have been accepted: its job is found by token or name. Should Bedrock have
several (its memory of tokens has no documented length), one serves the entry and each of the others becomes an entry of
its own: what it answers is read and what it costs is booked, so that no job is anybody's orphan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from data_contracts.documents.ledger import LedgerEntry
from tasks.adapters.storage import Storage
from tasks.base.errors import BedrockRefused
from tasks.base.paths import DayPaths
from tasks.base.ports import CLOCK_SKEW, ENDED, Job, JobRequest, JobStatus
from tasks.ledger.entries import record_move, write_intent
from tasks.ledger.moves import adopted, twin
from tasks.llm.model_ids import is_application_profile, parse_model_id

#: Ends that may have answered nothing: another job serves better.
_POOR_ENDS = frozenset({JobStatus.FAILED, JobStatus.EXPIRED, JobStatus.STOPPED})


class Found(NamedTuple):
    """The job that serves an entry, and the others that were made for it as well."""

    job: Job
    twins: tuple[Job, ...]

    @property
    def superfluous(self) -> tuple[Job, ...]:
        """Twins that would be paid for records that the job has answered or answers now."""
        return tuple(twin for twin in self.twins if twin.status not in ENDED)


def differences(job: Job, request: JobRequest) -> list[str]:
    """What a job does otherwise than the request; what Bedrock does not show is taken to be as asked."""
    different = []
    if job.input_uri is not None and job.input_uri != request.input_uri:
        different.append(f"reads {job.input_uri}, not {request.input_uri}")
    if job.output_uri is not None and job.output_uri.rstrip("/") != request.output_uri.rstrip("/"):
        different.append(f"writes to {job.output_uri}, not {request.output_uri}")
    if job.model_id is not None and not is_same_model(job.model_id, request.model_id, request.profiled_model_id):
        different.append(f"asks {job.model_id}, not {request.model_id}")
    if job.submitted_at is not None and job.submitted_at < request.intended_at - CLOCK_SKEW:
        different.append(
            f"was submitted at {job.submitted_at:%F %T%z}, before it was intended, {request.intended_at:%F %T%z}"
        )
    return different


def is_same_model(shown: str, asked: str, profiled: str | None = None) -> bool:
    """Whether two names are of one model: Bedrock may show an id, a profile's id, or an ARN of either.

    Args:
        profiled: the model behind `asked`, where that is an application inference profile. Entries of earlier versions
            do not have it: its ARN does not say its model, so that may be any.
    """
    if shown == asked or (profiled is None and is_application_profile(asked)):
        return True
    return parse_model_id(shown).base_id == parse_model_id(profiled or asked).base_id


def check_is_intended(job: Job, request: JobRequest) -> Job:
    """The job itself, if it does what this entry wrote.

    Raises:
        BedrockRefused: if a job of our name or token does something else: somebody must look before more is paid.
    """
    if others := differences(job, request):
        raise BedrockRefused(
            f"job {job.job_arn} carries the name or token of {request.job_name} but {'; '.join(others)}: this ledger "
            "did not make it; look at it. --epoch with a higher number judges the day anew, under other names"
        )
    return job


def choose_job(jobs: Sequence[Job]) -> Found | None:
    """The job that serves, of those that are as intended: the newest that runs or has answered, else the newest.

    Args:
        jobs: the newest first.
    """
    if not jobs:
        return None
    chosen = next((job for job in jobs if job.status not in _POOR_ENDS), jobs[0])
    return Found(chosen, tuple(job for job in jobs if job is not chosen))


def adopt(storage: Storage, paths: DayPaths, entry: LedgerEntry, found: Found, now: datetime) -> list[LedgerEntry]:
    """The entry with its job, then its twins; these are on record before it, so that a crash in between finds them."""
    twins = [_record_twin(storage, paths, entry, job.job_arn, job.job_name, now) for job in found.twins]
    return [record_move(storage, paths, adopted(entry, found.job.job_arn, now)), *twins]


def is_served_otherwise(storage: Storage, paths: DayPaths, entry: LedgerEntry, job_arn: str, now: datetime) -> bool:
    """Whether another run has found or made another job for an entry by now; then this one goes on record as a twin."""
    body = storage.get(paths.entry(entry.key))
    if body is None or LedgerEntry.model_validate_json(body).job_arn in (None, job_arn):
        return False
    _record_twin(storage, paths, entry, job_arn, entry.job_name, now)
    return True


def _record_twin(
    storage: Storage, paths: DayPaths, entry: LedgerEntry, job_arn: str, name: str, now: datetime
) -> LedgerEntry:
    key = hashlib.sha256(f"{entry.key}\x1f{job_arn}".encode()).hexdigest()
    return write_intent(storage, paths, twin(entry, key, job_arn, name, now))
