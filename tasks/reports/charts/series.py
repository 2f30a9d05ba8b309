"""What the charts show: one metric over the last nights, with what was expected, the limits and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from data_contracts.tables.metrics import MetricRow, State
from tasks.base.figures import number
from tasks.measure.detect.rules import Worse, rule_of
from tasks.reports.report_parts import typical

#: Drawn whenever there is something to draw, in this order.
ALWAYS = (
    "accuracy",
    "violation_rate",
    "volume",
    "text_length_log",
    "duplicate_rate",
    "rejected_rate",
    "malformed_rate",
    "cost_usd",
)
#: Drawn besides, if they are degraded: the furthest out.
MOST_DEGRADED = 4
#: Fewer nights than these are no course.
FEWEST_NIGHTS = 3


class Point(NamedTuple):
    """One night of a chart, in the unit that people read; None for what it does not have."""

    day: date
    value: float
    low: float | None
    high: float | None
    expected: float | None
    limit_low: float | None
    limit_high: float | None
    is_degraded: bool


class Chart(NamedTuple):
    """A metric's slice over the nights from `first` to `last`; `row` is the newest measurement."""

    row: MetricRow
    first: date
    last: date
    points: tuple[Point, ...]

    @property
    def is_degraded(self) -> bool:
        """Whether its newest value is: labels come days after the night."""
        return self.points[-1].is_degraded

    @property
    def degraded_count(self) -> int:
        """How many of its nights are."""
        return sum(point.is_degraded for point in self.points)


class Span(NamedTuple):
    """Days that were announced to be unlike others."""

    first: date
    last: date
    name: str


class VersionMark(NamedTuple):
    """The first night with another prompt or model."""

    day: date
    name: str


def charts_of(rows: Iterable[MetricRow], last: date, nights: int) -> list[Chart]:
    """The charts worth drawing of the nights that end with `last`: those that are degraded first."""
    first = last - timedelta(days=nights - 1)
    by_chart: dict[tuple[str, str], list[MetricRow]] = {}
    for row in rows:
        if first <= row.date <= last and number(row.value) is not None:
            by_chart.setdefault((row.metric, row.slice), []).append(row)
    made = {key: _chart(found, first, last) for key, found in by_chart.items() if len(found) >= FEWEST_NIGHTS}
    usual = [made[metric, "all"] for metric in ALWAYS if (metric, "all") in made]
    others = [chart for (metric, part), chart in made.items() if chart.is_degraded and (metric, part) not in _USUAL]
    others.sort(key=lambda chart: (-abs(chart.row.statistic or 0.0), chart.row.metric, chart.row.slice))
    return sorted([*usual, *others[:MOST_DEGRADED]], key=lambda chart: not chart.is_degraded)


_USUAL = {(metric, "all") for metric in ALWAYS}


def _chart(rows: Sequence[MetricRow], first: date, last: date) -> Chart:
    ordered = sorted(rows, key=lambda row: row.date)
    return Chart(ordered[-1], first, last, tuple(map(_point, ordered)))


def _point(row: MetricRow) -> Point:
    expected, threshold = number(row.baseline), number(row.threshold)
    low = high = None
    if expected is not None and threshold is not None:
        worse = rule_of(row.metric).worse
        low = None if worse is Worse.HIGHER else expected - threshold
        high = None if worse is Worse.LOWER else expected + threshold

    def shown(place: float | None) -> float | None:
        return None if place is None else typical(place, row.metric)

    return Point(
        day=row.date,
        value=shown(row.value) or 0.0,
        low=shown(number(row.ci_low)),
        high=shown(number(row.ci_high)),
        expected=shown(expected),
        limit_low=shown(low),
        limit_high=shown(high),
        is_degraded=row.state == State.DEGRADED,
    )
