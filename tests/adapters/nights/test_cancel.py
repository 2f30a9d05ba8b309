"""A cancelled run: its jobs are stopped first of all, what they answered is kept, and the next run goes on."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.storms.simulated_clock import all_as_expected
from data_contracts.batch_lines import InvocationType
from sandbox.days import sample_day
from sandbox.play import play_night
from tasks import adapters
from tasks.base.errors import BedrockRefused
from tasks.base.paths import DayPaths
from tasks.base.ports import Job, JobRequest, JobStatus
from tasks.base.settings import Settings
from tasks.jobs.stop_jobs import WAIT_S, Stopped, stop_day, stop_left
from tasks.ledger.entries import read_ledger
from tasks.ledger.lease import Holder, check_held, held
from tests.fakes import FakeAlerts, FakeBedrock, FakeClock
from tests.late_site import DAY, now
from tests.measured_nights import settings_in


class Watched(FakeBedrock):
    """A fake that tells the order of its calls, and is interrupted at one of them."""

    def __init__(self, *args: Any, **knobs: Any) -> None:
        super().__init__(*args, **knobs)
        self.calls: list[str] = []
        #: (call, how often it is made before the interrupt)
        self.interrupt: tuple[str, int] | None = None
        #: what the interrupted call itself fails with as it is left
        self.fails_with: Exception | None = None

    def create_job(self, request: JobRequest) -> str:
        arn = super().create_job(request)
        self._called("create")
        return arn

    def get_job(self, job_arn: str) -> Job:
        self._called("get")
        return super().get_job(job_arn)

    def stop_job(self, job_arn: str) -> None:
        self._called("stop")
        super().stop_job(job_arn)

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        answer = super().invoke(model_id, invocation_type, body)
        self._called("invoke")
        return answer

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.interrupt is not None and self.interrupt[0] == name and self.calls.count(name) > self.interrupt[1]:
            self.interrupt = None
            try:
                raise KeyboardInterrupt
            finally:
                if self.fails_with is not None:
                    raise self.fails_with


class Site:
    """A site in a folder, with jobs that are never done by themselves."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        given = {
            "poll_interval_s": 0.001,
            "preflight_canary": False,
            "on_demand_per_s": 10_000,
            "on_demand_concurrency": 1,
            "max_shard_records": 130,
            "lease_wait_s": 0.0,
        }
        self.settings: Settings = settings_in(root, **(given | settings))
        self.paths = DayPaths(self.settings, DAY)
        real = adapters.connect(self.settings)
        self.bedrock, self.alerts = Watched(real.storage, polls_until_done=10**6), FakeAlerts()
        self.connected = replace(real, bedrock=self.bedrock, alerts=(self.alerts,), run_suite=all_as_expected)
        self.storage = real.storage
        monkeypatch.setattr(adapters, "connect", lambda _: self.connected)

    def put_day(self, count: int) -> None:
        folder = Path(self.paths.comments)
        folder.mkdir(parents=True)
        comments = sample_day(DAY, dirty_fraction=0, comment_count=600).comments
        comments.unique("text", maintain_order=True).head(count).write_parquet(folder / "part-0.parquet")

    def play(self, run_id: str) -> Any:
        return play_night(self.settings, DAY, run_id, now)

    def cancelled(self, run_id: str) -> str:
        """Play a night that is interrupted, and what is noted on the interrupt."""
        with pytest.raises(KeyboardInterrupt) as caught:
            self.play(run_id)
        return " ".join(caught.value.__notes__)

    def verdicts(self) -> pl.DataFrame:
        return pl.read_parquet(self.paths.plain("verdicts"))

    def free_at_once(self) -> None:
        """Whether the day was given up."""
        with held(self.settings, DAY, "somebody"):
            check_held(self.storage, self.paths, "somebody")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return Site(tmp_path, monkeypatch)


def test_a_cancelled_night_stops_its_jobs_and_the_next_run_goes_on(site: Site) -> None:
    """Stopped before anything is waited for; half of the answers came and are booked; the next run asks the rest."""
    site.put_day(260)
    site.bedrock.interrupt = ("get", 3)
    told = site.cancelled("cancelled")
    assert told.startswith("2 Bedrock jobs were asked to stop, 2 have ended; the answers of 2 are booked; run the day")
    after = site.bedrock.calls[len(("create",) * 2 + ("get",) * 4) :]
    assert after[:2] == ["stop", "stop"], "the requests go out before any look"
    assert [entry.job_status for entry in read_ledger(site.storage, site.paths)] == ["Stopped", "Stopped"]
    assert {entry.state for entry in read_ledger(site.storage, site.paths)} == {"collected"}
    assert not Path(site.paths.plain("verdicts")).exists()
    assert site.alerts.messages == [], "a cancelled run alerts nobody"
    site.free_at_once()
    answered = sum(site.bedrock.paid_records.values())
    assert 120 <= answered <= 130
    site.bedrock.polls_until_done = 0
    night = site.play("next")
    assert night is not None
    assert night.statuses == {"judged": 260}
    assert set(site.bedrock.paid_records.values()) == {1}
    assert night.balance.unattributed_cost_usd == 0


def test_an_interrupt_that_makes_something_else_fail_is_still_one(site: Site) -> None:
    """It may come anywhere, and what it cuts off may fail in its own way: jobs are stopped, and nobody is alerted."""
    site.put_day(130)
    site.bedrock.interrupt, site.bedrock.fails_with = ("get", 3), RuntimeError("the connection was closed in use")
    assert site.cancelled("cancelled").startswith("1 Bedrock jobs were asked to stop, 1 have ended")
    assert site.alerts.messages == []


def test_a_job_that_was_just_accepted_is_stopped_too(site: Site) -> None:
    """Cancelled between Bedrock's acceptance and our write: the job is found, stopped and booked."""
    site.put_day(130)
    site.bedrock.interrupt = ("create", 0)
    assert site.cancelled("cancelled").startswith("1 Bedrock jobs were asked to stop, 1 have ended")
    (entry,) = read_ledger(site.storage, site.paths)
    assert (entry.adopted, entry.job_status, entry.state) == (True, "Stopped", "collected")
    assert [job.status for job in site.bedrock.jobs] == [JobStatus.STOPPED]


def test_a_small_night_begins_no_further_call(site: Site) -> None:
    """On demand, calls end with the cancel; what was answered is booked, and the next run asks for what is left."""
    site.put_day(40)
    site.bedrock.interrupt = ("invoke", 9)
    told = site.cancelled("cancelled")
    assert told.startswith("no Bedrock job was running; the answers of 1 are booked")
    assert sum(site.bedrock.invoked.values()) == 10
    (entry,) = read_ledger(site.storage, site.paths)
    assert (entry.state, entry.job_status) == ("collected", "Stopped")
    assert entry.usage is not None
    assert entry.usage.answered_count == 9, "the tenth call was in flight"
    night = site.play("next")
    assert night is not None
    assert night.statuses == {"judged": 40}
    assert Counter(site.bedrock.invoked.values()) == {1: 39, 2: 1}


def test_a_signal_ends_a_small_night(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real signal reaches the run while its calls are under way in threads: they are finished, and no more begin."""
    site.put_day(40)
    came = threading.Event()

    def interrupt(*_: object) -> None:
        came.set()
        raise KeyboardInterrupt

    class Signalled(Watched):
        def invoke(
            self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
        ) -> dict[str, Any]:
            answer = super().invoke(model_id, invocation_type, body)
            if sum(self.invoked.values()) == 10:
                os.kill(os.getpid(), signal.SIGINT)
                came.wait(30)
            return answer

    site.bedrock = Signalled(site.storage)
    site.connected = replace(site.connected, bedrock=site.bedrock)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        site.cancelled("cancelled")
    finally:
        signal.signal(signal.SIGINT, before)
    calls = sum(site.bedrock.invoked.values())
    assert calls in (10, 11)
    (entry,) = read_ledger(site.storage, site.paths)
    assert entry.usage is not None
    assert entry.usage.answered_count == calls
    night = site.play("next")
    assert night is not None
    assert set(site.bedrock.invoked.values()) == {1}


def test_a_run_that_waits_for_the_day_stops_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while another run works on the day: that run's jobs are left alone."""
    site.put_day(130)
    site.settings = site.settings.model_copy(update={"lease_wait_s": 60.0})
    monkeypatch.setattr("tasks.ledger.lease.take", _interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        site.play("waiting")
    assert not getattr(caught.value, "__notes__", ())
    assert site.bedrock.calls == []


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


# Stopping a day.


class Stubborn(Watched):
    """A fake whose jobs do not heed a stop, or that refuses it."""

    refuses = False

    def stop_job(self, job_arn: str) -> None:
        self._called("stop")
        if self.refuses:
            raise BedrockRefused("stop job: AccessDeniedException: no")


def submitted(site: Site, bedrock: Watched) -> None:
    """Two jobs under way, and nobody who waits for them."""
    site.put_day(260)
    site.bedrock = bedrock
    site.connected = replace(site.connected, bedrock=bedrock)
    bedrock.interrupt = ("get", 0)
    with pytest.raises(KeyboardInterrupt):
        site.play("killed")


@pytest.mark.parametrize("refuses", [False, True])
def test_jobs_that_do_not_stop_stay_owned(
    site: Site, refuses: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After twenty seconds whoever cancelled is told; the jobs stay submitted, and the next run adopts them."""
    monkeypatch.setattr("tasks.jobs.stop_jobs.stop_day", lambda *_: Stopped())
    bedrock = Stubborn(site.storage, polls_until_done=10**6)
    submitted(site, bedrock)
    bedrock.refuses = refuses
    clock = FakeClock()
    site.connected = replace(site.connected, clock=clock)
    stopped = stop_day(site.settings, DAY, now)
    assert (stopped.asked_count, stopped.running_count, stopped.booked_count) == (2, 2, 0)
    assert sum(clock.sleeps) == WAIT_S
    assert stopped.problems == (("stop job: AccessDeniedException: no",) if refuses else ())
    assert "2 stay in the ledger until the next run" in stopped.told
    assert {entry.state for entry in read_ledger(site.storage, site.paths)} == {"submitted"}
    bedrock.finish()
    night = site.play("next")
    assert night is not None
    assert night.statuses == {"judged": 260}
    assert len(bedrock.requests) == 2


class Forgetful(Watched):
    """A fake that does not know its newest jobs when it is first asked to stop them."""

    forgets = 0

    def stop_job(self, job_arn: str) -> None:
        if self.forgets:
            self.forgets -= 1
            raise BedrockRefused("stop job: ResourceNotFoundException: no")
        super().stop_job(job_arn)


def test_a_stop_that_is_refused_is_asked_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS promises no read after a write: a job that was taken a moment ago is stopped as soon as it is known."""
    with monkeypatch.context() as patch:
        patch.setattr("tasks.jobs.stop_jobs.stop_day", lambda *_: Stopped())
        bedrock = Forgetful(site.storage, polls_until_done=10**6)
        submitted(site, bedrock)
    bedrock.forgets = 2
    clock = FakeClock()
    site.connected = replace(site.connected, clock=clock)
    stopped = stop_day(site.settings, DAY, now)
    assert (stopped.asked_count, stopped.running_count, stopped.problems) == (2, 0, ())
    assert sum(clock.sleeps) < WAIT_S
    assert bedrock.calls.count("stop") == 2


def test_stopping_a_day_again_does_nothing(site: Site) -> None:
    """What is stopped and booked stays so."""
    submitted(site, Watched(site.storage, polls_until_done=10**6))
    before = read_ledger(site.storage, site.paths)
    assert stop_day(site.settings, DAY, now) == Stopped()
    assert read_ledger(site.storage, site.paths) == before


@pytest.mark.parametrize(
    ("holder", "is_stopped"),
    [
        pytest.param(Holder(run_id="killed"), True, id="killed-before-it-could"),
        pytest.param(Holder(run_id="killed", is_released=True), True, id="given-up"),
        pytest.param(Holder(run_id="successor"), False, id="taken-over"),
        pytest.param(None, False, id="never-begun"),
    ],
)
def test_the_hook_stops_what_its_own_run_left(
    site: Site, holder: Holder | None, is_stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed before it could stop its jobs has them stopped; another run's are left alone."""
    with monkeypatch.context() as patch:
        patch.setattr("tasks.jobs.stop_jobs.stop_day", lambda *_: Stopped())
        submitted(site, Watched(site.storage, polls_until_done=10**6))
    if holder is None:
        Path(site.paths.lease).unlink()
    else:
        site.storage.put(site.paths.lease, holder.model_dump_json().encode())
    stopped = stop_left(site.settings, DAY, "killed", now)
    assert (stopped is not None) is is_stopped
    assert (site.bedrock.calls.count("stop") > 0) is is_stopped
    if is_stopped:
        assert {entry.state for entry in read_ledger(site.storage, site.paths)} == {"collected"}
        site.free_at_once()
