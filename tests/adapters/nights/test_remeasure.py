"""A published day measured again: new labels count, nothing is judged, and plain objects follow the lake."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from benchmarks.storms.simulated_clock import all_as_expected
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from sandbox.days import sample_day
from sandbox.play import play_night
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import DayInUse
from tasks.base.paths import DayPaths
from tasks.ledger.lease import held
from tasks.past_days.remeasure_day import Remeasured, describe_remeasured, remeasure_day
from tests.fakes import FakeBedrock
from tests.measured_nights import metrics_of, settings_in
from tests.played_once import PlayedOnce

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
SAMPLE = sample_day(DAY)


class Site:
    """A published day whose labels come later."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = settings_in(root, poll_interval_s=0.001, lease_wait_s=0, count_tokens=False)
        self.paths = DayPaths(self.settings, DAY)
        real = adapters.connect(self.settings)
        self.bedrock = FakeBedrock(real.storage, polls_until_done=1)
        self.outside = Adapters(real.storage, real.lake, self.bedrock, (), run_suite=all_as_expected)
        monkeypatch.setattr(adapters, "connect", lambda _: self.outside)
        self.put(self.paths.comments, SAMPLE.comments)

    def publish(self) -> None:
        play_night(self.settings, DAY, "run-1", lambda: NOW)

    def put(self, folder: str, frame: pl.DataFrame) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        frame.write_parquet(Path(folder) / "part-0.parquet")

    def remeasure(self, day: date = DAY) -> Remeasured:
        return remeasure_day.fn(self.settings, day, "again", NOW + timedelta(days=5))

    def value(self, metric: str) -> float | None:
        """The value that counts of a metric over all."""
        plain = pl.read_parquet(self.paths.plain("metrics"))
        value: float | None = plain.row(
            by_predicate=(pl.col("metric") == metric) & (pl.col("slice") == "all"), named=True
        )["value"]
        return value


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> PlayedOnce:
    root = tmp_path_factory.mktemp("remeasured")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_REGION", "ap-northeast-1")
        site = Site(root, environment)
        site.publish()
    return PlayedOnce(root, site.bedrock)


@pytest.fixture
def site(played: PlayedOnce, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    site = Site(played.root, monkeypatch)
    played.bring_back(site.bedrock)
    return site


def test_new_labels_count_and_nothing_is_judged(site: Site) -> None:
    """Accuracy is known after the labels came, drift is measured alike, no paid call is made, no text stays behind."""
    assert site.value("accuracy") is None
    paid, volume, rows = site.bedrock.paid_records.copy(), site.value("volume"), metrics_of(site.settings, DAY).height
    site.put(site.paths.labels, SAMPLE.labels)
    measured = site.remeasure()
    assert measured.accuracy is not None
    assert site.value("accuracy") == pytest.approx(measured.accuracy)
    assert (site.value("volume"), measured.notes) == (volume, ())
    assert metrics_of(site.settings, DAY).height > rows, "append-only: the latest measurement counts"
    assert site.bedrock.paid_records == paid
    left = {Path(item.uri).name for item in site.outside.storage.list(f"{site.paths.runs}/again")}
    assert left == {"confusion.json", "report.html"}
    assert measured.report is not None
    assert f"{measured.accuracy:.1%}" in Path(measured.report).read_text(encoding="utf-8")
    assert str(DAY) in describe_remeasured(measured)


def test_changed_input_leaves_drift_unmeasured_and_says_so(site: Site) -> None:
    """Drift is of what was published: other input than that is not measured in its place."""
    site.put(site.paths.comments, SAMPLE.comments.head(50))
    site.put(site.paths.labels, SAMPLE.labels)
    measured = site.remeasure()
    assert measured.accuracy is not None
    assert measured.drift_count == 0
    assert "was replaced or deleted" in measured.notes[0]


def test_plain_objects_follow_the_lake(site: Site) -> None:
    """A plain object that is gone, broken or another's is written again; one that is right stays."""
    rejected, verdicts = Path(site.paths.plain("rejected")), Path(site.paths.plain("verdicts"))
    before = pl.read_parquet(verdicts)
    assert site.remeasure().rewritten == ()
    rejected.write_bytes(b"no Parquet")
    verdicts.unlink()
    assert site.remeasure().rewritten == ("verdicts", "rejected")
    assert pl.read_parquet(verdicts).sort("comment_id").equals(before.sort("comment_id"))


def test_a_lake_at_odds_with_its_night_is_left_alone(site: Site) -> None:
    """A lake that lost rows spreads nothing: neither measurements nor a plain object."""
    uri = site.paths.lake("verdicts")
    day = site.outside.lake.scan(uri, VERDICTS).filter(pl.col("date") == DAY).collect()
    site.outside.lake.replace_day(
        uri, VERDICTS, DAY, day.head(9).to_arrow().cast(VERDICTS.arrow_schema).to_batches(), {}
    )
    measured = site.remeasure()
    assert not measured.is_measured
    assert "lake/verdicts does not hold what run run-1 published" in describe_remeasured(measured)
    assert pl.read_parquet(site.paths.plain("verdicts")).height == day.height


def test_unpublished_days_are_named(site: Site) -> None:
    """A day without a night has nothing to measure."""
    site.outside.lake.replace_day(site.paths.lake("nights"), NIGHTS, DAY, [], {})
    assert site.remeasure().notes == ("it is not published",)


def test_a_day_at_work_is_not_measured(site: Site) -> None:
    """While a run holds the day it is not measured beside it."""
    with held(site.settings, DAY, "run-2"), pytest.raises(DayInUse, match="run-2"):
        site.remeasure()
