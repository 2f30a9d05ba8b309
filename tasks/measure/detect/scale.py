"""The scales on which nights are compared, where noise is even, and the way back to the metric's unit.

A share p of n lies at 2 asin sqrt(p), where its sampling variance is 1 / n whatever it is; a total at its logarithm; a
mean where it is. Source: Anscombe, "The Transformation of Poisson, Binomial and Negative-Binomial Data", 1948.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tasks.measure.detect.evidence import Array
from tasks.measure.detect.history import COUNT, MEAN, RATE, History
from tasks.measure.detect.rules import rule_of

#: What a total of none, and a price of nothing per item, count as on the logarithmic scale.
_LEAST_TOTAL, _LEAST_PRICE = 0.5, 1e-9
_LARGEST_LOG = 700.0
#: The least a night may differ from another by nature: of a share on its scale, of totals and means as a share of them.
_LEAST_SHARE, _LEAST_RELATIVE = 1e-4, 2e-4


class Points(NamedTuple):
    """Values on their scales, shape (charts, nights); `unit` is the sampling variance of one of `size` items."""

    points: Array
    unit: Array
    size: Array


def is_per_item(history: History, chart: int) -> bool:
    """Whether a total is compared per item."""
    return history.kinds[chart] == COUNT and rule_of(history.charts[chart][0]).is_per_item


def points_of(history: History) -> Points:
    """Every chart on its scale; 0 of variance 0 where there is no value."""
    shape = history.x.shape
    found = Points(np.zeros(shape), np.zeros(shape), np.ones(shape))
    for chart, kind in enumerate(history.kinds):
        x, n = history.x[chart], np.where(np.isnan(history.n[chart]), 1.0, history.n[chart])
        if kind == RATE:
            point, unit, size = 2 * np.arcsin(np.sqrt((x + 3 / 8) / (n + 3 / 4))), np.ones_like(x), n + 0.5
        elif kind == MEAN:
            point, unit, size = (
                history.mean[chart],
                np.where(np.isnan(history.n[chart]), 0.0, np.nan_to_num(history.variance[chart])),
                n,
            )
        elif is_per_item(history, chart):
            items = np.maximum(n, 1.0)
            point, unit, size = np.log(np.maximum(x / items, _LEAST_PRICE)), np.zeros_like(x), np.ones_like(x)
        else:
            point, unit, size = np.log(np.maximum(x, _LEAST_TOTAL)), np.ones_like(x), np.maximum(x, 1.0)
        there = history.present[chart]
        found.points[chart] = np.where(there, point, 0.0)
        found.unit[chart] = np.where(there, unit, 0.0)
        found.size[chart] = np.where(there, size, 1.0)
    return found


def floors_of(history: History) -> tuple[Array, Array]:
    """The least deviation of every chart: a fixed one, and one in proportion to what is expected; shape (charts,)."""
    fixed = [_LEAST_SHARE if kind == RATE else 1e-12 if kind == MEAN else 5 * _LEAST_RELATIVE for kind in history.kinds]
    relative = [_LEAST_RELATIVE if kind == MEAN else 0.0 for kind in history.kinds]
    return np.array(fixed, dtype=np.float64), np.array(relative, dtype=np.float64)


def values_at(history: History, points: Array) -> Array:
    """What value in the metric's unit each point stands for on its night; shape (charts, nights)."""
    values = np.zeros_like(points)
    for chart, kind in enumerate(history.kinds):
        n = np.where(np.isnan(history.n[chart]), 1.0, np.maximum(history.n[chart], 1e-9))
        if kind == RATE:
            share = np.sin(np.clip(points[chart], 0.0, np.pi) / 2) ** 2
            values[chart] = np.clip(((n + 3 / 4) * share - 3 / 8) / n, 0.0, 1.0)
        elif kind == MEAN:
            values[chart] = points[chart]
        else:
            total = np.exp(np.minimum(points[chart], _LARGEST_LOG))
            values[chart] = total * np.maximum(n, 1.0) if is_per_item(history, chart) else total
    return values
