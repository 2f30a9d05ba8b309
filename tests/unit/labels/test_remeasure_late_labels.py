"""Labels that come late are measured on the night after they came, once, and only where verdicts are published."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.documents.quality import QualityReport
from tasks import adapters
from tasks.base.errors import InputChanged
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.labels.label_files import list_labels, load_seen, read_labels
from tasks.labels.measure_accuracy import measure_accuracy
from tasks.labels.remeasure_late_labels import LateLabelsSummary, remeasure_late_labels
from tasks.measure.judgement import Stamp, measured_rows
from tasks.measure.measure_drift import measure_drift
from tasks.measure.measurement import rate
from tests.factories import plan
from tests.measured_nights import (
    DAY,
    NOW,
    degraded,
    label,
    labels_frame,
    measure_and_append,
    metrics_of,
    publish_night,
    publish_verdicts,
    put_metrics,
    put_run,
    settings_in,
    valid_row,
    verdict,
    verdicts_frame,
)

TONIGHT = DAY + timedelta(3)
LATER = NOW + timedelta(3)
VIOLATION = {"violation": True, "category": "spam"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose roots are folders."""
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "ap-northeast-1")
    return settings_in(tmp_path)


def put_labels(settings: Settings, rows: list[dict[str, Any]], name: str = "part-0.parquet") -> Path:
    """Store a label file of DAY."""
    path = Path(DayPaths(settings, DAY).labels) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    labels_frame(rows).write_parquet(path)
    os.utime(path, (LATER.timestamp(), LATER.timestamp()))
    return path


def publish(settings: Settings) -> None:
    """Publish DAY: sixty comments without a violation, measured before any label came."""
    publish_verdicts(settings, DAY, verdicts_frame([verdict(str(n)) for n in range(60)]))
    measure_and_append(settings, DAY, "run-1", "x", NOW)
    publish_night(settings, DAY)


def put_past(settings: Settings) -> None:
    """Twenty days before DAY whose labels agreed with the verdicts, long before the window of late labels."""
    for back in range(40, 20, -1):
        day = DAY - timedelta(back)
        put_metrics(settings, measured_rows([rate("accuracy", 59, 60, of="labels")], Stamp(day, NOW, "r", "r")))
        publish_night(settings, day)


def look(settings: Settings, run_id: str = "late", **options: int) -> LateLabelsSummary:
    """The stage, three nights later."""
    return remeasure_late_labels.fn(settings, TONIGHT, run_id, LATER, **options)


def test_late_labels_are_measured_once(settings: Settings) -> None:
    """Labels that came since are measured by appending under tonight's run; without new ones nothing is measured."""
    publish(settings)
    assert look(settings) == LateLabelsSummary(looked_count=1)
    put_past(settings)
    put_labels(settings, [label(str(n), **VIOLATION) for n in range(60)])
    before = metrics_of(settings, DAY)
    found = look(settings)
    assert (found.remeasured, found.degraded) == ((str(DAY),), (f"{DAY} accuracy all",))
    rows = metrics_of(settings, DAY)
    assert degraded(rows) == ["accuracy all"]
    assert len(rows) > len(before)
    assert set(rows.filter(rows["measured_at"] == LATER)["run_id"]) == {"late"}
    assert set(rows["verdicts_run_id"]) == {"x"}
    assert look(settings, "later").remeasured == ()


@pytest.mark.parametrize("change", ["added", "replaced", "removed"])
def test_every_change_of_the_files_counts(settings: Settings, change: str) -> None:
    """A label file that is added, replaced or removed makes its day be measured again."""
    publish(settings)
    path = put_labels(settings, [label("1")])
    look(settings)
    if change == "removed":
        path.unlink()
    else:
        put_labels(settings, [label("2")], "part-1.parquet" if change == "added" else path.name)
    assert look(settings).remeasured == (str(DAY),)


def test_only_published_days_of_the_window(settings: Settings) -> None:
    """A day without published verdicts is left alone, as is one that lies further back than labels are waited for."""
    put_labels(settings, [label("1")])
    assert look(settings).looked_count == 0
    publish(settings)
    put_labels(settings, [label("2")])
    assert look(settings, days=2).looked_count == 0
    assert remeasure_late_labels.fn(settings, DAY, "late", LATER).looked_count == 0
    assert look(settings, days=3).remeasured == (str(DAY),)


def test_a_day_that_was_published_again_is_measured_again(settings: Settings) -> None:
    """What was measured with another run's verdicts counts for nothing."""
    put_labels(settings, [label("1")])
    publish(settings)
    measure_and_append(settings, DAY, "run-0", "older", NOW)
    assert look(settings).remeasured == (str(DAY),)
    seen = load_seen(adapters.connect(settings).storage, settings, [DAY]).get(DAY)
    assert seen is not None
    assert seen.verdicts_run_id == "x"


def test_a_day_that_waits_no_longer_is_judged(settings: Settings) -> None:
    """Few labels are provisional; three days after the last it is measured again, once, though no label came."""
    publish(settings)
    put_past(settings)
    put_labels(settings, [label(str(n), **VIOLATION) for n in range(20)])
    assert look(settings).degraded == ()
    for days, expected in ((2, ()), (3, (str(DAY),)), (4, ())):
        found = remeasure_late_labels.fn(settings, TONIGHT + timedelta(days), f"night-{days}", LATER + timedelta(days))
        assert found.remeasured == expected
    assert degraded(metrics_of(settings, DAY)) == ["accuracy all"]


@pytest.mark.parametrize("body", [None, b"", b"{"])
def test_unknown_state_is_measured_again(settings: Settings, body: bytes | None) -> None:
    """When nobody can tell what a day was measured with, it is measured, if it has labels."""
    publish(settings)
    uri = Path(DayPaths(settings, DAY).labels_state())
    uri.unlink()
    if body is not None:
        uri.write_bytes(body)
    assert look(settings).remeasured == ()
    put_labels(settings, [label("1")])
    assert look(settings).remeasured == (str(DAY),)


def test_a_file_that_goes_while_it_is_read(settings: Settings, tmp_path: Path) -> None:
    """A label file that is gone when it is fetched is no label, and stops no night."""
    storage, paths = adapters.connect(settings).storage, DayPaths(settings, DAY)
    path = put_labels(settings, [label("1")])
    put_labels(settings, [label("2")], "part-1.parquet")
    objects = list_labels(storage, paths).read
    path.unlink()
    with pytest.raises(InputChanged):
        storage.fetch(objects[0].uri, tmp_path / "x")
    files = read_labels(storage, objects, paths.labels, tmp_path)
    assert (files.labels["comment_id"].to_list(), files.lost_count, files.faults) == (["2"], 0, ())


def test_the_last_nights_quality_lies_with_the_run(settings: Settings) -> None:
    """quality.json puts the days together whose labels are all there; provisional ones are no part of it."""
    publish(settings)
    put_past(settings)
    document = RunPaths(settings, TONIGHT, "late").file("quality.json")
    put_labels(settings, [label(str(n), **(VIOLATION if n < 6 else {})) for n in range(20)])
    look(settings)
    assert QualityReport.model_validate_json(Path(document).read_bytes()).figures == ()
    put_labels(settings, [label(str(n), **(VIOLATION if n < 6 else {})) for n in range(60)])
    look(settings)
    figures = QualityReport.model_validate_json(Path(document).read_bytes()).figures
    accuracy = next(figure for figure in figures if (figure.metric, figure.nights) == ("accuracy", 28))
    assert (accuracy.value, accuracy.labels, accuracy.labelled_nights, accuracy.last) == (0.9, 60, 1, DAY)
    assert (accuracy.ci_low or 1) < 0.9 < (accuracy.ci_high or 0)
    assert 0.05 < (accuracy.detectable or 0) < 0.2


def test_a_night_appends_once(settings: Settings) -> None:
    """Drift, accuracy and late labels of a night are one commit of the metrics table, the plain objects of each day
    follow, and before that commit nothing is said of the night."""
    publish(settings)
    put_labels(settings, [label(str(n)) for n in range(60)])
    lake, paths = adapters.connect(settings).lake, RunPaths(settings, TONIGHT, "tonight")
    publish_verdicts(settings, TONIGHT, verdicts_frame([verdict(str(n), date=TONIGHT) for n in range(40)]))
    put_run(settings, TONIGHT, "tonight", [valid_row(str(n)) for n in range(40)], verdicts_frame([verdict("0")]))
    before = len(lake.commits(paths.lake("metrics")))
    measure_drift.fn(settings, plan(run_date=TONIGHT, run_id="tonight"), LATER)
    measure_accuracy.fn(settings, TONIGHT, "tonight", "tonight", LATER)
    assert len(lake.commits(paths.lake("metrics"))) == before
    assert metrics_of(settings, TONIGHT).is_empty()
    assert load_seen(adapters.connect(settings).storage, settings, [TONIGHT]) == {}
    assert look(settings, "tonight").remeasured == (str(DAY),)
    assert len(lake.commits(paths.lake("metrics"))) == before + 1
    assert {"volume", "accuracy"} <= set(metrics_of(settings, TONIGHT)["metric"])
    for day in (DAY, TONIGHT):
        assert "tonight" in set(pl.read_parquet(DayPaths(settings, day).plain("metrics"))["run_id"])
    assert set(load_seen(adapters.connect(settings).storage, settings, [DAY, TONIGHT])) == {DAY, TONIGHT}
