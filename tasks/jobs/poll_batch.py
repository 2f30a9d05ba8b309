"""Stage: wait for all of the day's jobs together; at the deadline, stop them and wait for that."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import EntryState, LedgerEntry
from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.base.errors import BedrockRefused, BedrockUnavailable, QuotaReached
from tasks.base.paths import DayPaths
from tasks.base.ports import ENDED, Job, JobStatus
from tasks.base.settings import Settings
from tasks.base.stage import paid_stage
from tasks.batch.failed_jobs import is_hopeless
from tasks.batch.read_quotas import Quotas
from tasks.jobs.job_status import look, record_ends
from tasks.jobs.submission import find_all_accepted, live_jobs, submit_waiting
from tasks.ledger.deadline import is_late, is_light_late
from tasks.ledger.entries import is_running, record_move, step_of
from tasks.ledger.moves import stop_refused
from tasks.ledger.run import Run

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
    """How the jobs ended.

    Attributes:
        ended: jobs by the status they ended with.
        waited_s: seconds from the first look to the last.
        is_late: whether the deadline passed: nothing more is asked, whatever has no answer.
        unasked_count: shards that were not submitted, and will not be in this run.
        unstopped_count: jobs that were asked to stop and have not ended; they stay in the ledger.
    """

    model_config = ConfigDict(frozen=True)

    ended: dict[str, int]
    waited_s: float
    is_late: bool = False
    unasked_count: int = 0
    unstopped_count: int = 0


def is_to_be_stopped(status: JobStatus) -> bool:
    """Whether a late job is asked to stop: at each look until Bedrock says that it does; a request may be lost."""
    return status is not JobStatus.STOPPING and status not in ENDED


def next_wait_s(previous_s: float | None, longest_s: float, jitter: float) -> float:
    """Seconds until the next look: from an eighth of the interval up to all of it, spread so that nights do not march
    in step; `jitter` is uniform in [-1, 1]."""
    wait = longest_s * _FIRST_WAIT if previous_s is None else min(longest_s, previous_s * _GROWTH)
    return wait * (1 + _JITTER * jitter)


def stop_late(
    connected: adapters.Adapters, paths: DayPaths, entries: Iterable[LedgerEntry], jobs: Mapping[str, Job]
) -> list[LedgerEntry]:
    """The entries, every job that still works asked to stop; a refusal is put on record, and the others are asked."""
    moved = []
    for entry in entries:
        job = jobs.get(entry.key)
        if job is not None and is_running(entry) and is_to_be_stopped(job.status):
            try:
                connected.bedrock.stop_job(job.job_arn)
            except BedrockRefused as error:
                if entry.job_message != str(error):
                    entry = record_move(connected.storage, paths, stop_refused(entry, str(error)))
        moved.append(entry)
    return moved


class _Looks:
    """What the loop remembers from one look to the next."""

    def __init__(self, run: Run, quotas: Quotas, begun: datetime) -> None:
        self.run, self.most_jobs = run, quotas.most_jobs(run.settings)
        self.entries: Sequence[LedgerEntry] = self.read()
        self.jobs: dict[str, Job] = {}
        self.begun = self.now = begun
        self.late_since: datetime | None = None

    def read(self) -> list[LedgerEntry]:
        """The entries as they are on record."""
        return live_jobs(self.run.outside, self.run.paths, self.run.plan)

    @property
    def waiting_count(self) -> int:
        """Intents that are not submitted."""
        return sum(entry.state is EntryState.INTENDED for entry in self.entries)

    @property
    def running_count(self) -> int:
        """Jobs that were not seen to end."""
        return sum(map(is_running, self.entries))

    def take(self, now: datetime) -> None:
        """One look: submit or stop what is to be, see how the jobs are, and put ends on record."""
        self.now, run = now, self.run
        connected, settings, paths = run.outside, run.settings, run.paths
        is_first_late = self.late_since is None and (is_late(settings, run.plan, now) or self.is_light_late)
        if is_first_late:
            self.entries = find_all_accepted(connected, settings, paths, self.entries, now)
        elif self.late_since is None and not self.is_hopeless:
            self.entries = submit_waiting(connected, settings, paths, self.entries, now, self.most_jobs, run.still_ours)
        wanted = [entry for entry in self.entries if entry.key not in self.jobs or is_running(entry)]
        self.jobs |= look(connected.bedrock, wanted, now)
        self.entries = record_ends(connected.storage, paths, self.entries, self.jobs)
        if is_first_late or self.late_since is not None:
            self.entries = stop_late(connected, paths, self.entries, self.jobs)
            self.late_since = self.late_since or now

    @property
    def is_hopeless(self) -> bool:
        """Whether a job failed for a reason that the shards in waiting would meet as well."""
        return any(is_hopeless(entry) for entry in self.entries if entry.run_id == self.run.plan.run_id)

    @property
    def is_light_late(self) -> bool:
        """Whether all that is waited for is the light model, and for too long: the night goes on without it."""
        is_light = bool(self.entries) and all(step_of(entry) == "light" for entry in self.entries)
        return is_light and is_light_late(self.run.settings, self.run.plan, self.now)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to wait for, or no patience."""
        if self.late_since is not None:
            has_waited = (self.now - self.late_since).total_seconds() >= self.run.settings.stop_wait_s
            return not self.running_count or has_waited
        return not self.running_count and (not self.waiting_count or self.is_hopeless)


def wait_for_jobs(
    run: Run,
    now: Callable[[], datetime],
    quotas: Quotas = Quotas(),
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> PollSummary:
    """Wait until every live entry's job has ended, each end on record as it is seen; feed jobs that were held back.

    DEADLINE_H after the plan nothing more is submitted, every job is asked to stop, and its end is waited for up to
    STOP_WAIT_S. The limits are in this loop: a task's own time-out cannot interrupt a sleeping thread.

    Raises:
        BedrockUnavailable: after several failed looks in a row.
    """
    looks, failed_looks, wait_s = _Looks(run, quotas, now()), 0, None
    while True:
        was_late = looks.late_since is not None
        try:
            looks.take(now())
            failed_looks = 0
        except (BedrockUnavailable, QuotaReached):
            failed_looks += 1
            if failed_looks >= _MAX_FAILED_LOOKS:
                raise
            looks.entries = looks.read()  # what was submitted before the failure is on record
        else:
            waited_s = (looks.now - looks.begun).total_seconds()
            on_progress(Progress(waited_s, tuple(looks.jobs.values()), looks.waiting_count))
            if looks.is_over:
                break
            if looks.late_since is not None and not was_late:
                wait_s = None  # a stop may be quick
        wait_s = next_wait_s(wait_s, run.settings.poll_interval_s, random.uniform(-1, 1))
        run.outside.clock.sleep(wait_s)
    ended: dict[str, int] = {}
    for job in looks.jobs.values():
        if job.status in ENDED:
            ended[job.status] = ended.get(job.status, 0) + 1
    return PollSummary(
        ended=ended,
        waited_s=round(waited_s, 1),
        is_late=looks.late_since is not None and is_late(run.settings, run.plan, looks.now),
        unasked_count=looks.waiting_count,
        unstopped_count=looks.running_count,
    )


@paid_stage
def poll_batch(
    settings: Settings,
    plan: Plan,
    now: Callable[[], datetime],
    quotas: Quotas = Quotas(),
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> PollSummary:
    """Wait for the day's jobs and put their ends on record; waiting again is harmless.

    Reads: ledger, Bedrock's jobs.
    Writes: ledger: how jobs ended; Bedrock's jobs: shards that waited are submitted, late jobs are stopped.
    Stops when: Bedrock does not know a job (JobUnknown).
    """
    return wait_for_jobs(Run.of(settings, plan), now, quotas, on_progress=on_progress)
