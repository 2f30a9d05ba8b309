"""How often a step is wrong, from the comments of it that the model judged as well: points with honest intervals.

The point is Horvitz-Thompson's: each audited comment stands for 1 / its probability. The interval is Jeffreys' of each
stratum (what the step flagged, what it cleared), narrowed as the audit nears all of the stratum, and added up over
strata by their distances from the point. Where an audit found nothing, the upper end is the rule of three: so many
errors would have gone unseen in one of twenty audits.

Source: Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 16 (2001); Cannon,
Roe, "Livestock Disease Surveys" (1982), for an audit without an error in a stratum of known size; Zou, Donner,
"Construction of confidence limits about effect measures", Statistics in Medicine 27 (2008), for the sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from tasks.measure.intervals import LEVEL, Interval, jeffreys


class Audited(NamedTuple):
    """What an audit found of one stratum of a step.

    Attributes:
        size: comments that the step decided so.
        judged: of these, those that the model judged as well.
        errors: of these, those that it sees otherwise.
        weight: the sum of 1 / probability of `judged`.
        error_weight: the same of `errors`.
    """

    size: int
    judged: int
    errors: int
    weight: float
    error_weight: float


class RouteEstimate(NamedTuple):
    """What an audit says of a step; shares and numbers of comments, each with its interval."""

    error_rate: float
    rate_interval: Interval
    missed: float
    missed_interval: Interval


def error_count(stratum: Audited) -> Interval:
    """Interval of the errors among all comments of a stratum; all of it where none was judged."""
    size, n, k = stratum.size, stratum.judged, stratum.errors
    if n == 0:
        return Interval(0.0, float(size))
    if n >= size:
        return Interval(float(k), float(k))
    unseen = (1 - (1 - LEVEL) ** (1 / n)) * (size - (n - 1) / 2)
    if k == 0:
        return Interval(0.0, min(unseen, float(size - n)))
    if k == n:
        return Interval(max(size - unseen, float(n)), float(size))
    low, high = jeffreys(k, n)
    share, narrowed = k / n, math.sqrt(1 - n / size)
    ends = (size * (share + (end - share) * narrowed) for end in (low, high))
    return Interval(*(min(max(end, k), size - (n - k)) for end in ends))


def add_intervals(points: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """Interval of a sum of independent estimates."""
    total = math.fsum(points)
    below = math.sqrt(math.fsum((point - end.low) ** 2 for point, end in zip(points, intervals, strict=True)))
    above = math.sqrt(math.fsum((end.high - point) ** 2 for point, end in zip(points, intervals, strict=True)))
    return Interval(total - below, total + above)


def estimate_route(cleared: Audited, flagged: Audited) -> RouteEstimate | None:
    """What the audit says of a step, from what it cleared and what it flagged; None if nothing of it was judged."""
    strata = [stratum for stratum in (cleared, flagged) if stratum.size]
    size, judged = sum(stratum.size for stratum in strata), sum(stratum.judged for stratum in strata)
    if not judged:
        return None
    weight = math.fsum(stratum.weight for stratum in strata)
    rate = math.fsum(stratum.error_weight for stratum in strata) / weight
    points = [stratum.size * stratum.errors / stratum.judged if stratum.judged else 0.0 for stratum in strata]
    low, high = add_intervals(points, [error_count(stratum) for stratum in strata])
    rates = Interval(max(0.0, low / size), min(1.0, high / size)).around(rate)
    missed = min(cleared.error_weight, float(cleared.size))
    return RouteEstimate(rate, rates, missed, error_count(cleared).around(missed))
