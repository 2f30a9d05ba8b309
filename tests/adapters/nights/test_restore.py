"""A day brought back from an earlier version: whole, on record, and never with a comment that was erased."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.storms.simulated_clock import all_as_expected
from data_contracts.tables.comments import REJECTED
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.label_requests import LABEL_REQUESTS
from data_contracts.tables.review import REVIEW
from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from sandbox.days import sample_day
from sandbox.play import play_night
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import DayInUse, NotRestorable, WrongUsage
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.ledger.lease import held
from tasks.past_days.erasure.erase_comment import erase_comment
from tasks.past_days.restore_day import describe_restore, list_versions, restore_day
from tests.fakes import FakeBedrock
from tests.measured_nights import settings_in
from tests.played_once import PlayedOnce

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
LATER = NOW + timedelta(days=3)


class Site:
    """A day that was published twice: well, then with fifty answers that nobody could read."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: Settings = settings_in(
            root, poll_interval_s=0.001, max_rejected_fraction=0.5, max_attempts=1, count_tokens=False
        )
        self.paths = DayPaths(self.settings, DAY)
        folder = Path(f"{root}/comments/date={DAY}")
        folder.mkdir(parents=True, exist_ok=True)
        sample_day(DAY, dirty_fraction=0.02).comments.head(130).write_parquet(folder / "part-0.parquet")
        self.first: dict[str, pl.DataFrame] = {}
        real = adapters.connect(self.settings)
        self.bedrock = FakeBedrock(real.storage, polls_until_done=1)
        self.connected = _with(real, self.bedrock)
        monkeypatch.setattr(adapters, "connect", lambda _: self.connected)

    def publish_twice(self) -> None:
        self.play("first")
        self.first = {table.name: self.read(table) for table in (VERDICTS, REJECTED, REVIEW, LABEL_REQUESTS, NIGHTS)}
        self.bedrock.malformed_records = 50
        self.play("second", epoch=1)

    def play(self, run_id: str, epoch: int = 0) -> Any:
        return play_night(self.settings, DAY, run_id, lambda: NOW, epoch=epoch)

    def read(self, table: Table) -> pl.DataFrame:
        """The day in the lake; the plain object, where there is one, says the same."""
        day = self.connected.lake.scan(self.paths.lake(table.name), table).filter(pl.col("date") == DAY).collect()
        if table is not NIGHTS:
            assert_frame_equal(pl.read_parquet(self.paths.plain(table.name)), day, check_row_order=False)
        return day

    def restore(self, version: int, reason: str = "the second was worse") -> Any:
        return restore_day(self.settings, DAY, version, reason, "restore-1", LATER)

    def version_of(self, run_id: str) -> int:
        """The version of the verdicts that a run made."""
        commits = self.connected.lake.commits(self.paths.lake("verdicts"))
        return next(commit.version for commit in reversed(commits) if commit.note.get("run_id") == run_id)


def _with(real: Adapters, bedrock: FakeBedrock) -> Adapters:
    return Adapters(storage=real.storage, lake=real.lake, bedrock=bedrock, alerts=(), run_suite=all_as_expected)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[PlayedOnce, dict[str, pl.DataFrame]]:
    """Both nights, and what was published by the first."""
    root = tmp_path_factory.mktemp("restored")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_REGION", "ap-northeast-1")
        site = Site(root, environment)
        site.publish_twice()
    return PlayedOnce(root, site.bedrock), site.first


@pytest.fixture
def site(played: tuple[PlayedOnce, dict[str, pl.DataFrame]], monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    once, first = played
    site = Site(once.root, monkeypatch)
    once.bring_back(site.bedrock)
    site.first = first
    return site


def test_the_day_is_again_what_it_was(site: Site) -> None:
    """Verdicts, rejected rows and the review list come back in lake and plain objects; the row of `nights` as well."""
    assert site.read(REVIEW).height >= 50
    restored = site.restore(site.version_of("first"))
    flips = site.read(FLIPS)
    assert flips.height == 0, "fifty comments got verdicts that they lacked, and none got another"
    for table in (VERDICTS, REJECTED, REVIEW):
        assert_frame_equal(site.read(table), site.first[table.name], check_row_order=False)
    asked, before = site.read(LABEL_REQUESTS), site.first[LABEL_REQUESTS.name]
    assert_frame_equal(asked.drop("requested_at"), before.drop("requested_at"), check_row_order=False)
    night, before = site.read(NIGHTS), site.first[NIGHTS.name]
    assert_frame_equal(night.drop("published_at"), before.drop("published_at"))
    assert night["published_at"].to_list() == [LATER]
    assert (restored.restored_run_id, restored.replaced_run_id) == ("first", "second")
    assert "as it is now" in describe_restore(DAY, restored)


def test_what_a_day_judged_anew_and_a_restore_change_stands_in_flips(site: Site) -> None:
    """Each comment whose verdict went, with both runs; a restore that takes verdicts away says so as well."""
    flips, verdicts = site.read(FLIPS), site.read(VERDICTS)
    unjudged = verdicts.filter(pl.col("status") != "judged").join(
        site.first["verdicts"].filter(pl.col("status") == "judged"), on="comment_id", suffix="_first"
    )
    assert flips.height == unjudged.height > 0
    assert set(flips["comment_id"]) == set(unjudged["comment_id"])
    assert set(flips.select("old_run_id", "run_id").iter_rows()) == {("first", "second")}
    assert flips["new_violation"].null_count() == flips["new_category"].null_count() == flips.height
    assert site.read(NIGHTS)["flip_count"].to_list() == [flips.height]
    site.restore(site.version_of("first"))
    assert (site.read(FLIPS).height, site.read(NIGHTS)["flip_count"].to_list()) == (0, [0])
    site.restore(site.version_of("second"), "no, it was right")
    assert_frame_equal(site.read(FLIPS), flips, check_row_order=False)


def test_a_restore_is_on_record(site: Site) -> None:
    """Its commit, its run's folder and the list of versions say what was brought back and why."""
    version = site.version_of("first")
    site.restore(version)
    note = site.connected.lake.commits(site.paths.lake("verdicts"))[-1].note
    assert (note["reason"], note["restored_version"], note["why"]) == ("restore", str(version), "the second was worse")
    assert site.connected.storage.get(f"{site.paths.runs}/restore-1/restore.json")
    newest, second, first = list_versions(site.settings, DAY)
    assert newest.endswith("restore: the second was worse, this is the day now")
    assert "run second" in second
    assert "run first" in first


def test_an_unchanged_night_leaves_a_restored_day_alone(site: Site) -> None:
    """A run of either plan finds nothing to do and asks nothing; new input judges the day again."""
    site.restore(site.version_of("first"))
    jobs = len(site.bedrock.jobs)
    assert site.play("third") is None
    assert site.play("fourth", epoch=1) is None
    assert len(site.bedrock.jobs) == jobs
    late = sample_day(DAY, dirty_fraction=0).comments.slice(130, 110)
    late.write_parquet(f"{site.paths.comments}/part-1.parquet")
    assert site.play("fifth") is not None


def test_a_restore_can_be_taken_back(site: Site) -> None:
    """The version that was replaced is a version like any other."""
    second = site.read(VERDICTS)
    site.restore(site.version_of("first"))
    site.restore(site.version_of("second"), "it was not worse")
    assert_frame_equal(site.read(VERDICTS), second, check_row_order=False)


def test_an_erased_comment_does_not_come_back(site: Site) -> None:
    """An erasure ends the day's history: no earlier version can be brought back."""
    erased = site.first["verdicts"]["comment_id"][0]
    erase_comment(site.settings, erased, DAY, LATER, is_sure=True)
    for run_id in ("first", "second"):
        version = next(
            commit.version
            for commit in site.connected.lake.commits(site.paths.lake("verdicts"))
            if commit.note.get("run_id") == run_id
        )
        with pytest.raises(NotRestorable, match="gone"):
            site.restore(version)
    assert erased not in site.read(VERDICTS)["comment_id"].to_list()
    assert sum("gone: its files were deleted" in line for line in list_versions(site.settings, DAY)) == 2


def test_what_an_erasure_left_can_be_restored_without_the_comment(site: Site) -> None:
    """The version that an erasure made comes back as it is, also after the day was judged once more."""
    erased = site.first["verdicts"]["comment_id"][0]
    erase_comment(site.settings, erased, DAY, LATER, is_sure=True)
    left, version = site.read(VERDICTS), site.connected.lake.commits(site.paths.lake("verdicts"))[-1].version
    site.bedrock.malformed_records = 0
    site.play("third", epoch=2)
    site.restore(version)
    assert_frame_equal(site.read(VERDICTS), left, check_row_order=False)


@pytest.mark.parametrize(
    ("version", "reason", "named"),
    [
        pytest.param(99, "r", "has no version 99", id="no-such-version"),
        pytest.param(None, "r", "is at version", id="the-present-one"),
        pytest.param(1, " ", "reason is empty", id="no-reason"),
    ],
)
def test_what_cannot_be_done_is_refused(site: Site, version: int | None, reason: str, named: str) -> None:
    """A version that is not there or is the day already, and an empty reason, are told by name."""
    with pytest.raises(WrongUsage, match=named):
        site.restore(site.version_of("second") if version is None else version, reason)


def test_nobody_restores_beside_a_run(site: Site) -> None:
    """A restore takes the day's lease like a night."""
    impatient = site.settings.model_copy(update={"lease_wait_s": 0.0})
    with held(site.settings, DAY, "a-night"), pytest.raises(DayInUse):
        restore_day(impatient, DAY, site.version_of("first"), "r", "restore-1", LATER)


def test_a_version_that_was_never_finished_is_refused(site: Site) -> None:
    """Verdicts whose run stopped before it closed the night are no day to go back to."""
    batches = site.read(VERDICTS).to_arrow().cast(VERDICTS.arrow_schema).to_batches()
    note = {"run_id": "dead", "run_date": str(DAY)}
    dead = site.connected.lake.replace_day(site.paths.lake("verdicts"), VERDICTS, DAY, batches, note)
    site.play("fourth", epoch=2)
    with pytest.raises(NotRestorable, match="never finished"):
        site.restore(dead)
