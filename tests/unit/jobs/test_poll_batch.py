"""Waiting for the day's jobs: what is done about each status, how long between looks, and what the deadline does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.batch_lines import InvocationType
from data_contracts.documents.ledger import EntryState, LedgerEntry
from tasks.base.errors import BedrockRefused, BedrockUnavailable, DeadlinePassed, JobUnknown
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.ports import ENDED, Job, JobRequest, JobStatus
from tasks.base.settings import Settings
from tasks.jobs.poll_batch import PollSummary, Progress, is_to_be_stopped, next_wait_s, wait_for_jobs
from tasks.ledger.deadline import check_stopped, is_late
from tasks.ledger.entries import read_ledger
from tasks.ledger.run import Run
from tests import factories
from tests.fakes import FakeClock

PLAN = factories.plan()

ENDS = (
    JobStatus.COMPLETED,
    JobStatus.PARTIALLY_COMPLETED,
    JobStatus.FAILED,
    JobStatus.STOPPED,
    JobStatus.EXPIRED,
)
UNDER_WAY = (
    JobStatus.SUBMITTED,
    JobStatus.VALIDATING,
    JobStatus.SCHEDULED,
    JobStatus.IN_PROGRESS,
    JobStatus.STOPPING,
)


def test_the_statuses_are_bedrocks_own() -> None:
    """The enum equals botocore's: a status that AWS adds fails here before it fails a night."""
    shape = Loader().load_service_model("bedrock", "service-2")["shapes"]["ModelInvocationJobStatus"]
    assert {status.value for status in JobStatus} == set(shape["enum"])
    assert len(JobStatus) == 10


def test_every_status_is_an_end_or_under_way() -> None:
    """The ten statuses are five ends and five on the way, everywhere the same."""
    assert set(ENDS) | set(UNDER_WAY) == set(JobStatus)
    assert frozenset(ENDS) == ENDED


@pytest.mark.parametrize("status", JobStatus)
def test_a_late_job_is_asked_to_stop_until_it_says_that_it_does(status: JobStatus) -> None:
    """A job that has ended, or that is stopping, need not be asked."""
    assert is_to_be_stopped(status) == (status in UNDER_WAY and status is not JobStatus.STOPPING)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(timedelta(hours=1, seconds=-1), False, id="before"),
        pytest.param(timedelta(hours=1), True, id="at-the-deadline"),
        pytest.param(timedelta(days=9), True, id="long-after"),
    ],
)
def test_the_deadline_counts_from_the_plan(tmp_path: Path, after: timedelta, expected: bool) -> None:
    """DEADLINE_H after the plan nothing more is asked, however often a stage was retried in between."""
    settings = factories.settings(tmp_path, deadline_h=1.0)
    assert is_late(settings, PLAN, PLAN.planned_at + after) is expected


@pytest.mark.parametrize(
    ("previous_s", "expected"),
    [
        pytest.param(None, 10.0, id="first"),
        pytest.param(10.0, 15.0, id="grows"),
        pytest.param(60.0, 80.0, id="up-to-the-interval"),
        pytest.param(80.0, 80.0, id="at-the-interval"),
    ],
)
def test_looks_come_further_apart(previous_s: float | None, expected: float) -> None:
    """The first look comes after an eighth of the interval, each later one half as long again, up to all of it."""
    assert next_wait_s(previous_s, 80.0, 0.0) == expected


@given(st.none() | st.floats(0.001, 1e6), st.floats(0.001, 1e6), st.floats(-1, 1))
def test_a_wait_is_within_a_fifth_of_what_it_should_be(
    previous_s: float | None, longest_s: float, jitter: float
) -> None:
    """Jitter spreads the looks by a fifth and never makes one immediate or longer than 1.2 intervals."""
    without = next_wait_s(previous_s, longest_s, 0.0)
    actual = next_wait_s(previous_s, longest_s, jitter)
    assert 0 < actual <= 1.2 * longest_s * (1 + 1e-9)
    assert actual == pytest.approx(without, rel=0.2 + 1e-9)


UNKNOWN: Literal["unknown"] = "unknown"

Shown = JobStatus | Literal["unknown"] | None


class Script:
    """Bedrock whose jobs show the statuses of a script, look by look; the last one stays.

    A status of None is a look that fails, and one of UNKNOWN a job that Bedrock does not show. A job that is asked to
    stop shows the script of `stopping` from then on, if it has one; `refuses_stops` refuses to stop any.
    """

    def __init__(self, **looks: Sequence[Shown]) -> None:
        self.looks = {key: list(script) for key, script in looks.items()}
        self.created: list[str] = []
        self.stopping: dict[str, list[Shown]] = {}
        self.stopped: list[str] = []
        self.refuses_stops = False
        self.unavailable_stops = 0

    def create_job(self, request: JobRequest) -> str:
        self.created.append(request.client_request_token)
        return f"arn/{request.client_request_token}"

    def find_jobs(self, request: JobRequest) -> list[Job]:
        return []

    def list_jobs(self, name_contains: str, submitted_after: datetime) -> list[Job]:
        raise AssertionError(name_contains)

    def stop_job(self, job_arn: str) -> None:
        key = job_arn.rsplit("/", 1)[-1]
        if self.unavailable_stops:
            self.unavailable_stops -= 1
            raise BedrockUnavailable("stop job: ThrottlingException")
        self.stopped.append(key)
        if self.refuses_stops:
            raise BedrockRefused("stop job: AccessDeniedException")
        if key in self.stopping:
            self.looks[key] = self.stopping.pop(key)

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        raise AssertionError(model_id)

    def get_job(self, job_arn: str) -> Job:
        script = self.looks[job_arn.rsplit("/", 1)[-1]]
        status = script.pop(0) if len(script) > 1 else script[0]
        if status is None:
            raise BedrockUnavailable("get job: ThrottlingException")
        if status is UNKNOWN:
            raise JobUnknown("get job: ResourceNotFoundException")
        return Job(job_arn=job_arn, job_name="", status=status, message="why" if status == "Failed" else None)


class Night:
    """A ledger below a local folder, and a clock."""

    def __init__(self, root: Path) -> None:
        self.settings: Settings = factories.settings(root, poll_interval_s=80.0, deadline_h=1.0, max_jobs_in_flight=2)
        self.paths = DayPaths(self.settings, factories.RUN_DATE)
        self.clock = FakeClock()
        self.storage = factories.local_adapters().storage

    def entry(self, key: str, state: EntryState = EntryState.SUBMITTED, **changes: Any) -> None:
        arn = f"arn/{key}" if state is EntryState.SUBMITTED else None
        shard = len(read_ledger(self.storage, self.paths))
        entry = factories.ledger_entry(key=key, shard=shard, state=state, job_arn=arn, **changes)
        factories.put_entry(self.storage, self.paths, entry)

    def wait(self, bedrock: Script, on_progress: Callable[[Progress], None] = lambda _: None) -> dict[str, int]:
        return self.poll(bedrock, on_progress).ended

    def poll(self, bedrock: Script, on_progress: Callable[[Progress], None] = lambda _: None) -> PollSummary:
        outside = replace(factories.local_adapters(bedrock), clock=self.clock)
        return wait_for_jobs(
            Run(self.settings, PLAN, outside, RunPaths(self.settings, PLAN.run_date, PLAN.run_id)),
            lambda: PLAN.planned_at + timedelta(seconds=self.clock.now_s),
            on_progress=on_progress,
        )

    def ledger(self) -> list[LedgerEntry]:
        return read_ledger(self.storage, self.paths)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_nothing_live_is_not_waited_for(night: Night) -> None:
    """A day without live jobs needs no look and no sleep."""
    assert night.wait(Script()) == {}
    assert night.clock.sleeps == []


def test_all_jobs_are_waited_for_together_and_their_ends_are_recorded(night: Night) -> None:
    """The stage ends when the last job has ended; the ledger has each end with Bedrock's message."""
    for key in ("a", "b"):
        night.entry(key)
    seen: list[Progress] = []
    script = Script(a=[JobStatus.SUBMITTED, JobStatus.COMPLETED], b=[JobStatus.IN_PROGRESS] * 3 + [JobStatus.FAILED])
    assert night.wait(script, seen.append) == {"Completed": 1, "Failed": 1}
    assert [(entry.job_status, entry.job_message) for entry in night.ledger()] == [
        ("Completed", None),
        ("Failed", "why"),
    ]
    assert len(night.clock.sleeps) == 3
    assert len(seen) == 4


def test_jobs_held_back_by_the_limit_are_submitted_as_others_end(night: Night) -> None:
    """No more than MAX_JOBS_IN_FLIGHT run at once; the waiting one is submitted when a place is free."""
    for key in ("a", "b", "c"):
        night.entry(key, EntryState.INTENDED)
    waiting: list[int] = []
    script = Script(
        a=[JobStatus.IN_PROGRESS, JobStatus.COMPLETED],
        b=[JobStatus.IN_PROGRESS] * 4 + [JobStatus.COMPLETED],
        c=[JobStatus.COMPLETED],
    )
    by_key = {entry.client_request_token: entry.key for entry in night.ledger()}
    assert night.wait(script, lambda progress: waiting.append(progress.waiting_count)) == {"Completed": 3}
    assert [by_key[token] for token in script.created] == ["a", "b", "c"]
    assert waiting[0] == 1
    assert waiting[-1] == 0


def test_some_failed_looks_are_survived(night: Night) -> None:
    """Four failed looks in a row are slept over; a good one starts the count again."""
    night.entry("a")
    looks = [*[None] * 4, JobStatus.IN_PROGRESS, *[None] * 4, JobStatus.COMPLETED]
    assert night.wait(Script(a=looks)) == {"Completed": 1}


def test_looks_that_keep_failing_end_the_stage(night: Night) -> None:
    """After the fifth failed look in a row the stage itself is left to its retries."""
    night.entry("a")
    with pytest.raises(BedrockUnavailable):
        night.wait(Script(a=[None]))
    assert len(night.clock.sleeps) == 4


def test_a_job_that_is_not_shown_yet_is_waited_for(night: Night) -> None:
    """AWS promises no read after a write: a new job may be unknown to the first looks, and the others are seen."""
    night.entry("a", submitted_at=PLAN.planned_at)
    night.entry("b", submitted_at=PLAN.planned_at)
    script = Script(a=[UNKNOWN] * 6 + [JobStatus.COMPLETED], b=[JobStatus.COMPLETED])
    assert night.wait(script) == {"Completed": 2}


def test_a_job_that_should_be_there_by_now_ends_the_night(night: Night) -> None:
    """Ten minutes after it was taken, a job that Bedrock does not know is of another account or Region."""
    night.entry("a", submitted_at=PLAN.planned_at)
    with pytest.raises(JobUnknown):
        night.wait(Script(a=[UNKNOWN]))
    assert 10 * 60 < night.clock.now_s < 13 * 60


def test_at_the_deadline_every_job_is_stopped_and_its_end_awaited(night: Night) -> None:
    """After DEADLINE_H each running job is asked to stop, once Bedrock says so no more, and all ends are recorded."""
    night.entry("a")
    night.entry("b")
    script = Script(a=[JobStatus.COMPLETED], b=[JobStatus.IN_PROGRESS])
    script.stopping["b"] = [JobStatus.STOPPING, JobStatus.STOPPING, JobStatus.STOPPED]
    summary = night.poll(script)
    assert summary == PollSummary(ended={"Completed": 1, "Stopped": 1}, waited_s=summary.waited_s, is_late=True)
    assert script.stopped == ["b"]
    assert 3600 <= night.clock.now_s <= 3600 + 4 * 1.2 * 80
    assert [entry.job_status for entry in night.ledger()] == ["Completed", "Stopped"]


def test_the_first_look_after_a_stop_comes_early(night: Night) -> None:
    """A stop may be quick: after it the waits begin anew with an eighth of the interval."""
    night.entry("a")
    script = Script(a=[JobStatus.IN_PROGRESS])
    script.stopping["a"] = [JobStatus.STOPPED]
    night.poll(script)
    assert night.clock.sleeps[-1] <= 1.2 * 80 / 8


def test_a_job_that_will_not_stop_stays_owned(night: Night) -> None:
    """After STOP_WAIT_S the stage ends with the job as it is: submitted, in the ledger, asked to stop at each look."""
    night.settings = night.settings.model_copy(update={"stop_wait_s": 300.0})
    night.entry("a")
    script = Script(a=[JobStatus.SCHEDULED])
    summary = night.poll(script)
    assert (summary.is_late, summary.unstopped_count, summary.ended) == (True, 1, {})
    assert 3600 + 300 <= night.clock.now_s <= 3600 + 300 + 2 * 1.2 * 80
    assert len(script.stopped) > 2
    assert [(entry.state, entry.job_status) for entry in night.ledger()] == [(EntryState.SUBMITTED, None)]


def test_a_stop_that_is_refused_is_on_record(night: Night) -> None:
    """Without the permission to stop, the job goes on, the ledger says why, and the other jobs are asked as well."""
    night.settings = night.settings.model_copy(update={"stop_wait_s": 0.0})
    night.entry("a")
    night.entry("b")
    script = Script(a=[JobStatus.IN_PROGRESS], b=[JobStatus.IN_PROGRESS])
    script.refuses_stops = True
    assert night.poll(script).unstopped_count == 2
    assert script.stopped == ["a", "b"]
    assert {entry.job_message for entry in night.ledger()} == {"stop job: AccessDeniedException"}
    with pytest.raises(DeadlinePassed, match=r"2 jobs were to stop.*AccessDeniedException.*next run of the day adopts"):
        check_stopped(night.settings, night.ledger())


def test_a_stop_that_gets_lost_is_asked_again(night: Night) -> None:
    """A failed request to stop is a failed look: the next one asks again."""
    night.entry("a")
    script = Script(a=[JobStatus.IN_PROGRESS])
    script.stopping["a"], script.unavailable_stops = [JobStatus.STOPPED], 2
    assert night.wait(script) == {"Stopped": 1}


def test_a_job_that_ended_after_the_deadline_is_still_collected(night: Night) -> None:
    """A look that finds every job ended is a success, however late; nothing is stopped."""
    night.entry("a")
    script = Script(a=[JobStatus.IN_PROGRESS] * 3 + [JobStatus.EXPIRED])
    night.settings = night.settings.model_copy(update={"deadline_h": 0.01})
    assert night.wait(script) == {"Expired": 1}
    assert script.stopped == []


def test_the_deadline_does_not_begin_anew_with_a_retry(night: Night) -> None:
    """A stage that is retried after the deadline stops the jobs at its first look."""
    night.entry("a")
    night.clock.now_s = 7200.0
    script = Script(a=[JobStatus.IN_PROGRESS])
    script.stopping["a"] = [JobStatus.STOPPED]
    assert night.wait(script) == {"Stopped": 1}
    assert len(night.clock.sleeps) == 1
