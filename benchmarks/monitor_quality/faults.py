"""The faults that are looked for, with what is asked of them and what others reached."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.monitor_quality.sites import Change, Chart
from tasks.measure.detect.evidence import Array
from tasks.measure.detect.nights import Indices

_SATURDAY = 5


class Case(NamedTuple):
    """A fault and its measures, in nights.

    Attributes:
        name: as in the table.
        chart: on which it counts; for strata the one that changes, and accuracy as a whole counts.
        change: what it does.
        median, mean, p90: at most so many nights; None where nothing is asked.
        published: median nights of docs' best rule, for comparison; None where there is none.
        strata: whether accuracy comes by stratum.
        watched: nights that are watched after its start.
        is_step: whether it is there in full from its first night on.
    """

    name: str
    chart: Chart
    change: Change
    median: float
    mean: float | None = None
    p90: float | None = None
    published: float | None = None
    strata: bool = False
    watched: int = 60
    is_step: bool = True


def step(times: float) -> Change:
    """The share is so many times what it was."""
    return lambda truth, ago, _: np.where(ago >= 0, truth * times, truth)


def plus(points: float) -> Change:
    """The share or mean is higher by so much."""
    return lambda truth, ago, _: np.where(ago >= 0, truth + points, truth)


def errors_times(times: float) -> Change:
    """The share of errors, one less the truth, is so many times what it was."""
    return lambda truth, ago, _: np.where(ago >= 0, 1 - (1 - truth) * times, truth)


def ramp(to: float, nights: int, errors: bool = False) -> Change:
    """The share, or that of errors, grows evenly to so many times what it was."""

    def change(truth: Array, ago: Indices, weekday: Indices) -> Array:
        times = 1 + (to - 1) * np.clip((ago + 1) / nights, 0, 1)
        return np.asarray(1 - (1 - truth) * times if errors else truth * times)

    return change


def weekends(times: float) -> Change:
    """Saturdays and Sundays only."""
    return lambda truth, ago, weekday: np.where((ago >= 0) & (weekday >= _SATURDAY), truth * times, truth)


_ACCURACY, _FLAGS = ("accuracy", "all"), ("violation_rate", "all")
_LENGTH, _MALFORMED = ("text_length_log", "all"), ("malformed_rate", "all")
_NEW_LANGUAGE, _GOLDEN = ("language_share", "language=m5"), ("golden_flip_rate", "all")


def _stratum(name: str, points: float) -> Case:
    """Two points more errors of all 300 labels, all of them in one stratum."""
    return Case(f"95->93, errors in {name}", ("accuracy", f"stratum={name}"), plus(points), 3, None, 6, 3, strata=True)


CASES = (
    Case("accuracy 95->93", _ACCURACY, errors_times(1.4), 5, 5.5, 10, 4),
    _stratum("flagged", 6 / 60),
    _stratum("borderline", 6 / 80),
    _stratum("clear", 6 / 160),
    Case("95->93, errors alike in all strata", _ACCURACY, errors_times(1.4), 3, None, 6, 3, strata=True),
    Case("accuracy 95->90", _ACCURACY, errors_times(2.0), 2, published=2),
    Case("flags 3->4.5", _FLAGS, step(1.5), 2, published=2),
    Case("flags 3->3.5", _FLAGS, step(3.5 / 3), 5, published=5),
    Case("flags 3->2", _FLAGS, step(2 / 3), 2, published=2),
    Case("flags to zero", _FLAGS, step(0.0), 1),
    Case("malformed .2->.6", _MALFORMED, step(3.0), 2, published=2),
    Case("length +5 %", _LENGTH, plus(float(np.log(1.05))), 5, published=5),
    Case("language 0->1 %", _NEW_LANGUAGE, plus(0.01), 1, published=1),
    Case("language 0->5 %", _NEW_LANGUAGE, plus(0.05), 1, published=1),
    Case("golden flips 1->3 %", _GOLDEN, step(3.0), 4),
    Case("accuracy 95->90 over 30", _ACCURACY, ramp(2.0, 30, errors=True), 15, published=13, is_step=False),
    Case("flags 3->4.5 over 90", _FLAGS, ramp(1.5, 90), 28, published=26, watched=130),
    Case("weekend flags 3->4.5", _FLAGS, weekends(1.5), 9, published=4),
)

#: The slowest of all: two points in a year.
YEAR_CREEP = Case(
    "accuracy 95->93 over 365", _ACCURACY, ramp(1.4, 365, errors=True), 116, published=116, watched=365, is_step=False
)
