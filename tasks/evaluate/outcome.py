"""What a difference between two candidates means: better, worse, not worse, or more labels first."""

from __future__ import annotations

import math
from collections.abc import Mapping

from scipy import special

from data_contracts.documents.evaluation.comparison import ComparisonOutcome
from tasks.evaluate.paired import Difference, Discordance

#: One-sided 95 % of the normal distribution.
ONE_SIDED = float(special.ndtri(0.95))


def provable_margin(within_violations: Discordance) -> float:
    """Smallest loss of recall that so many labelled violations can rule out: 1.645 sqrt(discordant share / n).

    The share takes half a comment in advance, so that "no difference seen" among a few proves little. Without a
    violation it is 1: nothing can be ruled out.
    """
    if within_violations.n == 0:
        return 1.0
    share = (within_violations.gained + within_violations.lost + 0.5) / (within_violations.n + 1)
    return min(1.0, ONE_SIDED * math.sqrt(share / within_violations.n))


def outcome_of(f1: Difference, margin: float, provable: float) -> ComparisonOutcome:
    """Judge an F1 difference (challenger less champion) by its two-sided 95 % interval.

    Args:
        f1: the difference.
        margin: the loss of F1 that is accepted, because the challenger is better at something else, such as price.
        provable: the smallest margin that the labels can show. If `margin` is smaller, the outcome cannot be "not
            worse"; all other outcomes are as ever.
    """
    if f1.interval.low > 0:
        return ComparisonOutcome.BETTER
    if f1.interval.high < 0:
        return ComparisonOutcome.WORSE
    if f1.interval.low >= -margin and margin >= provable:
        return ComparisonOutcome.NOT_WORSE
    return ComparisonOutcome.CANNOT_TELL


def labels_needed(f1: Difference, n: int, margin: float, provable: float) -> int:
    """About how many labels more would end "cannot tell", if the rates stay as they are; at least 1.

    The interval's lower half shrinks with the root of n; it must clear the nearest line: 0 from either side, or the
    margin. For the margin the labels must also be able to prove it.
    """
    reach = max(f1.difference - f1.interval.low, f1.interval.high - f1.difference)
    apart = abs(f1.difference)
    clear = (reach / apart) ** 2 if apart else math.inf
    spare = f1.difference + margin
    not_worse = max((reach / spare) ** 2, (provable / margin) ** 2) if spare > 0 and margin > 0 else math.inf
    growth = min(clear, not_worse)
    return max(1, math.ceil(n * (growth - 1))) if math.isfinite(growth) else n


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p of each test, so that 5 % is the chance of one false alarm over all of them.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Statistics 6 (1979).
    """
    adjusted: dict[str, float] = {}
    floor = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: (item[1], item[0]))):
        floor = max(floor, min(1.0, (len(p_values) - place) * p))
        adjusted[name] = floor
    return adjusted
