"""Intervals contain their estimate, match published values, and cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from tasks.measure.intervals import (
    Cell,
    Interval,
    confusion_draws,
    f1_interval,
    jeffreys,
    labelled_share,
    mean_interval,
    posterior,
    quantile_interval,
    smallest_change,
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
        draws = posterior(cells, seed=trial)
        ends = (end.true_positive + end.false_negative for end in (draws.fewest, draws.most))
        low, high = quantile_interval(*(end / sum(sizes) for end in ends))
        covered += low <= prevalence <= high
    assert covered >= 0.92 * 300


def test_stratified_ignores_order() -> None:
    """The draws do not depend on the order of the cells, and the same seed gives the same draws."""
    cells = [Cell("a", True, 600, 0.8, 60, 60.0), Cell("a", False, 900, 0.1, 80, 80.0), Cell("b", False, 50, 0, 9, 9.0)]
    for one, other in zip(confusion_draws(cells, 1), confusion_draws(cells[::-1], 1), strict=True):
        assert (one == other).all()


@pytest.mark.parametrize("n", [17, 30, 60, 160, 300])
def test_few_labels_are_covered(n: int) -> None:
    """Whatever the true share is, the interval of a share of labels holds it on at least 92 % of the nights."""
    counts = np.arange(n + 1)
    ends = np.array([labelled_share(float(x), n) for x in counts])
    for share in np.linspace(0.02, 0.98, 97):
        chances = binom.pmf(counts, n, share)
        assert chances[(ends[:, 0] <= share) & (share <= ends[:, 1])].sum() >= 0.92


@pytest.mark.parametrize(
    ("n", "points"), [(100, 7.3), (200, 4.5), (300, 3.5), (500, 2.7), (1400, 1.6), (2100, 1.3), (8400, 0.6)]
)
def test_smallest_change_published(n: int, points: float) -> None:
    """With 95 % right, one exact test at 5 % shows these drops with a power of 80 %."""
    assert smallest_change(0.05, n) == pytest.approx(points / 100, abs=0.0006)


def test_no_change_shows_with_three_labels() -> None:
    """Three labels that are all wrong may be chance where every second one is."""
    assert smallest_change(0.5, 3) is None


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_effective_count_inverts_jeffreys(share: float) -> None:
    """An unweighted share of n has an effective count of about n, and never more."""
    assert 380 <= jeffreys(400 * share, 400).effective_count(400) <= 400
    assert Interval(share - 0.1, min(share + 0.1, 1)).effective_count(400) < 120


def test_interval_widens_around() -> None:
    """An interval that misses its own estimate is widened to hold it."""
    assert Interval(0.2, 0.4).around(0.5) == (0.2, 0.5)
