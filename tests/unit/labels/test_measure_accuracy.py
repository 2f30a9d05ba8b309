"""How often the verdicts agree with the labels: which labels count, how they are weighed, and when it is an alarm."""

from __future__ import annotations

import json
import os
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.tables.metrics import METRICS, MetricRow, State, rows_of
from tasks import adapters
from tasks.adapters.storage import StorageRefused
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.labels.day_accuracy import AccuracySummary
from tasks.labels.quality import QUALITY, Slice, category_slices, confusion_matrices, estimate, measure_quality
from tasks.labels.truth import Settled, cohen_kappa, is_usable, schema_fault, settle
from tasks.measure.judgement import Stamp, measured_rows
from tasks.measure.measurement import Measurement, rate
from tasks.measure.metric_history import latest_rows
from tests.measured_nights import (
    DAY,
    NOW,
    label,
    labels_frame,
    measure_and_append,
    metrics_of,
    publish_night,
    publish_verdicts,
    put_metrics,
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
        pytest.param({"violation": pa.string()}, "violation is string", id="text for a decision"),
        pytest.param({"labeled_at": pa.timestamp("us")}, "labeled_at is timestamp[us]", id="time without zone"),
        pytest.param({"labeled_at": pa.timestamp("ms", "JST")}, None, id="time in any zone"),
        pytest.param({"stratum": pa.null(), "inclusion_probability": pa.null()}, None, id="all null"),
        pytest.param({"inclusion_probability": pa.decimal128(2, 1)}, None, id="decimal"),
        pytest.param({"inclusion_probability": pa.string()}, "inclusion_probability is string", id="text for a number"),
    ],
)
def test_schema_fault(change: dict[str, pa.DataType | None], fault: str | None) -> None:
    """A label file that misses a column or retypes one is named with what it did."""
    fields = {field.name: field.type for field in labels_frame([]).to_arrow().schema}
    schema = fields | {"extra": pa.month_day_nano_interval()} | change
    assert schema_fault(pa.schema({name: dtype for name, dtype in schema.items() if dtype is not None})) == fault


def test_a_label_column_that_stands_there_twice() -> None:
    """Nobody can tell which is meant."""
    schema = labels_frame([]).to_arrow().schema
    assert schema_fault(schema.append(pa.field("source", pa.string()))) == "source stands there twice"


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


def whole(frame: pl.DataFrame) -> list[Measurement]:
    """Every quality metric of these comments as one slice."""
    return estimate(Slice.of("all", frame), 1, why_empty="no labels came that can be used")


def by_metric(measured: list[Measurement]) -> dict[str, Measurement]:
    """Measurements by their metric."""
    return {item.metric: item for item in measured}


def test_unweighted_estimates() -> None:
    """Without probabilities every labelled comment counts alike, over its own denominator."""
    found = by_metric(whole(comments((True, True, 6), (True, False, 2), (False, True, 3), (False, False, 9))))
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
    found = by_metric(whole(sample))
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
    assert by_metric(whole(sample))["accuracy"].method.startswith("unweighted")


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
    found = whole(frame)
    assert {item.metric for item in found if item.value is None} == missing
    assert all(item.reason for item in found if item.value is None)


@given(st.tuples(*[st.integers(0, 30)] * 4), st.sampled_from([None, 0.05, 0.7]))
def test_interval_holds_estimate(counts: tuple[int, int, int, int], probability: float | None) -> None:
    """Every estimate lies in its interval, and value is x / n."""
    cells = zip((True, True, False, False), (True, False, True, False), counts, strict=True)
    if not any(counts):
        return
    for item in whole(comments(*cells, inclusion_probability=probability)):
        if item.value is not None and item.interval is not None and item.n is not None:
            assert 0 <= item.interval.low <= item.value <= item.interval.high <= 1 + 1e-12
            assert item.x == pytest.approx(item.value * item.n)


def named(*pairs: tuple[str, str | None]) -> pl.DataFrame:
    """Settled comments by category: (what the model said, what the labels say)."""
    frame = comments(*((flagged != "none", truth != "none", 1) for flagged, truth in pairs))
    return frame.with_columns(
        pl.Series("flagged_category", [flagged for flagged, _ in pairs]),
        pl.Series("true_category", [truth for _, truth in pairs]),
    )


NAMED = named(("spam", "spam"), ("spam", "fraud"), ("fraud", "fraud"), ("none", "spam"), ("none", "none"))


def test_categories_one_against_the_rest() -> None:
    """A category is flagged where the model names it and true where the labels do; all else is the rest."""
    found = {
        (item.metric, part.name): (item.x, item.n) for part in category_slices(NAMED) for item in estimate(part, 1)
    }
    assert found == {
        ("accuracy", "category=spam"): (3, 5),
        ("precision", "category=spam"): (1, 2),
        ("recall", "category=spam"): (1, 2),
        ("f1", "category=spam"): (2 / 4 * 3, 3),
        ("prevalence", "category=spam"): (2, 5),
        ("accuracy", "category=fraud"): (4, 5),
        ("precision", "category=fraud"): (1, 1),
        ("recall", "category=fraud"): (1, 2),
        ("f1", "category=fraud"): (2 / 3 * 2, 2),
        ("prevalence", "category=fraud"): (2, 5),
    }


def test_unnamed_categories_say_nothing_about_one() -> None:
    """A violation whose category the labels do not name counts for and against no category."""
    with_unnamed = pl.concat([NAMED, named(("spam", None))])
    assert [len(part.comments) for part in category_slices(with_unnamed)] == [5, 5]


def test_recall_of_a_category_needs_unflagged_labels() -> None:
    """Where only flagged comments were labelled, nobody knows what of a category was missed."""
    flagged = NAMED.filter(pl.col("flagged"))
    found = [item for part in category_slices(flagged) for item in estimate(part, 1) if item.metric in ("recall", "f1")]
    assert {item.reason for item in found} == {"every labelled comment was flagged"}


def test_confusion_matrices() -> None:
    """Every slice has its four counts, and where probabilities are known the comments that they stand for."""
    bad = {"violation": True, "category": "spam"}
    labels = [
        label("a", **bad, inclusion_probability=0.5),
        label("b", inclusion_probability=0.1),
        label("c", **bad, inclusion_probability=0.1),
        label("d", source="planted"),
    ]
    verdicts = [
        verdict("a", violation=True, category="spam", language="ja"),
        verdict("b", violation=True, category="hate"),
        verdict("c"),
        verdict("d"),
    ]
    found = {item.slice: item for item in confusion_matrices(settled(labels, verdicts))}
    counts = {name: tuple(item.model_dump().values())[1:5] for name, item in found.items()}
    assert counts == {
        "all": (1, 1, 1, 0),
        "language=en": (0, 1, 1, 0),
        "language=ja": (1, 0, 0, 0),
        "category=hate": (0, 1, 0, 2),
        "category=spam": (1, 0, 1, 1),
        "source=planted": (0, 0, 0, 1),
    }
    assert tuple(found["all"].model_dump().values())[5:] == (2.0, 10.0, 10.0, 0.0)
    assert found["source=planted"].estimated_true_negative is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_metrics_follow_from_the_matrix(cells: list[tuple[bool, bool]]) -> None:
    """Unweighted, each metric is the ratio that its confusion matrix gives."""
    labels = [
        label(str(n), **({"violation": True, "category": "spam"} if truth else {}))
        for n, (_, truth) in enumerate(cells)
    ]
    verdicts = [
        verdict(str(n), violation=flagged, category="spam" if flagged else "none")
        for n, (flagged, _) in enumerate(cells)
    ]
    done = settled(labels, verdicts)
    for matrix in confusion_matrices(done):
        tp, fp, fn, tn = tuple(matrix.model_dump().values())[1:5]
        ratios = {
            "accuracy": (tp + tn, tp + fp + fn + tn),
            "precision": (tp, tp + fp),
            "recall": (tp, tp + fn),
            "f1": (2 * tp, 2 * tp + fp + fn),
            "prevalence": (tp + fn, tp + fp + fn + tn),
        }
        for item in measure_quality(done, 1):
            if item.slice == matrix.slice and item.value is not None:
                top, bottom = ratios[item.metric]
                assert item.value == pytest.approx(top / bottom)


def rated(pairs: int, agreed: int, *labelers: str) -> list[dict[str, Any]]:
    """Labels of two raters on `pairs` comments, half of them violations to the first, who agree on `agreed`."""
    bad, rows = {"violation": True, "category": "spam"}, []
    for n in range(pairs):
        first = n % 2 == 0
        for labeler, violation in zip(labelers, (first, first if n < agreed else not first), strict=True):
            rows.append(label(f"c{n}", labeler=labeler, **(bad if violation else {})))
    return rows


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param(rated(40, 36, "x", "y"), (0.8, 40, 1), id="nine in ten, half of it chance"),
        pytest.param(rated(40, 40, "x", "y"), (1.0, 40, 1), id="always"),
        pytest.param(rated(19, 10, "x", "y"), None, id="too few shared comments"),
        pytest.param([label(f"c{n}", labeler=r) for n in range(30) for r in "xy"], None, id="never a violation"),
        pytest.param(
            [*rated(40, 36, "x", "y"), *(label(f"c{n}", labeler="z") for n in range(5))],
            (0.8, 40, 1),
            id="a third rater of few",
        ),
    ],
)
def test_kappa(labels: list[dict[str, Any]], expected: tuple[float, int, int] | None) -> None:
    """Two raters of 20 comments or more give Cohen's kappa, unless chance alone explains that they agree."""
    kappa = cohen_kappa(labels_frame(labels))
    assert kappa == (None if expected is None else pytest.approx(expected))


def test_kappa_of_several_pairs() -> None:
    """Of several pairs the mean is told, each pair counted by its comments."""
    third = [row | {"labeler": "z"} for row in rated(40, 40, "x", "y") if row["labeler"] == "x"]
    kappa = cohen_kappa(labels_frame([*rated(40, 36, "x", "y"), *third]))
    assert kappa is not None
    assert (kappa.comment_count, kappa.pair_count) == (120, 3)
    assert kappa.value == pytest.approx((0.8 + 1 + 0.8) / 3)
    assert kappa.words() == "mean Cohen's kappa 0.87 of 3 pairs of raters, 120 comments"


def put_labels(settings: Settings, day: date, frame: pl.DataFrame, name: str = "part-0.parquet") -> None:
    """Store a label file."""
    path = Path(DayPaths(settings, day).labels) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))


def play(settings: Settings, day: date, right: int, wrong: int, source: str = "sample") -> AccuracySummary:
    """A day whose verdicts agree with `right` labels and not with `wrong`."""
    publish_verdicts(settings, day, verdicts_frame([verdict(str(n), date=day) for n in range(right + wrong)]))
    bad = {"violation": True, "category": "spam"}
    rows = [label(str(n), source=source, **(bad if n < wrong else {})) for n in range(right + wrong)]
    put_labels(settings, day, labels_frame(rows))
    summary = measure_and_append(settings, day, "run-1", "run-1", NOW)
    publish_night(settings, day)
    return summary


def put_past(settings: Settings, nights: int, right: int, wrong: int, *strata: tuple[str, int, int]) -> None:
    """Nights up to the eve of DAY with this accuracy; strata are (name, right, of so many)."""
    for back in range(nights, 0, -1):
        day = DAY - timedelta(back)
        rows = [rate("accuracy", right - back % 3, right + wrong, of="labels")]
        rows += [rate("accuracy", x, n, of="labels", slice=f"stratum={name}") for name, x, n in strata]
        put_metrics(settings, measured_rows(rows, Stamp(day, NOW, "r", "r")))
        publish_night(settings, day)


def accuracy_row(settings: Settings, day: date = DAY) -> MetricRow:
    """What counts of the day's accuracy as a whole."""
    latest = latest_rows(metrics_of(settings, day).lazy()).collect()
    return next(row for row in rows_of(latest) if (row.metric, row.slice) == ("accuracy", "all"))


def test_no_labels(settings: Settings) -> None:
    """A day without labels says no_data, and nothing fails."""
    summary = measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    assert (summary.state, summary.accuracy) == (State.NO_DATA, None)
    rows = metrics_of(settings, DAY)
    assert set(rows["state"]) == {"no_data"}
    assert set(rows["metric"]) == {*QUALITY, "label_error_rate", "overturn_rate"}


@pytest.mark.parametrize("source", ["sample", "planted"])
def test_accuracy_to_quote(settings: Settings, source: str) -> None:
    """The sample's accuracy is quoted; planted labels stand in for a sample, and are never judged."""
    summary = play(settings, DAY, 45, 5, source)
    assert (summary.accuracy, summary.n) == (0.9, 50)
    assert summary.slice == ("all" if source == "sample" else "source=planted")
    whole = accuracy_row(settings)
    if source == "sample":
        assert (whole.state, whole.reason_code) == (State.LEARNING, "few_nights")
    else:
        assert (whole.state, whole.reason_code, whole.severity) == (State.NO_DATA, "no_labels", None)
        assert (whole.reason or "").endswith("only planted labels came")


def test_accuracy_falls_against_earlier_nights(settings: Settings) -> None:
    """Accuracy rings when it has fallen far below what earlier nights had; so far that somebody should look now."""
    put_past(settings, 20, 196, 4)
    summary = play(settings, DAY, 150, 50)
    assert (summary.state, summary.degraded) == (State.DEGRADED, ("accuracy all",))
    row = accuracy_row(settings)
    assert (row.severity, row.reason_code, row.since) == ("page", "shift", DAY)
    assert row.baseline == pytest.approx(0.975, abs=0.01)


def test_few_labels_say_how_many_would_tell(settings: Settings) -> None:
    """A night of few labels cannot tell, and says how many a night would."""
    put_past(settings, 20, 196, 4)
    for back in range(3):
        put_labels(settings, DAY, labels_frame([label(str(n)) for n in range(9)]), f"part-{back}.parquet")
    play(settings, DAY, 9, 0)
    row = measured_later(settings, days=15)
    assert (row.state, row.reason_code) == (State.CANNOT_TELL, "few_items")
    assert "9 labels are too few" in (row.reason or "")


def measured_later(settings: Settings, days: int) -> MetricRow:
    """The day's accuracy as it is measured so many days later."""
    measure_and_append(settings, DAY, "run-2", "run-1", NOW + timedelta(days))
    return accuracy_row(settings)


def test_first_labels_are_provisional(settings: Settings) -> None:
    """With a tenth of the usual labels a day is shown and not judged; once no more come it is."""
    put_past(settings, 20, 196, 4)
    play(settings, DAY, 10, 10)
    row = accuracy_row(settings)
    assert (row.state, row.reason_code, row.value, row.severity) == (State.CANNOT_TELL, "provisional", 0.5, None)
    assert (row.reason or "").startswith("provisional: 20 of usually 200 labels have come; labels of source sample")
    assert row.baseline is None
    assert measured_later(settings, days=2).reason_code == "provisional"
    assert measured_later(settings, days=3).state is State.DEGRADED  # its files have not changed for three days


def test_provisional_days_are_no_history(settings: Settings) -> None:
    """A day whose labels are still coming is not what the next one is compared with."""
    put_past(settings, 20, 196, 4)
    play(settings, DAY, 10, 10)
    play(settings, DAY + timedelta(1), 195, 5)
    row = accuracy_row(settings, DAY + timedelta(1))
    assert (row.state, row.since) == (State.OK, None)
    assert (row.evidence or 0) < 50


@pytest.mark.parametrize(("nights", "severity"), [(20, "ticket"), (6, None)], ids=["used to come", "hardly ever came"])
def test_labels_that_stay_away(settings: Settings, nights: int, severity: str | None) -> None:
    """A day that is still without labels after 14 days is a ticket where labels used to come, and not before."""
    put_past(settings, nights, 196, 4)
    measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    assert (accuracy_row(settings).state, accuracy_row(settings).severity) == (State.NO_DATA, None)
    row = measured_later(settings, days=14)
    assert (row.state, row.severity, row.reason_code) == (State.NO_DATA, severity, "no_labels")


def test_strata_are_counts(settings: Settings) -> None:
    """The rows of strata hold what was counted, whatever the weights within a stratum are."""
    odd = [label(str(n), stratum="clear", inclusion_probability=0.1 if n else 0.9) for n in range(10)]
    odd[0] |= {"violation": True, "category": "spam"}
    publish_verdicts(settings, DAY, verdicts_frame([verdict(str(n)) for n in range(10)]))
    put_labels(settings, DAY, labels_frame(odd))
    measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    row = next(
        row for row in rows_of(metrics_of(settings, DAY)) if (row.metric, row.slice) == ("accuracy", "stratum=clear")
    )
    assert (row.x, row.n) == (9, 10)
    assert row.value == pytest.approx(90 / (90 + 1 / 0.9))


def test_a_stratum_that_goes_wrong_rings(settings: Settings) -> None:
    """Evidence comes from the strata: an error rate that trebles in one rings though the whole hardly moves."""
    strata = (("flagged", 57, 60), ("borderline", 76, 80), ("clear", 159, 160))
    put_past(settings, 30, 292, 8, *strata)
    verdicts, labels, number = [], [], 0
    for name, wrong, count in (("flagged", 3, 60), ("borderline", 24, 80), ("clear", 1, 160)):
        for place in range(count):
            number += 1
            verdicts.append(verdict(str(number)))
            bad = {"violation": True, "category": "spam"} if place < wrong else {}
            labels.append(label(str(number), stratum=name, inclusion_probability=0.5, **bad))
    publish_verdicts(settings, DAY, verdicts_frame(verdicts))
    put_labels(settings, DAY, labels_frame(labels))
    assert measure_and_append(settings, DAY, "run-1", "run-1", NOW).degraded == ("accuracy all",)


def test_broken_label_files(settings: Settings) -> None:
    """A label file that cannot be read is counted and named, and the others still count."""
    publish_verdicts(settings, DAY, verdicts_frame([verdict("a")]))
    put_labels(settings, DAY, labels_frame([label("a")]))
    put_labels(settings, DAY, labels_frame([label("a")] * 4).drop("labeler"), "part-1.parquet")
    (Path(DayPaths(settings, DAY).labels) / "part-2.parquet").write_bytes(b"no parquet")
    (Path(DayPaths(settings, DAY).labels) / "_SUCCESS").write_bytes(b"")
    summary = measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    assert (summary.label_count, summary.label_error_count, summary.n) == (6, 5, 1)
    row = metrics_of(settings, DAY).row(by_predicate=pl.col("metric") == "label_error_rate", named=True)
    assert row["reason"].endswith("part-1.parquet misses labeler; part-2.parquet is no readable Parquet file")


def write_labels(settings: Settings, name: str, **columns: pa.Array) -> None:
    """A file of one label for each of a, b and c, with these columns in the place of its own or beside them."""
    table = labels_frame([label(one) for one in "abc"]).to_arrow()
    for column, values in columns.items():
        place = table.schema.get_field_index(column)
        table = table.append_column(column, values) if place < 0 else table.set_column(place, column, values)
    path = Path(DayPaths(settings, DAY).labels) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


_TIMES = pa.array([1_795_143_600_000] * 3)


@pytest.mark.parametrize(
    ("columns", "usable_count"),
    [
        pytest.param({"exported_at": _TIMES.view(pa.timestamp("ms", "JST"))}, 3, id="an-extra-time-in-no-zone"),
        pytest.param({"labeled_at": _TIMES.view(pa.timestamp("ms", "+05:30"))}, 3, id="an-offset-for-a-zone"),
        pytest.param(
            {"labeled_at": pa.array([1_795_143_600_000, 2**63 - 1, None]).view(pa.timestamp("ms", "UTC"))},
            1,
            id="an-absurd-time-and-none",
        ),
        pytest.param({"source": pa.array(["sample"] * 3).dictionary_encode()}, 3, id="dictionary"),
        pytest.param({"labeler": pa.nulls(3)}, 0, id="nobody-labelled-them"),
        pytest.param({"stratum": pa.nulls(3), "inclusion_probability": pa.nulls(3)}, 3, id="without-a-type"),
        pytest.param({"delay": pa.array([None] * 3, pa.duration("s"))}, 3, id="an-extra-duration"),
        pytest.param({"stratum": pa.array([None] * 3, pa.float64())}, 3, id="nulls-of-another-type"),
    ],
)
def test_a_label_file_is_read_row_by_row(settings: Settings, columns: dict[str, pa.Array], usable_count: int) -> None:
    """Extra columns are never read, a time is an instant in any zone, and what is wrong with a row is its own fault."""
    publish_verdicts(settings, DAY, verdicts_frame([verdict(one) for one in "abc"]))
    write_labels(settings, "part-0.parquet", **columns)
    summary = measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    assert (summary.label_count, summary.label_count - summary.label_error_count) == (3, usable_count)


def test_a_label_file_without_rows_is_no_label(settings: Settings) -> None:
    """An empty frame need not have the columns."""
    publish_verdicts(settings, DAY, verdicts_frame([verdict("a")]))
    put_labels(settings, DAY, labels_frame([label("a")]))
    put_labels(settings, DAY, pl.DataFrame(schema={"labeler": pl.Float64}), "part-1.parquet")
    summary = measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    assert (summary.label_count, summary.label_error_count, summary.warnings) == (1, 0, ())


def test_labels_follow_the_rule_of_the_comments(settings: Settings) -> None:
    """Files without a suffix and in partitions are read, hidden ones are not, and what is left over is told."""
    publish_verdicts(settings, DAY, verdicts_frame([verdict(one) for one in "abc"]))
    for name in ("000000_0", "team=a/part-0.PARQUET", "_half.parquet", "sub/part-0.parquet"):
        write_labels(settings, name)
    summary = measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    assert summary.label_count == 6
    folder = DayPaths(settings, DAY).labels
    unread, hidden = summary.warnings
    assert unread.startswith(f"1 objects in {folder}/ are not read: sub/part-0.parquet (read are")
    assert hidden.startswith(f"1 objects in {folder}/ are hidden")
    assert hidden.endswith(": _half.parquet")


def test_a_label_file_that_is_refused_is_counted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archived label file stops no night: it is one lost label, and named."""
    publish_verdicts(settings, DAY, verdicts_frame([verdict(one) for one in "abc"]))
    write_labels(settings, "part-0.parquet")
    write_labels(settings, "part-1.parquet")
    outside = adapters.connect(settings)
    fetch = outside.storage.fetch

    def refuse(uri: str, path: Path, etag: str | None = None) -> None:
        if uri.endswith("part-1.parquet"):
            raise StorageRefused(f"read {uri}: InvalidObjectState: archived; restore it")
        fetch(uri, path, etag)

    monkeypatch.setattr(outside.storage, "fetch", refuse)
    monkeypatch.setattr(adapters, "connect", lambda _: outside)
    summary = measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    assert (summary.label_count, summary.label_error_count) == (4, 1)
    (warning,) = summary.warnings
    assert warning.startswith("part-1.parquet was refused: read ")


def test_late_labels_measure_again(settings: Settings) -> None:
    """Labels that come later are measured by appending; both runs are named and the latest rows are the plain ones."""
    play(settings, DAY, 50, 0)
    put_labels(
        settings, DAY, labels_frame([label("7", labeler="late", violation=True, category="spam")]), "part-9.parquet"
    )
    later = NOW + timedelta(days=3)
    assert measure_and_append(settings, DAY, "run-2", "run-1", later).n == 49
    plain = pl.read_parquet(DayPaths(settings, DAY).plain("metrics"))
    assert plain.schema == METRICS.polars_schema
    assert set(plain.select("run_id", "verdicts_run_id").iter_rows()) == {("run-2", "run-1")}
    row = plain.row(by_predicate=(pl.col("metric") == "accuracy") & (pl.col("slice") == "all"), named=True)
    assert "raters agree on 0 of 1 comments" in row["reason"]
    assert adapters.connect(settings).storage.get(DayPaths(settings, DAY).plain("metrics"))


def test_raters_agreement_is_told(settings: Settings) -> None:
    """Two raters of the same comments are one truth each, and the summary and the accuracy row say how they agree."""
    labels = rated(40, 36, "x", "y")
    publish_verdicts(settings, DAY, verdicts_frame([verdict(f"c{n}") for n in range(40)]))
    put_labels(settings, DAY, labels_frame(labels))
    summary = measure_and_append(settings, DAY, "run-1", "run-1", NOW)
    assert (summary.rated_twice_count, summary.agreed_count, summary.n) == (40, 36, 36)
    assert summary.kappa == pytest.approx(0.8)
    row = metrics_of(settings, DAY).row(
        by_predicate=(pl.col("metric") == "accuracy") & (pl.col("slice") == "all"), named=True
    )
    assert "agree on 36 of 40" in row["reason"]
    assert "Cohen's kappa 0.80 on 40 comments" in row["reason"]


def test_confusion_is_kept_with_the_run(settings: Settings) -> None:
    """The run's folder has the confusion matrices that the summary has."""
    summary = play(settings, DAY, 40, 10)
    stored = json.loads(Path(RunPaths(settings, DAY, "run-1").file("confusion.json")).read_text())
    assert stored == [matrix.model_dump() for matrix in summary.confusion]
    assert stored[0] | {"slice": "all", "false_negative": 10, "true_negative": 40} == stored[0]
