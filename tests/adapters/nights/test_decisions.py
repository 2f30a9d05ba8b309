"""What is published stays what a person decided: plain nights, judging all again, and restores, in every order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from time import monotonic

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.storms.simulated_clock import all_as_expected
from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from flows.night import NightOptions, judge_day
from sandbox.days import sample_day
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.paths import DayPaths
from tasks.base.steps import PlainSteps
from tasks.ledger.entries import read_ledger
from tasks.past_days.restore_day import restore_day
from tests.fakes import FakeBedrock
from tests.measured_nights import settings_in

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
#: Every order of three of: a plain night, all judged again, the verdicts before these brought back.
ORDER = "nnnannrnaanarnranrraaararrrnn"

#: What a version of this program writes as a plan's hash.
Hash = Callable[[Plan], str]


def hash_of_earlier_versions(plan: Plan) -> str:
    """With the epoch in it."""
    return plan.sha256_with(plan.epoch)


class Site:
    """A day of a few comments whose every judgement comes out otherwise."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.settings = settings_in(
            root, poll_interval_s=0.001, max_rejected_fraction=0.5, max_attempts=1, count_tokens=False
        )
        self.paths = DayPaths(self.settings, DAY)
        folder = Path(f"{root}/comments/date={DAY}")
        folder.mkdir(parents=True)
        sample_day(DAY, dirty_fraction=0).comments.head(110).write_parquet(folder / "part-0.parquet")
        real = adapters.connect(self.settings)
        self.bedrock = FakeBedrock(real.storage, polls_until_done=1)
        self.outside = Adapters(real.storage, real.lake, self.bedrock, alerts=(), run_suite=all_as_expected)
        patch.setattr(adapters, "connect", lambda _: self.outside)
        self._runs = 0

    def judge(self, epoch: int = 0, *, again: bool = False) -> bool:
        """Play a night; whether it published."""
        self._runs += 1
        self.bedrock.malformed_records = self._runs
        options = NightOptions(epoch, asks_again=again)
        night = judge_day(
            self.settings, DAY, f"run-{self._runs}", PlainSteps(monotonic, lambda *_: None), lambda: NOW, options
        )
        return night is not None

    def judge_all(self) -> bool:
        """What a backfill in mode `all` does with the day."""
        return self.judge(self.last_epoch() + 1, again=True)

    def last_epoch(self) -> int:
        return max(entry.epoch for entry in read_ledger(self.outside.storage, self.paths))

    def bring_back(self) -> pl.DataFrame:
        """Restore the newest verdicts that are not the day's own; what they were."""
        uri, now_there = self.paths.lake(VERDICTS.name), self.published_run()
        commits = [(each.version, each.note.get("run_id", "")) for each in self.outside.lake.commits(uri)]
        version = next(
            version for version, run_id in reversed(commits) if run_id != now_there and run_id.startswith("run-")
        )
        before = self.outside.lake.scan_at(uri, VERDICTS, version).collect()
        self._runs += 1
        later = NOW + timedelta(minutes=self._runs)
        restore_day(self.settings, DAY, version, "the last was worse", f"restore-{self._runs}", later)
        return before

    def published_run(self) -> str:
        return str(self.read(NIGHTS.name)["run_id"].item())

    def read(self, name: str) -> pl.DataFrame:
        table = {"verdicts": VERDICTS, "nights": NIGHTS}[name]
        return self.outside.lake.scan(self.paths.lake(name), table).collect().sort(table.key)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return Site(tmp_path, monkeypatch)


@contextmanager
def left_alone(site: Site) -> Iterator[None]:
    """Nothing is asked, and lake and plain object stay as they are, to the last column."""
    before, jobs = (site.read("nights"), site.read("verdicts")), len(site.bedrock.jobs)
    yield
    assert len(site.bedrock.jobs) == jobs
    for was, now in zip(before, (site.read("nights"), site.read("verdicts")), strict=True):
        assert_frame_equal(was, now)
    assert_frame_equal(pl.read_parquet(site.paths.plain("verdicts")), before[1], check_row_order=False)


def test_the_order_holds_every_order_of_three() -> None:
    """No order of three deeds is left out."""
    held = {ORDER[start : start + 3] for start in range(len(ORDER) - 2)}
    assert held == {"".join(deeds) for deeds in product("nar", repeat=3)}


@pytest.mark.parametrize(
    "written",
    [pytest.param(None, id="of-this-version"), pytest.param(hash_of_earlier_versions, id="of-an-earlier-version")],
)
def test_a_plain_night_changes_nothing_that_a_person_decided(
    written: Hash | None, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After judging all again and after a restore, in whatever order, a plain night pays for nothing and leaves the
    day as it is; judging all again publishes, and a restore brings back what it names. So it is where the rows were
    written by an earlier version, whose hashes hold the epoch."""
    assert site.judge()
    assert site.judge_all()
    for deed in ORDER:
        if deed == "n":
            with left_alone(site):
                assert not site.judge()
            continue
        with monkeypatch.context() as earlier:
            if written is not None:
                earlier.setattr(Plan, "sha256", property(written))
            if deed == "a":
                run = site.published_run()
                assert site.judge_all()
                assert site.published_run() != run
            else:
                assert_frame_equal(site.bring_back().sort("comment_id"), site.read("verdicts").sort("comment_id"))
