"""Intervals contain their estimate, match published values, and cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.measure.intervals import (
    Cell,
    Interval,
    confusion_draws,
    effective_count,
    f1_interval,
    jeffreys,
    mean_interval,
    quantile_interval,
)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        pytest.param(0, 10, 0.0, 0.2172, id="none: the lower end is 0"),
        pytest.param(10, 10, 0.7828, 1.0, id="all: the upper end is 1"),
        pytest.param(1, 10, 0.0110, 0.3813, id="one"),
        pytest.param(5, 10, 0.2235, 0.7765, id="half"),
    ],
)
def test_jeffreys_published(x: int, n: int, low: float, high: float) -> None:
    """Jeffreys' interval is that of Brown, Cai and DasGupta (2001), table 5."""
    assert jeffreys(x, n) == pytest.approx((low, high), abs=2e-3)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jeffreys_contains_estimate(n: int, share: float) -> None:
    """The interval of a share lies in 0 to 1 and holds the share, fractional numerators included."""
    low, high = jeffreys(share * n, n)
    assert 0 <= low <= min(share * n / n, 1) <= high + 1e-12
    assert high <= 1


@pytest.mark.parametrize(("x", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_jeffreys_refuses(x: int, n: int) -> None:
    """A numerator outside 0 to n is no share."""
    with pytest.raises(ValueError, match="no share"):
        jeffreys(x, n)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_contains_estimate(tp: int, fp: int, fn: int) -> None:
    """F1 = 2 tp / (2 tp + fp + fn) lies in its interval."""
    if tp + fp + fn == 0:
        return
    low, high = f1_interval(tp, tp + fp + fn)
    assert low - 1e-12 <= 2 * tp / (2 * tp + fp + fn) <= high + 1e-12


def test_mean_interval() -> None:
    """A mean's interval is Student's: 2.776 standard errors for five values."""
    assert mean_interval(10.0, 4.0, 5) == pytest.approx((10 - 2.776 * 0.8944, 10 + 2.776 * 0.8944), abs=1e-3)


def test_stratified_covers() -> None:
    """Over 300 simulated samples of 60/80/160 labels the 95 % interval holds prevalence in at least 92 % of them.

    The strata are 600 flagged (84 % right), 1,000 borderline (12 % missed) and 18,400 clean (0.2 % missed).
    """
    random = np.random.default_rng(5)
    sizes, truths, drawn, flags = (600, 1000, 18400), (0.84, 0.12, 0.002), (60, 80, 160), (True, False, False)
    prevalence = sum(size * truth for size, truth in zip(sizes, truths, strict=True)) / sum(sizes)
    covered = 0
    for trial in range(300):
        cells = [
            Cell(str(place), flags[place], sizes[place], random.binomial(n, truths[place]) / n, n, n)
            for place, n in enumerate(drawn)
        ]
        tp, _, fn, _ = confusion_draws(cells, seed=trial)
        low, high = quantile_interval((tp + fn) / sum(sizes))
        covered += low <= prevalence <= high
    assert covered >= 0.92 * 300


def test_stratified_ignores_order() -> None:
    """The draws do not depend on the order of the cells, and the same seed gives the same draws."""
    cells = [Cell("a", True, 600, 0.8, 60, 60.0), Cell("a", False, 900, 0.1, 80, 80.0), Cell("b", False, 50, 0, 9, 9.0)]
    for one, other in zip(confusion_draws(cells, 1), confusion_draws(cells[::-1], 1), strict=True):
        assert (one == other).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_effective_count_inverts_jeffreys(share: float) -> None:
    """An unweighted share of n has an effective count of about n, and never more."""
    assert 380 <= effective_count(jeffreys(400 * share, 400), 400) <= 400
    assert effective_count(Interval(share - 0.1, min(share + 0.1, 1)), 400) < 120


def test_interval_widens_around() -> None:
    """An interval that misses its own estimate is widened to hold it."""
    assert Interval(0.2, 0.4).around(0.5) == (0.2, 0.5)
