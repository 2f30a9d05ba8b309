"""A night killed before and after each durable step, then run again: nothing is paid twice, nothing is lost.

The steps are not listed here: they are whatever the storage, lake and Bedrock ports are asked to write. A killed
process writes nothing more, not even to give up its lease; the next run comes when the lease has run out.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.verdicts import VERDICTS
from sandbox.days import sample_day
from sandbox.nights import play_night
from tasks import adapters
from tasks.adapters import Adapters
from tasks.lease import FREE_AFTER_S
from tasks.ledger import read_ledger
from tasks.paths import DayPaths
from tasks.settings import Settings
from tests.fakes import FakeBedrock, Killed

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
#: Every call of a port that outlives the process.
DURABLE = {
    "put",
    "put_if_absent",
    "put_if_match",
    "send",
    "delete",
    "replace_day",
    "append",
    "create_job",
    "stop_job",
    "invoke",
}
#: Differ from run to run by nature.
OF_THE_RUN = ("run_id", "decided_at", "batch_job_arn")


@dataclass
class Fate:
    """When a process dies: before or after the durable step of this number; None for never."""

    step: int | None = None
    is_after: bool = False
    steps: list[str] = field(default_factory=list)
    is_dead: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    def watch(self, port: Any) -> Any:
        """The port, until the process dies."""
        return _Watched(self, port)

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Let a call through, or die."""
        with self.lock:
            if self.is_dead:
                raise Killed
            if name not in DURABLE:
                return function(*args, **kwargs)
            self.steps.append(name)
            is_mine = len(self.steps) - 1 == self.step
            if is_mine and not self.is_after:
                self.is_dead = True
                raise Killed
            result = function(*args, **kwargs)
            if is_mine:
                self.is_dead = True
                raise Killed
            return result


class _Watched:
    def __init__(self, fate: Fate, port: Any) -> None:
        self._fate, self._port = fate, port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._fate.call(name, found, *args, **kwargs)


class Site:
    """A site in a folder, with a Bedrock that outlives the processes that use it."""

    def __init__(self, root: Path, comments: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(
            comments_uri=f"{root}/comments",
            labels_uri=f"{root}/labels",
            output_uri=f"{root}/output",
            batch_uri=f"{root}/batch",
            role_arn="arn:aws:iam::123456789012:role/AmazonBedrockTest",
            poll_interval_s=0.001,
            max_rejected_fraction=0.5,
            on_demand_per_s=10_000,
            on_demand_concurrency=1,
        )
        folder = Path(f"{root}/comments/date={DAY}")
        folder.mkdir(parents=True)
        comments.write_parquet(folder / "part-0.parquet")
        self.real = adapters.connect(self.settings)
        self.bedrock = FakeBedrock(self.real.storage, polls_until_done=1)
        self._monkeypatch = monkeypatch

    def run(self, run_id: str, fate: Fate) -> None:
        """Run the night in a process with this fate."""
        connected = Adapters(
            storage=fate.watch(self.real.storage),
            lake=fate.watch(self.real.lake),
            bedrock=fate.watch(self.bedrock),
            alerts=(),
        )
        self._monkeypatch.setattr(adapters, "connect", lambda _: connected)
        try:
            play_night(self.settings, DAY, run_id, lambda: NOW)
        except Killed:
            lease = Path(DayPaths(self.settings, DAY).lease)
            if lease.exists():  # as much later as the lease needs
                long_ago = time.time() - FREE_AFTER_S - 1
                os.utime(lease, (long_ago, long_ago))

    def verdicts(self) -> pl.DataFrame:
        """What analysts read, without what differs from run to run."""
        plain = pl.read_parquet(DayPaths(self.settings, DAY).plain("verdicts"))
        lake = self.real.lake.scan(DayPaths(self.settings, DAY).lake("verdicts"), VERDICTS).collect()
        assert_frame_equal(plain.sort("comment_id"), lake.sort("comment_id"))
        return plain.drop(OF_THE_RUN).sort("comment_id")

    def check_books(self) -> None:
        """No record was paid twice, no job is without an owner, and every entry is booked."""
        ledger = read_ledger(self.real.storage, DayPaths(self.settings, DAY))
        assert set(self.bedrock.paid_records.values()) <= {1}
        assert {job.job_arn for job in self.bedrock.jobs} == {entry.job_arn for entry in ledger if entry.job_arn}
        assert {entry.state for entry in ledger} == {"collected"}


@pytest.fixture(params=[pytest.param(130, id="batch"), pytest.param(12, id="on-demand")])
def comments(request: pytest.FixtureRequest) -> pl.DataFrame:
    """A day for a job, and one that is too small for it; a few rows of each are dirty."""
    day = sample_day(DAY, dirty_fraction=0.02).comments
    return day.head(request.param)


def test_a_kill_at_any_step_costs_nothing(
    comments: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before or after any durable step and run again, the day is that of a night nobody disturbed."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    undisturbed, quiet = Site(tmp_path / "undisturbed", comments, monkeypatch), Fate()
    undisturbed.run("only", quiet)
    undisturbed.check_books()
    expected = undisturbed.verdicts()
    assert {"create_job", "replace_day"} <= set(quiet.steps) or "invoke" in quiet.steps
    # Dying before a step leaves what dying after the one before it left: only the very first has a "before" of its own.
    for step, name in enumerate(["nothing yet", *quiet.steps], -1):
        site = Site(tmp_path / f"after-{step}", comments, monkeypatch)
        site.run("killed", Fate(max(step, 0), is_after=step >= 0))
        site.run("second", Fate())
        site.check_books()
        assert_frame_equal(site.verdicts(), expected)
        repeated = sum(site.bedrock.invoked.values()) - sum(undisturbed.bedrock.invoked.values())
        assert repeated <= 1, f"calls repeated after dying after step {step}, {name}"


def test_killed_again_and_again(comments: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies at every third step it makes gets there in the end, and has paid once."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    undisturbed = Site(tmp_path / "undisturbed", comments, monkeypatch)
    undisturbed.run("only", Fate())
    site, kills = Site(tmp_path / "site", comments, monkeypatch), 0
    for step in range(200):
        fate = Fate(step // 2, is_after=bool(step % 2))
        site.run(f"run-{step}", fate)
        if not fate.is_dead:
            break
        kills += 1
    assert kills > 20
    site.check_books()
    assert_frame_equal(site.verdicts().drop("attempt"), undisturbed.verdicts().drop("attempt"))
