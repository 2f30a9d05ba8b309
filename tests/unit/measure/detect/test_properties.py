"""What holds of every history, however odd."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tasks.measure.detect import Event, Policy, detect, replay
from tests.detector_histories import TYPES, assert_is_answer, day, frame, labels, rate, shares, volume

METRICS = ("volume", "violation_rate", "language_share", "product_share", "accuracy", "malformed_rate", "novel",
           "text_length_log", "cost_usd", "precision", "golden_flip_rate")  # fmt: skip
SLICES = ("all", "language=ja", "stratum=clear", "stratum=flagged", "product=p1")
ODD = [None, 0.0, -1.0, 1.0, 3.0, 300.0, 1e300, float("nan"), float("inf"), float("-inf"), 1e-300, 0.5]

numbers = st.sampled_from(ODD) | st.floats(0, 1000)
rows = st.tuples(
    st.integers(0, 40).map(day),
    st.sampled_from(METRICS),
    st.sampled_from(SLICES),
    st.sampled_from(["rate", "mean", "count", "odd"]),
    numbers,
    numbers,
    numbers,
    numbers,
)
POLICY = Policy(
    events=(Event("sale", day(30), day(33), ()),), rebaselined=((day(25), ("violation_rate",)), (date(1999, 1, 1), ()))
)


def _ordinary(nights: int, seed: int) -> list[tuple[Any, ...]]:
    """Nights with a fault near their end, gaps, strata that come and go, and a chart that comes late."""
    wrong = [float(12 + (night * 7 + seed) % 6 + (20 if night > nights - 5 else 0)) for night in range(nights)]
    found = [
        *labels(wrong),
        *shares("violation_rate", [0.03] * (nights - 4) + [0.05] * 4, seed=seed),
        *shares("language_share", [0.6] * nights, "language=ja", seed=seed + 1),
        *(
            row
            for row in shares("language_share", [0.1] * nights, "language=ko", seed=seed)
            if row[0] >= day(nights // 2)
        ),
        *(volume(night, 20_000 + 37 * ((night * seed) % 50)) for night in range(nights)),
        *(rate(night, "accuracy", 155, 160, "stratum=clear") for night in range(nights // 3, nights)),
        *(rate(night, "accuracy", 120, 140, "stratum=flagged") for night in range(nights // 2, nights)),
    ]
    return [row for place, row in enumerate(found) if (place * 31 + seed) % 17]


@given(st.integers(30, 60), st.integers(1, 1000), st.integers(1, 29))
@settings(max_examples=12, deadline=None)
def test_replay_is_detect_of_each_prefix(nights: int, seed: int, back: int) -> None:
    """A night's answer rests on that night and those before it."""
    history = frame(_ordinary(nights, seed))
    whole = replay(history, POLICY)
    for end in (day(nights - 1 - back), day(nights - 1)):
        prefix = history.filter(pl.col("date") <= end)
        assert_frame_equal(detect(prefix, POLICY), whole.filter(pl.col("date") == prefix["date"].max()))


@given(st.lists(rows, max_size=60), st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_no_history_raises(odd: list[tuple[Any, ...]], end: int) -> None:
    """Whatever the rows hold, there is an answer of the right shape, and it is that of every prefix."""
    history = frame([*_ordinary(40, 5), *odd])
    whole = replay(history, POLICY)
    assert_is_answer(whole)
    prefix = history.filter(pl.col("date") <= day(end))
    assert_frame_equal(detect(prefix, POLICY), whole.filter(pl.col("date") == prefix["date"].max()))


@given(st.lists(rows, max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=12, deadline=None)
def test_the_order_of_rows_and_repeated_rows_do_not_matter(odd: list[tuple[Any, ...]], random: Any) -> None:
    """Neither which row came first nor that one came twice."""
    rows_once = [*_ordinary(32, 9), *odd]
    shuffled = [*rows_once, *rows_once[::3]]
    random.shuffle(shuffled)
    assert_frame_equal(replay(frame(shuffled), POLICY), replay(frame(rows_once), POLICY))


@given(st.permutations(["ja", "ko"]))
@settings(max_examples=2, deadline=None)
def test_charts_are_answered_as_often_as_nights_were_seen(names: list[str]) -> None:
    """A row for every night and every chart seen up to it."""
    part = f"language={names[0]}"
    rows_ = [*shares("violation_rate", [0.03] * 10), rate(4, "language_share", 5, 10, part)]
    answer = replay(frame(rows_))
    assert len(answer.filter(pl.col("metric") == "violation_rate")) == 10
    assert answer.filter(pl.col("metric") == "language_share")["date"].to_list() == [
        day(night) for night in range(4, 10)
    ]


@pytest.mark.parametrize(
    "dtype", [pl.Int32(), pl.UInt64(), pl.Float32(), pl.Decimal(20, 4), pl.Int128()], ids=lambda dtype: str(dtype)
)
def test_numbers_may_be_of_any_numeric_type(dtype: pl.DataType) -> None:
    """Counts as integers, sums as decimals."""
    history = frame([*labels([15.0] * 40), *(volume(night, 20_000 + night) for night in range(40))])
    typed = history.cast(dict.fromkeys(("x", "n", "mean", "variance"), dtype))
    assert_frame_equal(replay(typed), replay(history))


def test_columns_of_numbers_may_be_missing_or_of_no_type() -> None:
    """A history of rates alone needs no mean; other columns are not read."""
    history = frame(labels([15.0] * 40)).drop("mean", "variance").with_columns(value=pl.lit("x"), note=pl.lit(None))
    assert_frame_equal(replay(history), replay(frame(labels([15.0] * 40))))
    assert set(TYPES) == {"date", "x", "n", "mean", "variance"}


@pytest.mark.parametrize(
    ("x", "n", "code"),
    [
        pytest.param(0.0, 0.0, "no_labels", id="nothing was labelled"),
        pytest.param(5.0, 3.0, "no_labels", id="more right than labels"),
        pytest.param(float("nan"), 300.0, "no_labels", id="not a number"),
        pytest.param(-1.0, 300.0, "no_labels", id="negative"),
    ],
)
def test_numbers_that_cannot_be_are_no_data(x: float, n: float, code: str) -> None:
    """Neither an alarm nor an exception, and the evidence stays what it was."""
    answer = replay(frame([*labels([15.0] * 40), rate(40, "accuracy", x, n), *labels([15.0], first=41)]))
    odd = answer.filter(pl.col("date") == day(40)).row(0, named=True)
    assert (odd["state"], odd["reason_code"]) == ("no_data", code)
    assert answer.filter(pl.col("date") == day(41))["state"].to_list() == ["ok"]
