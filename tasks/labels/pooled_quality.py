"""Quality over several nights together: one night's labels are too few to tell much.

It rests on the metrics table alone: each night's share, and how many comments drawn at random would have given its
interval. Source: `intervals.effective_count` for the second; Jeffreys' interval for the sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from scipy import special

from data_contracts.tables.metrics import MetricRow, ReasonCode
from tasks.measure.intervals import LEVEL, Interval, effective_count, f1_interval, jeffreys

#: Chance to show a change of the size that is called detectable.
POWER = 0.8


class Pooled(NamedTuple):
    """A quality metric over several nights.

    Attributes:
        value: a fraction.
        interval: 95 %.
        n: labelled comments that it rests on.
        night_count: nights that had some.
        detectable: the smallest fall that as many labels again would show in 8 of 10 cases; None if no fall would.
    """

    value: float
    interval: Interval
    n: int
    night_count: int
    detectable: float | None


def pool(rows: Iterable[MetricRow], metric: str, last: date, nights: int) -> Pooled | None:
    """A metric of slice `all` over the nights that end with `last`; None if none of them has a value.

    Nights whose labels are still coming are left out: their first labels are no fair sample of them.
    """
    first = last - timedelta(days=nights - 1)
    used = [
        (row.value, row.n, Interval(row.ci_low, row.ci_high))
        for row in rows
        if row.metric == metric
        and row.slice == "all"
        and first <= row.date <= last
        and row.reason_code != ReasonCode.PROVISIONAL
        and row.value is not None
        and row.n
        and row.ci_low is not None
        and row.ci_high is not None
    ]
    if not used:
        return None
    is_f1 = metric == "f1"
    shares = [_agreed(value) if is_f1 else value for value, _, _ in used]
    counts = [effective_count(_agreed_interval(ends) if is_f1 else ends, n) for _, n, ends in used]
    x, n = sum(share * count for share, count in zip(shares, counts, strict=True)), sum(counts)
    share = x / n
    return Pooled(
        value=2 * share / (1 + share) if is_f1 else share,
        interval=f1_interval(x, n) if is_f1 else jeffreys(x, n),
        n=sum(count for _, count, _ in used),
        night_count=len(used),
        detectable=_fall(share, n, is_f1=is_f1),
    )


def _agreed(f1: float) -> float:
    """The share of flagged or true violations that are both: what F1 is a function of."""
    return f1 / (2 - f1)


def _agreed_interval(ends: Interval) -> Interval:
    return Interval(_agreed(ends.low), _agreed(ends.high))


def _fall(share: float, n: float, *, is_f1: bool) -> float | None:
    """The smallest fall that two samples of n show, on the scale 2 asin sqrt(p) where both have variance 1 / n.

    Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 6; two-sided test.
    """
    reach = float(special.ndtri((1 + LEVEL) / 2) + special.ndtri(POWER)) * math.sqrt(2 / n)
    angle = 2 * math.asin(math.sqrt(share)) - reach
    if angle <= 0:
        return None
    low = math.sin(angle / 2) ** 2
    return 2 * share / (1 + share) - 2 * low / (1 + low) if is_f1 else share - low
