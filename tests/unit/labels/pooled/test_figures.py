"""The quality of several nights: points, intervals and what they would have shown."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from tasks.labels.pooled.figures import CELLS, FIGURES, pooled_quality

LAST = date(2026, 11, 19)
#: A night: (stratum, flagged, comments, share of violations, labels).
NIGHT = [("flagged", True, 600, 0.85, 60), ("borderline", False, 1000, 0.125, 80), ("clear", False, 18400, 0.0125, 160)]


def cells(nights: int, night: list[tuple[Any, ...]] | None = None, **changes: Any) -> pl.DataFrame:
    """So many nights up to LAST, all alike."""
    rows = [
        {"date": LAST - timedelta(back), "stratum": stratum, "flagged": flagged, "size": float(size),
         "true_share": share, "n": n, "effective_n": float(n), "is_weighted": True} | changes
        for back in range(nights)
        for stratum, flagged, size, share, n in night or NIGHT
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=CELLS)


def figure(frame: pl.DataFrame, metric: str, nights: int) -> dict[str, Any]:
    """The one row of a window and metric."""
    return frame.row(by_predicate=(pl.col("metric") == metric) & (pl.col("nights") == nights), named=True)


def test_points_are_weighted_by_what_labels_stand_for() -> None:
    """Recall is of the comments of the night, not of the labels, which over-sample what is flagged."""
    found = pooled_quality(cells(28), LAST)
    assert found.schema == FIGURES
    for nights in (1, 7, 28):
        assert figure(found, "precision", nights)["value"] == pytest.approx(0.85)
        assert figure(found, "recall", nights)["value"] == pytest.approx(510 / (510 + 125 + 230))
        assert figure(found, "prevalence", nights)["value"] == pytest.approx(865 / 20_000)


def test_more_nights_say_more() -> None:
    """A month of labels narrows recall from tens of points to a few, and would show a smaller drop."""
    found = pooled_quality(cells(28), LAST)
    one, week, month = (figure(found, "recall", nights) for nights in (1, 7, 28))
    widths = [row["ci_high"] - row["ci_low"] for row in (one, week, month)]
    assert widths[0] > 0.25
    assert widths[2] < 0.09
    assert widths[0] > 2 * widths[1] > 3 * widths[2]
    assert one["detectable"] > week["detectable"] > month["detectable"] > 0
    for row in (one, week, month):
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert [row["labels"] for row in (one, week, month)] == [300, 2100, 8400]


def test_a_window_ends_with_the_last_labelled_night() -> None:
    """Labels come later than the night that is reported; nights without any are no part of the window's count."""
    frame = cells(28).filter(pl.col("date") != LAST - timedelta(3))
    row = figure(pooled_quality(frame, LAST + timedelta(5)), "accuracy", 7)
    assert (row["first"], row["last"], row["labelled_nights"]) == (LAST - timedelta(6), LAST, 6)
    earlier = figure(pooled_quality(frame, LAST - timedelta(10)), "accuracy", 1)
    assert earlier["last"] == LAST - timedelta(10)


def test_another_allocation_on_another_night_keeps_the_points() -> None:
    """Nights whose labels were drawn otherwise are put together by what each label stands for."""
    other = [(*NIGHT[0][:4], 200), (*NIGHT[1][:4], 40), (*NIGHT[2][:4], 60)]
    mixed = pl.concat([cells(4), cells(4, other).with_columns(pl.col("date") - pl.duration(days=4))])
    plain = figure(pooled_quality(cells(8), LAST, (8,)), "recall", 8)
    row = figure(pooled_quality(mixed, LAST, (8,)), "recall", 8)
    assert row["value"] == pytest.approx(plain["value"])
    assert row["ci_high"] - row["ci_low"] > plain["ci_high"] - plain["ci_low"]


def test_labels_without_probability_count_alike() -> None:
    """One night without inclusion probabilities makes the window unweighted, and the row says so."""
    bare = cells(1, is_weighted=False).with_columns(size=pl.col("n").cast(pl.Float64))
    row = figure(pooled_quality(pl.concat([cells(7).filter(pl.col("date") < LAST), bare]), LAST), "accuracy", 7)
    assert not row["is_weighted"]
    assert row["value"] == pytest.approx((51 + 70 + 158) / 300)


def test_what_was_missed_is_not_known_from_flagged_labels() -> None:
    """Where only flagged comments have labels, precision is known, recall and f1 are not."""
    found = pooled_quality(cells(7, NIGHT[:1]), LAST)
    assert figure(found, "precision", 7)["value"] == pytest.approx(0.85)
    for metric in ("recall", "f1"):
        row = figure(found, metric, 7)
        assert (row["value"], row["ci_low"], row["detectable"]) == (None, None, None)


@pytest.mark.parametrize("frame", [cells(0), cells(3, [("clear", False, 0, 0.0, 0)])])
def test_without_labels_there_are_no_figures(frame: pl.DataFrame) -> None:
    """Neither rows nor an exception."""
    assert pooled_quality(frame, LAST).is_empty()


def test_order_does_not_matter() -> None:
    """The same nights in another order give the same figures."""
    frame = cells(9)
    assert pooled_quality(frame, LAST).equals(pooled_quality(frame.reverse(), LAST))
