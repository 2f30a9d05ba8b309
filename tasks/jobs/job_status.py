"""One look at jobs that were submitted: how they are now, and on record what has ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from data_contracts.documents.ledger import LedgerEntry
from tasks.adapters.storage import Storage
from tasks.base.errors import JobUnknown
from tasks.base.paths import DayPaths
from tasks.base.ports import ENDED, BatchInference, Job
from tasks.ledger.entries import record_move
from tasks.ledger.moves import ended

#: How long a job that was taken may stay unknown to the calls that read it. AWS promises no read after a write.
_SHOWN_WITHIN = timedelta(minutes=10)


def look(bedrock: BatchInference, entries: Iterable[LedgerEntry], now: datetime) -> dict[str, Job]:
    """The submitted entries' jobs as they are now, by key; a job that Bedrock does not show yet is left out.

    Raises:
        BedrockRefused, BedrockUnavailable: as BatchInference says; JobUnknown for one that should be there by now.
    """
    jobs = {}
    for entry in entries:
        if entry.job_arn is None:
            continue
        try:
            jobs[entry.key] = bedrock.get_job(entry.job_arn)
        except JobUnknown:
            if entry.submitted_at is None or now - entry.submitted_at > _SHOWN_WITHIN:
                raise
    return jobs


def record_ends(
    storage: Storage, paths: DayPaths, entries: Iterable[LedgerEntry], jobs: Mapping[str, Job]
) -> list[LedgerEntry]:
    """The entries, with the end of every job that has ended since the last look put on record."""
    moved = []
    for entry in entries:
        job = jobs.get(entry.key)
        if job is not None and job.status in ENDED and job.status != entry.job_status:
            entry = record_move(storage, paths, ended(entry, job.status, job.message))
        moved.append(entry)
    return moved
