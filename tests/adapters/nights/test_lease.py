"""The day's lease, over files and over S3's conditional writes."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.storage import Storage, Versioned
from tasks.base.errors import DayInUse, LeaseLost
from tasks.base.paths import DayPaths, backfill_lease
from tasks.base.settings import Settings
from tasks.ledger.lease import FREE_AFTER_S, Holder, check_held, held, is_free, take
from tasks.past_days.backfill.turn import Turn, in_turn
from tests.fakes import FakeClock

AnyClock = TypeVar("AnyClock", bound=FakeClock)

DAY = date(2026, 11, 19)


@pytest.fixture(params=["files", "s3"])
def settings(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings whose outputs lie in a folder, or in the sandbox's S3."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load(output_uri=str(tmp_path)) if request.param == "files" else Settings.load()


@pytest.fixture
def storage(settings: Settings) -> Storage:
    """The storage of those settings."""
    return adapters.connect(settings).storage


@pytest.mark.parametrize(
    ("holder", "age_s", "expected"),
    [
        pytest.param(Holder(run_id="a"), 0.0, False, id="alive"),
        pytest.param(Holder(run_id="a"), FREE_AFTER_S, False, id="at-the-limit"),
        pytest.param(Holder(run_id="a"), FREE_AFTER_S + 1, True, id="left-to-die"),
        pytest.param(Holder(run_id="a", is_released=True), 0.0, True, id="given-up"),
        pytest.param(Holder(run_id="b"), 0.0, True, id="our-own"),
    ],
)
def test_when_a_day_is_free(holder: Holder, age_s: float, expected: bool) -> None:
    """Free is what was given up, was left without a heartbeat for a minute, or is the run's own."""
    assert is_free(Versioned(holder.model_dump_json().encode(), "etag", age_s), "b") is expected


def test_of_many_runs_one_gets_the_day(settings: Settings, storage: Storage) -> None:
    """Eight runs that start together: one holds the day, and the others are told which."""
    uri, answers = DayPaths(settings, DAY).lease, []
    runs = [
        threading.Thread(target=lambda name=f"run-{number}": answers.append((name, take(storage, uri, name))))
        for number in range(8)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    winners = [name for name, attempt in answers if attempt.is_ours]
    assert len(winners) == 1
    assert {attempt.holder for _, attempt in answers} <= {*winners, "another run that took it just now"}
    body = storage.get(uri)
    assert body is not None
    assert json.loads(body)["run_id"] == winners[0]


@pytest.fixture
def clock(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of whoever connects, on which waiting takes no time."""
    return put_clock(FakeClock(), settings, monkeypatch)


def put_clock(clock: AnyClock, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AnyClock:
    """Let whoever connects go by this clock."""
    connected = replace(adapters.connect(settings), clock=clock)
    monkeypatch.setattr(adapters, "connect", lambda _: connected)
    return clock


def test_a_second_run_waits_then_says_who_works(settings: Settings, clock: FakeClock) -> None:
    """While one run holds the day another waits LEASE_WAIT_S and stops with the holder's name."""
    second = held(settings, DAY, "second")
    with held(settings, DAY, "first"), pytest.raises(DayInUse, match="first works on 2026-11-19"), second:
        pytest.fail("two runs hold the day")
    assert sum(clock.sleeps) >= settings.lease_wait_s


def test_the_day_is_free_as_soon_as_its_run_ends(settings: Settings, storage: Storage, clock: FakeClock) -> None:
    """A run that ends, well or not, gives the day up; the next gets in without waiting."""
    with pytest.raises(RuntimeError), held(settings, DAY, "first"):
        raise RuntimeError("the night stopped")
    with held(settings, DAY, "second"):
        check_held(storage, DayPaths(settings, DAY), "second")
    assert not clock.sleeps


class BeatingClock(FakeClock):
    """A clock on which three heartbeats are due at once, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.due = 3
        self.have_beaten = threading.Event()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """See Clock."""
        if self.due:
            self.due -= 1
            return False
        self.have_beaten.set()
        return super().wait(event, seconds)


def test_a_run_at_work_renews_its_lease(settings: Settings, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each heartbeat makes the lease young again, without a new term."""
    clock = put_clock(BeatingClock(), settings, monkeypatch)
    with held(settings, DAY, "at-work"):
        assert clock.have_beaten.wait(60)
        body = storage.get(DayPaths(settings, DAY).lease)
    assert body is not None
    assert Holder.model_validate_json(body) == Holder(run_id="at-work", term=1, beat=3)


def test_a_run_that_was_taken_for_dead_must_not_publish(settings: Settings, storage: Storage) -> None:
    """A run that wakes up after another took over its day is told so before it writes."""
    paths = DayPaths(settings, DAY)
    with held(settings, DAY, "sleeper"):
        storage.put(paths.lease, Holder(run_id="successor").model_dump_json().encode())
        with pytest.raises(LeaseLost, match="successor"):
            check_held(storage, paths, "sleeper")
    body = storage.get(paths.lease)
    assert body is not None
    assert Holder.model_validate_json(body) == Holder(run_id="successor"), (
        "the sleeper must not give up another's lease"
    )


def test_a_conditional_write_needs_the_current_etag(settings: Settings, storage: Storage) -> None:
    """put_if_match replaces what was read, once; a stale etag or an absent object changes nothing."""
    uri = f"{settings.output_uri}/state/x.json"
    assert not storage.put_if_match(uri, b"a", "0" * 32)
    storage.put(uri, b"a")
    found = storage.get_versioned(uri)
    assert found is not None
    assert found.body == b"a"
    assert abs(found.age_s) < 60
    assert storage.put_if_match(uri, b"b", found.etag)
    assert not storage.put_if_match(uri, b"c", found.etag)
    assert storage.get(uri) == b"b"


SINCE = datetime(2026, 11, 20, 1, 5, tzinfo=UTC)


def test_a_backfill_waits_its_turn_and_says_for_whom(settings: Settings, clock: FakeClock) -> None:
    """Who has the turn, since when by the settings' clock, what to do; it goes on when that one ends."""
    told: list[str] = []
    with in_turn(settings, "run-a", "backfill-of-october", SINCE, told.append) as first:
        first.check()
        clock.on_sleep = lambda: pytest.fail("it waits") if len(clock.sleeps) > 3 else None
        with pytest.raises(pytest.fail.Exception), in_turn(settings, "run-b", "backfill-b", SINCE, told.append):
            pytest.fail("two backfills at work")
    (line,) = told
    assert line.startswith("backfill-of-october has been at work since 2026-11-20 10:05 JST")
    assert "Resume" in line
    clock.on_sleep = lambda: None
    with in_turn(settings, "run-b", "backfill-b", SINCE, told.append):
        assert len(told) == 1, "nobody had the turn any more"


def test_a_backfill_that_died_gives_its_turn_back_by_itself(
    settings: Settings, storage: Storage, clock: FakeClock
) -> None:
    """A minute after its last sign of life the next one gets in, and the dead one, should it wake, begins no day."""
    uri = backfill_lease(settings)
    assert take(storage, uri, "run-a", "backfill-a").is_ours
    found = storage.get_versioned(uri)
    assert found is not None
    assert is_free(found._replace(age_s=FREE_AFTER_S + 1), "run-b")
    assert not is_free(found, "run-b")
    assert storage.put_if_match(
        uri, Holder(run_id="run-b", term=2, name="backfill-b").model_dump_json().encode(), found.etag
    )
    with pytest.raises(LeaseLost, match="backfill-b took over"):
        Turn(settings, "run-a").check()
