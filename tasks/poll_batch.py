"""Sixth stage: wait for all of the day's jobs together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, assert_never

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from data_contracts.ledger import EntryState, LedgerEntry
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.errors import BedrockUnavailable, DeadlinePassed, QuotaReached, is_transient
from tasks.ingest import Plan
from tasks.ledger import ENDED, is_live, is_running, read_ledger, update
from tasks.paths import DayPaths
from tasks.ports import BatchInference, Job, JobStatus
from tasks.settings import Settings
from tasks.submit_batch import submit_waiting

Action = Literal["wait", "collect", "give_up"]

#: The first look comes after this share of the poll interval: small jobs are done early.
_FIRST_WAIT = 1 / 8
_GROWTH = 1.5
_JITTER = 0.2

#: Looks that may fail in a row before the stage itself is retried.
_MAX_FAILED_LOOKS = 5


class Progress(NamedTuple):
    """Where the jobs stand, for people who watch."""

    waited_s: float
    jobs: tuple[Job, ...]
    waiting_count: int


class PollSummary(BaseModel):
    """How the jobs ended."""

    model_config = ConfigDict(frozen=True)

    ended: dict[str, int]
    waited_s: float


def next_action(status: JobStatus, waited_s: float, limit_s: float) -> Action:
    """What to do about a job: every end is collected, since any of them may have left paid answers."""
    match status:
        case (
            JobStatus.COMPLETED
            | JobStatus.PARTIALLY_COMPLETED
            | JobStatus.FAILED
            | JobStatus.STOPPED
            | JobStatus.EXPIRED
        ):
            return "collect"
        case (
            JobStatus.SUBMITTED
            | JobStatus.VALIDATING
            | JobStatus.SCHEDULED
            | JobStatus.IN_PROGRESS
            | JobStatus.STOPPING
        ):
            return "wait" if waited_s < limit_s else "give_up"
        case _:
            assert_never(status)


def next_wait_s(previous_s: float | None, longest_s: float, jitter: float) -> float:
    """Seconds until the next look: from an eighth of the interval up to all of it, spread so that nights do not march
    in step; `jitter` is uniform in [-1, 1]."""
    wait = longest_s * _FIRST_WAIT if previous_s is None else min(longest_s, previous_s * _GROWTH)
    return wait * (1 + _JITTER * jitter)


def look(bedrock: BatchInference, entries: Sequence[LedgerEntry]) -> dict[str, Job]:
    """The submitted entries' jobs as they are now, by key."""
    return {entry.key: bedrock.get_job(entry.job_arn) for entry in entries if entry.job_arn is not None}


def _live_jobs(storage: Storage, paths: DayPaths) -> list[LedgerEntry]:
    return [entry for entry in read_ledger(storage, paths) if is_live(entry) and entry.mode == "batch"]


def record_ends(
    storage: Storage, paths: DayPaths, entries: Sequence[LedgerEntry], jobs: Mapping[str, Job]
) -> list[LedgerEntry]:
    """The entries, with the end of every job that has ended since the last look put on record."""
    moved = []
    for entry in entries:
        job = jobs.get(entry.key)
        if job is not None and job.status in ENDED and job.status != entry.job_status:
            entry = update(storage, paths, entry, job_status=job.status, job_message=job.message)
        moved.append(entry)
    return moved


def wait_for_jobs(
    connected: adapters.Adapters,
    settings: Settings,
    paths: DayPaths,
    now: datetime,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> PollSummary:
    """Wait until every live entry's job has ended, each end on record as it is seen; feed jobs that were held back.

    The time limit is in this loop: a task's own time-out cannot interrupt a sleeping thread.

    Raises:
        DeadlinePassed: after DEADLINE_H; the jobs stay in the ledger, and the next run of the day adopts them.
        BedrockUnavailable: after several failed looks in a row.
    """
    begun, failed_looks, wait_s = clock(), 0, None
    jobs: dict[str, Job] = {}
    limit_s = settings.deadline_h * 3600
    entries = _live_jobs(connected.storage, paths)
    while True:
        waited_s = clock() - begun
        try:
            if waited_s < limit_s:  # a job that nobody will wait for is not asked for
                entries = submit_waiting(connected, settings, paths, entries, now + timedelta(seconds=waited_s))
            jobs |= look(connected.bedrock, [entry for entry in entries if entry.key not in jobs or is_running(entry)])
            failed_looks = 0
        except (BedrockUnavailable, QuotaReached):
            failed_looks += 1
            if failed_looks >= _MAX_FAILED_LOOKS:
                raise
            # What was submitted before the failure is on record.
            entries = _live_jobs(connected.storage, paths)
        else:
            entries = record_ends(connected.storage, paths, entries, jobs)
            waiting = sum(entry.state is EntryState.INTENDED for entry in entries)
            on_progress(Progress(waited_s, tuple(jobs.values()), waiting))
            actions = {key: next_action(job.status, waited_s, limit_s) for key, job in jobs.items()}
            if not waiting and all(action == "collect" for action in actions.values()):
                break
            if "give_up" in actions.values() or (waiting and waited_s >= limit_s):
                open_jobs = sum(action != "collect" for action in actions.values()) + waiting
                raise DeadlinePassed(
                    f"{open_jobs} of {len(entries)} jobs had not ended after MODERATION_DEADLINE_H="
                    f"{settings.deadline_h:g} hours; they stay in the ledger: run the day again to adopt them"
                )
        wait_s = next_wait_s(wait_s, settings.poll_interval_s, random.uniform(-1, 1))
        sleep(wait_s)
    ended: dict[str, int] = {}
    for job in jobs.values():
        ended[job.status] = ended.get(job.status, 0) + 1
    return PollSummary(ended=ended, waited_s=round(waited_s, 1))


@task(retries=5, retry_delay_seconds=[5, 15, 60, 300, 600], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def poll_batch(
    settings: Settings, plan: Plan, now: datetime, on_progress: Callable[[Progress], None] = lambda _: None
) -> PollSummary:
    """Wait for the day's jobs and put their ends on record; waiting again is harmless."""
    paths = DayPaths(settings, plan.run_date)
    return wait_for_jobs(adapters.connect(settings), settings, paths, now, on_progress=on_progress)
