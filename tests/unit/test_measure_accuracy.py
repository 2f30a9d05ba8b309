"""How often the verdicts agree with the labels: which labels count, how they are weighed, and when it is an alarm."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.metrics import METRICS, State
from tasks import adapters
from tasks.estimate_quality import QUALITY, estimate, measure_categories
from tasks.measure_accuracy import AccuracySummary, measure_accuracy
from tasks.measurements import Measurement
from tasks.paths import DayPaths
from tasks.settings import Settings
from tasks.settle_labels import Settled, is_usable, schema_fault, settle
from tests.nights import (
    DAY,
    NOW,
    degraded,
    label,
    labels_frame,
    metrics_of,
    publish_night,
    publish_verdicts,
    settings_in,
    verdict,
    verdicts_frame,
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose roots are folders."""
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "ap-northeast-1")
    return settings_in(tmp_path)


def settled(labels: list[dict[str, Any]], verdicts: list[dict[str, Any]], lost: int = 0) -> Settled:
    """Labels against verdicts."""
    return settle(labels_frame(labels), verdicts_frame(verdicts).lazy(), lost)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, True, id="clean"),
        pytest.param({"violation": True, "category": "spam"}, True, id="violation with its category"),
        pytest.param({"violation": True, "category": None}, True, id="violation of an unnamed category"),
        pytest.param({"violation": True, "category": "none"}, False, id="violation of none"),
        pytest.param({"category": "spam"}, False, id="clean, yet a category"),
        pytest.param({"category": None}, True, id="clean without category"),
        pytest.param({"violation": None}, False, id="no decision"),
        pytest.param({"comment_id": None}, False, id="no comment"),
        pytest.param({"labeler": None}, False, id="nobody's"),
        pytest.param({"source": "guess"}, False, id="unknown source"),
        pytest.param({"source": None}, False, id="no source"),
        pytest.param({"inclusion_probability": 0.0}, False, id="probability 0"),
        pytest.param({"inclusion_probability": 1.0}, True, id="probability 1"),
        pytest.param({"inclusion_probability": 1.01}, False, id="probability over 1"),
        pytest.param({"inclusion_probability": float("nan")}, False, id="probability nan"),
    ],
)
def test_usable(change: dict[str, Any], expected: bool) -> None:
    """A label that contradicts its own contract is an error, not a truth."""
    assert labels_frame([label("a", **change)]).select(is_usable()).item() is expected


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({}, None, id="as agreed"),
        pytest.param({"labeler": None}, "misses labeler", id="missing"),
        pytest.param({"violation": pl.String()}, "violation is String", id="text for a decision"),
        pytest.param({"labeled_at": pl.Datetime("us")}, "labeled_at is Datetime(", id="time without zone"),
        pytest.param({"stratum": pl.Null(), "inclusion_probability": pl.Null()}, None, id="all null"),
        pytest.param({"inclusion_probability": pl.String()}, "inclusion_probability is String", id="text for a number"),
    ],
)
def test_schema_fault(change: dict[str, pl.DataType | None], fault: str | None) -> None:
    """A label file that misses a column or retypes one is named with what it did."""
    schema = {**dict(labels_frame([]).schema), "extra": pl.Int64(), **change}
    found = schema_fault({name: dtype for name, dtype in schema.items() if dtype is not None})
    assert found is None if fault is None else str(found).startswith(fault)


def test_latest_word_counts() -> None:
    """Of a rater's several words on one comment the latest counts."""
    first = label("a", violation=True, category="spam")
    later = label("a", labeled_at=NOW + timedelta(1))
    assert settled([later, first], [verdict("a")]).comments["truth"].to_list() == [False]


def test_majority_and_ties() -> None:
    """Several raters decide by majority; a tie decides nothing; agreement is counted."""
    bad = {"violation": True, "category": "spam"}
    labels = [
        *(label("a", labeler=name, **bad) for name in "xy"),
        label("a", labeler="z"),
        label("b", labeler="x"),
        label("b", labeler="y", **bad),
        *(label("c", labeler=name) for name in "xy"),
    ]
    found = settled(labels, [verdict(name) for name in "abc"])
    assert found.comments.select("comment_id", "truth", "true_category").rows() == [
        ("a", True, "spam"),
        ("c", False, "none"),
    ]
    assert (found.rated_twice_count, found.disputed_count, found.tie_count) == (3, 2, 1)


def test_left_out_labels_are_counted() -> None:
    """Labels of no comment and rows of broken files are errors; comments that are not judged are counted apart."""
    refused = verdict("b", status="refused", violation=None, category=None)
    found = settled([label("a"), label("b"), label("gone"), label("a", source="?")], [verdict("a"), refused], lost=3)
    assert (found.label_count, found.error_count, found.unjudged_count, len(found.comments)) == (7, 5, 1, 1)


@given(st.randoms(use_true_random=False))
def test_order_does_not_matter(shuffle: random.Random) -> None:
    """Labels give the same truths in whatever order they come."""
    bad = {"violation": True, "category": "spam"}
    labels = [
        label(c, labeler=r, **(bad if (c, r) in {("a", "x"), ("a", "y"), ("b", "z")} else {}))
        for c in "abc"
        for r in "xyz"
    ]
    verdicts = [verdict(c) for c in "abc"]
    expected = settled(labels, verdicts)
    shuffle.shuffle(labels)
    actual = settled(labels, verdicts)
    assert actual.comments.equals(expected.comments)
    assert actual[1:] == expected[1:]


def comments(*cells: tuple[bool, bool, int], **columns: Any) -> pl.DataFrame:
    """Settled comments: (flagged, truth, how many)."""
    rows = [{"flagged": flagged, "truth": truth} for flagged, truth, count in cells for _ in range(count)]
    defaults = {"stratum": None, "inclusion_probability": None, **columns}
    return pl.DataFrame(rows).with_columns(
        pl.lit(defaults["stratum"], pl.String).alias("stratum"),
        pl.lit(defaults["inclusion_probability"], pl.Float64).alias("inclusion_probability"),
    )


def by_metric(measured: list[Measurement]) -> dict[str, Measurement]:
    """Measurements by their metric."""
    return {item.metric: item for item in measured}


def test_unweighted_estimates() -> None:
    """Without probabilities every labelled comment counts alike, over its own denominator."""
    found = by_metric(
        estimate(comments((True, True, 6), (True, False, 2), (False, True, 3), (False, False, 9)), "all", 1)
    )
    assert {name: (item.value, item.n) for name, item in found.items()} == {
        "accuracy": (15 / 20, 20),
        "precision": (6 / 8, 8),
        "recall": (6 / 9, 9),
        "f1": (12 / 17, 11),
        "prevalence": (9 / 20, 20),
    }


def test_weighted_estimates() -> None:
    """With probabilities each comment stands for 1 / p: an over-sampled flagged stratum does not flatter recall."""
    sample = pl.concat(
        [
            comments((True, True, 50), (True, False, 10), stratum="flagged", inclusion_probability=0.1),
            comments((False, True, 2), (False, False, 158), stratum="clean", inclusion_probability=0.01),
        ]
    )
    found = by_metric(estimate(sample, "all", 1))
    assert found["recall"].value == pytest.approx(500 / 700)
    assert found["prevalence"].value == pytest.approx(700 / 16600)
    assert found["precision"].value == pytest.approx(50 / 60)
    recall = found["recall"].interval
    assert recall is not None
    assert recall.low < 0.5 < recall.high < 1
    assert found["recall"].x == pytest.approx(52 * 500 / 700)


def test_one_unknown_probability_unweighs() -> None:
    """Weights are used only where every comment has one."""
    sample = pl.concat([comments((True, True, 1), inclusion_probability=0.1), comments((False, False, 1))])
    assert by_metric(estimate(sample, "all", 1))["accuracy"].method.startswith("unweighted")


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        pytest.param([(False, False, 5)], {"precision", "recall", "f1"}, id="nothing flagged, nothing to find"),
        pytest.param([(True, True, 5)], {"recall", "f1"}, id="all flagged: what was missed is unknown"),
        pytest.param([(False, True, 5)], {"precision"}, id="all missed"),
        pytest.param([], set(QUALITY), id="no label"),
    ],
)
def test_no_denominator_no_value(cells: list[tuple[bool, bool, int]], missing: set[str]) -> None:
    """A metric without a denominator has no value and says why."""
    frame = comments(*cells) if cells else comments((True, True, 1)).clear()
    found = estimate(frame, "all", 1, why_empty="no labels came that can be used")
    assert {item.metric for item in found if item.value is None} == missing
    assert all(item.reason for item in found if item.value is None)


@given(st.tuples(*[st.integers(0, 30)] * 4), st.sampled_from([None, 0.05, 0.7]))
def test_interval_holds_estimate(counts: tuple[int, int, int, int], probability: float | None) -> None:
    """Every estimate lies in its interval, and value is x / n."""
    cells = zip((True, True, False, False), (True, False, True, False), counts, strict=True)
    if not any(counts):
        return
    for item in estimate(comments(*cells, inclusion_probability=probability), "all", 1):
        if item.value is not None and item.interval is not None and item.n is not None:
            assert 0 <= item.interval.low <= item.value <= item.interval.high <= 1 + 1e-12
            assert item.x == pytest.approx(item.value * item.n)


def test_categories_one_against_the_rest() -> None:
    """Precision of a category is over what the model named so, recall over what the labels name so."""
    frame = comments((True, True, 3), (False, True, 1)).with_columns(
        pl.Series("flagged_category", ["spam", "spam", "fraud", "none"]),
        pl.Series("true_category", ["spam", "fraud", "fraud", "spam"]),
    )
    found = {(item.metric, item.slice): (item.x, item.n) for item in measure_categories(frame)}
    assert found == {
        ("precision", "category=spam"): (1, 2),
        ("precision", "category=fraud"): (1, 1),
        ("recall", "category=spam"): (1, 2),
        ("recall", "category=fraud"): (1, 2),
    }


def put_labels(settings: Settings, day: date, frame: pl.DataFrame, name: str = "part-0.parquet") -> None:
    """Store a label file."""
    path = Path(DayPaths(settings, day).labels) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)


def play(settings: Settings, day: date, right: int, wrong: int, source: str = "sample") -> AccuracySummary:
    """A day whose verdicts agree with `right` labels and not with `wrong`."""
    publish_verdicts(settings, day, verdicts_frame([verdict(str(n), date=day) for n in range(right + wrong)]))
    bad = {"violation": True, "category": "spam"}
    rows = [label(str(n), source=source, **(bad if n < wrong else {})) for n in range(right + wrong)]
    put_labels(settings, day, labels_frame(rows))
    summary = measure_accuracy.fn(settings, day, "run-1", "run-1", NOW)
    publish_night(settings, day)
    return summary


def test_no_labels(settings: Settings) -> None:
    """A day without labels says no_data, and nothing fails."""
    summary = measure_accuracy.fn(settings, DAY, "run-1", "run-1", NOW)
    assert (summary.state, summary.accuracy) == (State.NO_DATA, None)
    rows = metrics_of(settings, DAY)
    assert set(rows["state"]) == {"no_data"}
    assert set(rows["metric"]) == {*QUALITY, "label_error_rate"}


@pytest.mark.parametrize(
    ("right", "wrong", "state"),
    [
        pytest.param(40, 9, State.CANNOT_TELL, id="too few labels"),
        pytest.param(45, 5, State.LEARNING, id="good, no earlier nights"),
        pytest.param(36, 14, State.LEARNING, id="below the floor, but not surely"),
        pytest.param(25, 25, State.DEGRADED, id="surely below the floor"),
    ],
)
@pytest.mark.parametrize("source", ["sample", "planted"])
def test_accuracy_floor(settings: Settings, right: int, wrong: int, state: State, source: str) -> None:
    """Accuracy is degraded when its whole interval lies below the floor; planted labels stand in for a sample."""
    summary = play(settings, DAY, right, wrong, source)
    assert (summary.state, summary.n) == (state, right + wrong)
    assert summary.slice == ("all" if source == "sample" else "source=planted")
    rows = metrics_of(settings, DAY)
    whole = rows.row(by_predicate=(pl.col("metric") == "accuracy") & (pl.col("slice") == "all"), named=True)
    if source == "planted":
        assert (whole["state"], whole["reason"]) == ("no_data", "only planted labels came")


def test_accuracy_falls_against_earlier_nights(settings: Settings) -> None:
    """Accuracy above the floor is degraded when it has fallen far below what earlier nights had."""
    for back in range(14, 0, -1):
        assert play(settings, DAY - timedelta(back), 196 - back % 3, 4 + back % 3).state in (State.LEARNING, State.OK)
    summary = play(settings, DAY, 168, 32)
    assert (summary.state, summary.degraded) == (State.DEGRADED, ("accuracy all",))


def test_broken_label_files(settings: Settings) -> None:
    """A label file that cannot be read is counted and named, and the others still count."""
    publish_verdicts(settings, DAY, verdicts_frame([verdict("a")]))
    put_labels(settings, DAY, labels_frame([label("a")]))
    put_labels(settings, DAY, labels_frame([label("a")] * 4).drop("labeler"), "part-1.parquet")
    (Path(DayPaths(settings, DAY).labels) / "part-2.parquet").write_bytes(b"no parquet")
    (Path(DayPaths(settings, DAY).labels) / "_SUCCESS").write_bytes(b"")
    summary = measure_accuracy.fn(settings, DAY, "run-1", "run-1", NOW)
    assert (summary.label_count, summary.label_error_count, summary.n) == (6, 5, 1)
    assert degraded(metrics_of(settings, DAY)) == ["label_error_rate all"]
    row = metrics_of(settings, DAY).row(by_predicate=pl.col("metric") == "label_error_rate", named=True)
    assert row["reason"].endswith("part-1.parquet misses labeler; part-2.parquet is no readable Parquet file")


def test_late_labels_measure_again(settings: Settings) -> None:
    """Labels that come later are measured by appending; both runs are named and the latest rows are the plain ones."""
    play(settings, DAY, 50, 0)
    put_labels(
        settings, DAY, labels_frame([label("7", labeler="late", violation=True, category="spam")]), "part-9.parquet"
    )
    later = NOW + timedelta(days=3)
    assert measure_accuracy.fn(settings, DAY, "run-2", "run-1", later).n == 49
    plain = pl.read_parquet(DayPaths(settings, DAY).plain("metrics"))
    assert plain.schema == METRICS.polars_schema
    assert set(plain.select("run_id", "verdicts_run_id").iter_rows()) == {("run-2", "run-1")}
    row = plain.row(by_predicate=(pl.col("metric") == "accuracy") & (pl.col("slice") == "all"), named=True)
    assert "raters agree on 0 of 1 comments" in row["reason"]
    assert adapters.connect(settings).storage.get(DayPaths(settings, DAY).plain("metrics"))
