"""One measured number of a night, before anything is said about it."""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.tables.metrics import Kind
from tasks.measure.intervals import Interval, jeffreys, mean_interval

ALL = "all"


@dataclass(frozen=True)
class Measurement:
    """A value with what it rests on; `value` is None when nothing could be measured, and `reason` says why.

    Attributes:
        metric: a key of `tasks.measure.detect.rules.RULES`.
        slice: `all`, or `dimension=member`.
        kind: what the value is.
        method: how value and interval were computed.
        x: numerator of a rate.
        n: how many things were measured.
        mean: of a mean metric.
        variance: sample variance of a mean metric.
        value: the measurement.
        interval: its 95 % interval, where it has one.
        reason: a remark for the reader of the row.
        is_learning: nothing can be measured yet, because a reference is still being collected.
    """

    metric: str
    slice: str
    kind: Kind
    method: str
    x: float | None = None
    n: int | None = None
    mean: float | None = None
    variance: float | None = None
    value: float | None = None
    interval: Interval | None = None
    reason: str | None = None
    is_learning: bool = False


def rate(metric: str, x: float, n: int, *, of: str, slice: str = ALL, reason: str | None = None) -> Measurement:
    """A share with Jeffreys' interval; no value when n is 0."""
    if n == 0:
        return nothing(metric, Kind.RATE, f"there were no {of}", slice=slice)
    return Measurement(
        metric,
        slice,
        Kind.RATE,
        f"share of {of}; Jeffreys 95% interval",
        x=float(x),
        n=n,
        value=x / n,
        interval=jeffreys(x, n),
        reason=reason,
    )


def mean(metric: str, value: float | None, variance: float | None, n: int, *, of: str) -> Measurement:
    """A mean with Student's interval; no value when n is 0, no interval when it is 1."""
    if n == 0 or value is None:
        return nothing(metric, Kind.MEAN, f"there were no {of}")
    return Measurement(
        metric,
        ALL,
        Kind.MEAN,
        f"mean over {of}; Student 95% interval",
        n=n,
        mean=value,
        variance=variance,
        value=value,
        interval=None if variance is None else mean_interval(value, variance, n),
    )


def total(metric: str, value: float, n: int, *, of: str) -> Measurement:
    """A total, which has no sampling error."""
    return Measurement(metric, ALL, Kind.COUNT, f"total over {of}", n=n, value=float(value))


def nothing(
    metric: str, kind: Kind, reason: str, *, slice: str = ALL, n: int = 0, is_learning: bool = False
) -> Measurement:
    """A metric that has no value tonight, which is never the same as 0."""
    return Measurement(metric, slice, kind, "not measured", n=n, reason=reason, is_learning=is_learning)
