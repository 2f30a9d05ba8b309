"""Waiting for the day's jobs: what is done about each status, how long between looks, and when a night gives up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.batch_lines import InvocationType
from data_contracts.ledger import EntryState, LedgerEntry
from tasks.errors import BedrockUnavailable, DeadlinePassed
from tasks.ledger import ENDED, read_ledger, write_intent
from tasks.paths import DayPaths
from tasks.poll_batch import Progress, next_action, next_wait_s, wait_for_jobs
from tasks.ports import Job, JobRequest, JobStatus
from tasks.settings import Settings
from tests import factories

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


@pytest.mark.parametrize("waited_s", [0.0, 99.9, 100.0, 1e9])
@pytest.mark.parametrize("status", ENDS)
def test_every_end_is_collected(status: JobStatus, waited_s: float) -> None:
    """However a job ended and however late, it may have left paid answers."""
    assert next_action(status, waited_s, 100.0) == "collect"


@pytest.mark.parametrize(
    ("waited_s", "action"),
    [
        pytest.param(0.0, "wait", id="at-first"),
        pytest.param(99.9, "wait", id="before-the-limit"),
        pytest.param(100.0, "give_up", id="at-the-limit"),
        pytest.param(1e9, "give_up", id="after-the-limit"),
    ],
)
@pytest.mark.parametrize("status", UNDER_WAY)
def test_a_job_under_way_is_waited_for_until_the_limit(status: JobStatus, waited_s: float, action: str) -> None:
    """A stopping job is not yet stopped: it is waited for like the others."""
    assert next_action(status, waited_s, 100.0) == action


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


class Script:
    """Bedrock whose jobs show the statuses of a script, look by look; the last one stays.

    A status of None is a look that fails.
    """

    def __init__(self, **looks: Sequence[JobStatus | None]) -> None:
        self.looks = {key: list(script) for key, script in looks.items()}
        self.created: list[str] = []

    def create_job(self, request: JobRequest) -> str:
        self.created.append(request.client_request_token)
        return f"arn/{request.client_request_token}"

    def find_job(self, request: JobRequest) -> Job | None:
        return None

    def stop_job(self, job_arn: str) -> None:
        raise AssertionError(job_arn)

    def invoke(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(model_id)

    def get_job(self, job_arn: str) -> Job:
        script = self.looks[job_arn.rsplit("/", 1)[-1]]
        status = script.pop(0) if len(script) > 1 else script[0]
        if status is None:
            raise BedrockUnavailable("get job: ThrottlingException")
        return Job(job_arn=job_arn, job_name="", status=status, message="why" if status == "Failed" else None)


class Clock:
    """Time that passes only while someone sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now_s += seconds


class Night:
    """A ledger below a local folder, and a clock."""

    def __init__(self, root: Path) -> None:
        self.settings: Settings = factories.settings(root, poll_interval_s=80.0, deadline_h=1.0, max_jobs_in_flight=2)
        self.paths = DayPaths(self.settings, factories.RUN_DATE)
        self.clock = Clock()
        self.storage = factories.local_adapters().storage

    def entry(self, key: str, state: EntryState = EntryState.SUBMITTED) -> None:
        arn = f"arn/{key}" if state is EntryState.SUBMITTED else None
        shard = len(read_ledger(self.storage, self.paths))
        write_intent(self.storage, self.paths, factories.ledger_entry(key=key, shard=shard, state=state, job_arn=arn))

    def wait(self, bedrock: Script, on_progress: Callable[[Progress], None] = lambda _: None) -> dict[str, int]:
        return wait_for_jobs(
            factories.local_adapters(bedrock),
            self.settings,
            self.paths,
            factories.NOW,
            sleep=self.clock.sleep,
            clock=lambda: self.clock.now_s,
            on_progress=on_progress,
        ).ended

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


def test_a_night_gives_up_at_the_deadline_and_loses_nothing(night: Night) -> None:
    """At DEADLINE_H the night stops; the jobs stay submitted in the ledger, those that ended are recorded."""
    night.entry("a")
    night.entry("b")
    with pytest.raises(DeadlinePassed, match=r"^1 of 2 jobs had not ended after MODERATION_DEADLINE_H=1 hours"):
        night.wait(Script(a=[JobStatus.COMPLETED], b=[JobStatus.IN_PROGRESS]))
    assert 3600 <= night.clock.now_s <= 3600 + 1.2 * 80
    assert [(entry.state, entry.job_status) for entry in night.ledger()] == [
        (EntryState.SUBMITTED, "Completed"),
        (EntryState.SUBMITTED, None),
    ]


def test_a_job_that_ended_after_the_deadline_is_still_collected(night: Night) -> None:
    """A look that finds every job ended is a success, however late."""
    night.entry("a")
    looks = [JobStatus.IN_PROGRESS] * 3 + [JobStatus.EXPIRED]
    night.settings = night.settings.model_copy(update={"deadline_h": 0.01})
    assert night.wait(Script(a=looks)) == {"Expired": 1}
