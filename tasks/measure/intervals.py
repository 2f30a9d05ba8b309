"""95 % intervals that stay honest at small n: for shares, means, and estimates from a stratified sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

LEVEL = 0.95
#: Posterior draws of a stratified estimate: the ends of the interval then move by under a tenth of its width.
DRAWS = 4000
#: Of one more label, which could have shown either, the lower end of an interval counts so much as a hit and the upper
#: end the rest. Jeffreys counts half of it at both ends, and then covers too rarely where few are labelled: a share of
#: .84 in 90.6 % of the nights with 17 labels, in 93.7 % so; `benchmarks.monitor_quality coverage` has the others.
LEAN = 1 / 3
_TEST_LEVEL, _POWER = 0.05, 0.8

Draws = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """Both ends of an interval."""

    low: float
    high: float

    def around(self, value: float) -> Interval:
        """The same interval, widened where it would miss its own estimate."""
        return Interval(min(self.low, value), max(self.high, value))

    def effective_count(self, n: float) -> float:
        """How many unweighted observations would give a share this interval; never more than n.

        Read off on the scale 2 asin sqrt(p), where a share of n has variance 1 / n whatever p is.
        """
        width = 2 * math.asin(math.sqrt(self.high)) - 2 * math.asin(math.sqrt(self.low))
        deviation = width / (2 * float(special.ndtri((1 + LEVEL) / 2)))
        return n if deviation == 0 else min(n, 1 / deviation**2)


def jeffreys(x: float, n: float) -> Interval:
    """Interval of a share, x of n: quantiles of Beta(x + 1/2, n - x + 1/2), with 0 at x = 0 and 1 at x = n.

    A fractional x (a sum of weights or shares in [0, 1]) is allowed: its variance is at most the binomial's.
    Source: Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 16 (2001).
    """
    if not 0 <= x <= n or n == 0:
        raise ValueError(f"{x} of {n} is no share")
    tail = (1 - LEVEL) / 2
    low = 0.0 if x == 0 else float(special.betaincinv(x + 0.5, n - x + 0.5, tail))
    high = 1.0 if x == n else float(special.betaincinv(x + 0.5, n - x + 0.5, 1 - tail))
    return Interval(low, high).around(x / n)


def labelled_share(x: float, n: float) -> Interval:
    """Interval of a share of labels, x of n: as Jeffreys', but each end leans outwards, for few labels."""
    low, high = jeffreys(x, n)
    tail = (1 - LEVEL) / 2
    leaning = Interval(
        float(special.betaincinv(x + LEAN, n - x + 1 - LEAN, tail)),
        float(special.betaincinv(x + 1 - LEAN, n - x + LEAN, 1 - tail)),
    )
    return Interval(min(low, leaning.low), max(high, leaning.high))


def f1_interval(agreed: float, n: float) -> Interval:
    """Interval of F1 when `agreed` of the n comments that model or labeler flagged were flagged by both.

    That share is a proportion J, and F1 = 2 J / (1 + J) grows with it, so the ends of J's interval map to F1's.
    """
    low, high = labelled_share(agreed, n)
    return Interval(2 * low / (1 + low), 2 * high / (1 + high))


def mean_interval(mean: float, variance: float, n: int) -> Interval:
    """Student's interval of a mean of n >= 2 values with this sample variance."""
    reach = float(special.stdtrit(n - 1, (1 + LEVEL) / 2)) * math.sqrt(variance / n)
    return Interval(mean - reach, mean + reach)


class Cell(NamedTuple):
    """The labelled comments of one stratum with one verdict.

    Attributes:
        stratum: any name.
        flagged: whether the model called them violations.
        size: how many comments they stand for: the sum of 1 / inclusion probability.
        true_share: weighted share of them that are violations.
        n: how many were labelled.
        effective_n: Kish's count, below n when their weights differ.
    """

    stratum: str
    flagged: bool
    size: float
    true_share: float
    n: int
    effective_n: float


class Confusion(NamedTuple):
    """Draws of how many comments fall in each cell of the confusion matrix."""

    true_positive: Draws
    false_positive: Draws
    false_negative: Draws
    true_negative: Draws


class Posterior(NamedTuple):
    """Draws of the confusion matrix for the ends of intervals: each end leans outwards, see `LEAN`.

    Attributes:
        worst: flagged comments lean towards no violation, others towards a missed one.
        best: the other way round.
        fewest: all comments lean towards no violation.
        most: all lean towards one.
    """

    worst: Confusion
    best: Confusion
    fewest: Confusion
    most: Confusion


def posterior(cells: Sequence[Cell], seed: int) -> Posterior:
    """Draws for every end of an interval, from a stratified sample."""
    up, down = 1 - LEAN, LEAN
    leans = ((down, up), (up, down), (down, down), (up, up))
    return Posterior(*(confusion_draws(cells, seed, *lean) for lean in leans))


def confusion_draws(cells: Sequence[Cell], seed: int, flagged: float = 0.5, other: float = 0.5) -> Confusion:
    """Posterior draws of the confusion matrix from a stratified sample.

    In each stratum the share flagged is Beta(n + 1/2) over its two verdicts (fixed where only one was seen), and in
    each of them the share of true violations is a Beta. The order of the cells does not matter.
    Source: Brown, Cai, DasGupta (2001) for the prior; post-stratification on the verdict as in Holt and Smith, "Post
    Stratification", JRSS A 142 (1979).

    Args:
        cells: of all strata.
        seed: of the draws.
        flagged: how much of one more label counts as a violation where the verdict is one; Jeffreys' is a half.
        other: the same where it is none.
    """
    random = np.random.default_rng(seed)
    totals = {(flag, truth): np.zeros(DRAWS) for flag in (True, False) for truth in (True, False)}
    ordered = sorted(cells)
    for stratum in sorted({cell.stratum for cell in ordered}):
        members = [cell for cell in ordered if cell.stratum == stratum]
        size = sum(cell.size for cell in members)
        shares = random.dirichlet([_pseudo_count(cell, members) for cell in members], DRAWS)
        for place, cell in enumerate(members):
            hits, lean = cell.true_share * cell.effective_n, flagged if cell.flagged else other
            truth = random.beta(hits + lean, cell.effective_n - hits + 1 - lean, DRAWS)
            totals[cell.flagged, True] += size * shares[:, place] * truth
            totals[cell.flagged, False] += size * shares[:, place] * (1 - truth)
    return Confusion(totals[True, True], totals[True, False], totals[False, True], totals[False, False])


def _pseudo_count(cell: Cell, members: Sequence[Cell]) -> float:
    """How strongly the sample speaks for this verdict's share of the stratum, in comments.

    Weights may differ between the verdicts, so the stratum's effective count is split by size, not by n.
    """
    size = sum(other.size for other in members)
    squares = sum(other.size**2 / other.effective_n for other in members)
    return cell.size / size * (size**2 / squares) + 0.5


def quantile_interval(low: Draws, high: Draws) -> Interval:
    """The middle 95 %: the lower end from the draws that lean low, the upper end from those that lean high."""
    tail = (1 - LEVEL) / 2
    return Interval(float(np.quantile(low, tail)), float(np.quantile(high, 1 - tail)))


def smallest_change(share: float, n: float) -> float | None:
    """The smallest rise of a known share that n observations would show in 8 of 10 cases; None if none is so large.

    Of one exact test at a one-sided 5 %: the smallest p with P(X >= c | n, p) >= .8, c being the smallest count with
    P(X >= c | n, share) <= .05.
    """
    counts = np.arange(1, int(n) + 1)
    rare = counts[special.betainc(counts, int(n) - counts + 1, share) <= _TEST_LEVEL]
    if not len(rare):
        return None
    return float(special.betaincinv(rare[0], int(n) - rare[0] + 1, _POWER)) - share
