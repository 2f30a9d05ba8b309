"""Quality over several nights: as exact as their labels together, and no night counts that is not whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.tables.metrics import MetricRow
from tasks.labels.pooled_quality import pool
from tasks.measure.intervals import f1_interval, jeffreys
from tests.sample_nights import RUN_DATE, metric


def night(back: int, x: int, n: int, name: str = "accuracy", **facts: object) -> MetricRow:
    """A night's share of labels with its interval."""
    ends = f1_interval(x, n) if name == "f1" else jeffreys(x, n)
    value = 2 * x / (n + x) if name == "f1" else x / n
    given = {"value": value, "n": n, "ci_low": ends.low, "ci_high": ends.high, "date": str(RUN_DATE - timedelta(back))}
    return metric(name, **given | facts)  # type: ignore[arg-type]


def test_nights_add_up() -> None:
    """Seven nights of 100 labels tell what 700 labels of one night would, to within a tenth of the interval."""
    pooled = pool([night(back, 90, 100) for back in range(7)], "accuracy", RUN_DATE, 7)
    assert pooled is not None
    whole = jeffreys(630, 700)
    assert pooled.value == pytest.approx(0.9, abs=0.002)
    assert pooled.interval.low == pytest.approx(whole.low, abs=0.1 * (whole.high - whole.low))
    assert pooled.interval.high == pytest.approx(whole.high, abs=0.1 * (whole.high - whole.low))
    assert (pooled.n, pooled.night_count) == (700, 7)


def test_f1_is_pooled_on_its_own_scale() -> None:
    """F1 of the sum, not the mean of nights of very different size."""
    pooled = pool([night(0, 60, 80, "f1"), night(1, 6, 8, "f1")], "f1", RUN_DATE, 28)
    assert pooled is not None
    assert pooled.value == pytest.approx(2 * 66 / (88 + 66), abs=0.01)
    assert pooled.interval.low < pooled.value < pooled.interval.high


@pytest.mark.parametrize(
    "row",
    [
        night(28, 90, 100),
        night(-1, 90, 100),
        night(0, 90, 100, reason_code="provisional"),
        night(0, 90, 100, slice="language=ja"),
        night(0, 90, 100, "recall"),
        night(0, 90, 100, value=None),
    ],
    ids=["too old", "after", "provisional", "a slice", "another metric", "no value"],
)
def test_what_does_not_count(row: MetricRow) -> None:
    """A night outside, one whose labels still come, a part of the sample."""
    assert pool([row], "accuracy", RUN_DATE, 28) is None


def test_more_labels_show_smaller_falls() -> None:
    """The detectable fall shrinks as labels add up; where it would fall below nothing there is none."""
    one, month = (pool([night(back, 90, 100) for back in range(k)], "accuracy", RUN_DATE, 28) for k in (1, 28))
    assert one is not None
    assert month is not None
    assert one.detectable is not None
    assert month.detectable is not None
    assert 0 < month.detectable < one.detectable / 4
    few = pool([night(0, 1, 5)], "accuracy", RUN_DATE, 28)
    assert few is not None
    assert few.detectable is None


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), min_size=1, max_size=28))
def test_the_interval_holds_the_estimate(counts: list[tuple[int, int]]) -> None:
    """Whatever the nights say, the value lies in its interval and between 0 and 1."""
    rows = [night(back, min(x, n), n) for back, (x, n) in enumerate(counts)]
    pooled = pool(rows, "accuracy", RUN_DATE, 28)
    assert pooled is not None
    assert 0 <= pooled.interval.low <= pooled.value <= pooled.interval.high <= 1
