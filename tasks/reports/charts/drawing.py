"""Draws one chart with lets-plot; what comes out is made harmless and colourless by `shapes`.

Colours here are names: each stands for a class that the page's style sheet colours, in light and in dark.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from markupsafe import Markup

from tasks.reports.charts.series import Chart, Point, Span, VersionMark
from tasks.reports.charts.shapes import ROLES, clean

#: In CSS pixels at full size: as wide as a phone, so that text is as large there as on a desk.
WIDTH, HEIGHT = 340, 170
#: Room above and below what is drawn, as a share of its height.
_MARGIN = 0.08
_BAR, _LINE, _THIN = 0.45, 0.7, 0.4


class Legend(NamedTuple):
    """What stands for a chart where it cannot be seen, and at its marks."""

    title: str
    description: str


class Axis(NamedTuple):
    """The values from bottom to top, and those that are named."""

    low: float
    high: float
    ticks: tuple[float, ...]


def draw(
    chart: Chart,
    legend: Legend,
    label: Callable[[float], str],
    key: str,
    spans: Sequence[Span] = (),
    marks: Sequence[VersionMark] = (),
) -> Markup:
    """The chart as an SVG element.

    Args:
        chart: what it shows.
        legend: its title and description.
        label: how a value is written at the axis.
        key: begins the ids of its title and description; unique on the page.
        spans: announced days.
        marks: first nights of another prompt or model.
    """
    lp = load_library()
    axis = axis_of(chart.points)
    plot = lp.ggplot() + _look(lp) + lp.ggsize(WIDTH, HEIGHT)
    for layer in (*_limits(lp, chart, axis), *_spans(lp, chart, spans, axis), *_marks(lp, chart, marks, axis)):
        plot += layer
    for layer in _course(lp, chart):
        plot += layer
    days = (chart.last - chart.first).days
    shown = [back for back in range(0, days + 1, 7) if days - back >= 0]
    plot += lp.scale_x_continuous(
        breaks=[days - back for back in shown],
        labels=[f"{chart.last - timedelta(days=back):%m-%d}" for back in shown],
        limits=[-0.7, days + 0.7],
        expand=[0, 0],
    )
    plot += lp.scale_y_continuous(
        breaks=list(axis.ticks),
        labels=[label(tick) for tick in axis.ticks],
        limits=[axis.low, axis.high],
        expand=[0, 0],
    )
    return clean(plot.to_svg(), legend.title, legend.description, key)


def load_library() -> Any:
    """The plotting library: a tenth of a second, for whoever draws.

    Its docstrings have backslashes of which Python warns each time that it compiles them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lets_plot
    return lets_plot


def axis_of(points: Sequence[Point]) -> Axis:
    """An axis that holds every value, interval and expectation; limits far outside are cut at its ends."""
    core = [place for point in points for place in (point.value, point.low, point.high, point.expected)]
    known = [place for place in core if place is not None]
    least, most = min(known), max(known)
    reach = (most - least) or abs(most) * 0.1 or 1.0
    for point in points:  # a limit is shown where that does not flatten the course
        for limit in (point.limit_low, point.limit_high):
            if limit is not None and max(least - reach, min(least, 0.0)) <= limit <= most + reach:
                known.append(limit)
    low, high = min(known), max(known)
    margin = ((high - low) or reach) * _MARGIN
    start, end = max(low - margin, 0.0) if low >= 0 else low - margin, high + margin
    return Axis(start, end, round_ticks(start, end))


def round_ticks(low: float, high: float) -> tuple[float, ...]:
    """Two to five round values between both ends."""
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * part for part in (1, 2, 2.5, 5, 10) if size * part >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return tuple(round(step * place, 12) for place in range(first, math.floor(high / step + 1e-9) + 1))


def _look(lp: Any) -> Any:
    blank = lp.element_blank()
    return lp.theme_void() + lp.theme(
        axis_text_x=lp.element_text(size=11, angle=0),  # or labels that are close are turned
        axis_text_y=lp.element_text(size=11),
        axis_ticks_x=lp.element_line(color=ROLES["axis"], size=_THIN),
        axis_line_x=lp.element_line(color=ROLES["axis"], size=_THIN),
        panel_grid_major_y=lp.element_line(color=ROLES["grid"], size=_THIN),
        legend_position="none",
        plot_background=blank,
        axis_title=blank,
        plot_margin=[4, 8, 0, 0],
    )


def _day(chart: Chart, day: date) -> int:
    return (day - chart.first).days


def _spans(lp: Any, chart: Chart, spans: Sequence[Span], axis: Axis) -> list[Any]:
    layers = []
    for span in spans:
        left, right = max(span.first, chart.first), min(span.last, chart.last)
        if left <= right:
            ends = {"xmin": _day(chart, left) - 0.5, "xmax": _day(chart, right) + 0.5}
            layers.append(lp.geom_rect(**ends, ymin=axis.low, ymax=axis.high, fill=ROLES["span"], size=0))
    return layers


def _marks(lp: Any, chart: Chart, marks: Sequence[VersionMark], axis: Axis) -> list[Any]:
    return [
        lp.geom_segment(
            x=_day(chart, mark.day) - 0.5,
            xend=_day(chart, mark.day) - 0.5,
            y=axis.low,
            yend=axis.high,
            color=ROLES["version"],
            size=_LINE,
            linetype="dotdash",
        )
        for mark in marks
        if chart.first <= mark.day <= chart.last
    ]


def _limits(lp: Any, chart: Chart, axis: Axis) -> list[Any]:
    """What is not degraded, in one step a night: limits move as the past does."""
    layers = []
    known = [point for point in chart.points if point.limit_low is not None or point.limit_high is not None]
    for run in runs(known):
        sides = [(side, point) for point in run for side in (-0.5, 0.5)]
        frame = {
            "day": [_day(chart, point.day) + side for side, point in sides],
            "low": [axis.low if point.limit_low is None else _within(point.limit_low, axis) for _, point in sides],
            "high": [axis.high if point.limit_high is None else _within(point.limit_high, axis) for _, point in sides],
        }
        aes = lp.aes(x="day", ymin="low", ymax="high")
        layers.append(lp.geom_ribbon(mapping=aes, data=frame, fill=ROLES["limit"], size=0))
    return layers


def _within(value: float, axis: Axis) -> float:
    return min(max(value, axis.low), axis.high)


def _course(lp: Any, chart: Chart) -> list[Any]:
    layers = []
    ranged = [point for point in chart.points if point.low is not None and point.high is not None]
    if ranged:
        frame = {
            "day": [_day(chart, point.day) for point in ranged],
            "low": [point.low for point in ranged],
            "high": [point.high for point in ranged],
        }
        aes = lp.aes(x="day", ymin="low", ymax="high")
        layers.append(lp.geom_linerange(mapping=aes, data=frame, color=ROLES["interval"], size=_BAR * 3))
    expected = [point for point in chart.points if point.expected is not None]
    for run in lines(expected):
        frame = {"day": [_day(chart, point.day) for point in run], "value": [point.expected for point in run]}
        aes = lp.aes("day", "value")
        layers.append(lp.geom_line(mapping=aes, data=frame, color=ROLES["expected"], size=_LINE, linetype="dashed"))
    for run in lines(chart.points):
        frame = {"day": [_day(chart, point.day) for point in run], "value": [point.value for point in run]}
        layers.append(lp.geom_line(mapping=lp.aes("day", "value"), data=frame, color=ROLES["course"], size=_LINE))
    for is_bad, role, shape, size in ((False, "night", 16, 1.8), (True, "bad", 17, 4.0)):
        shown = [point for point in chart.points if point.is_degraded is is_bad]
        if shown:
            frame = {"day": [_day(chart, point.day) for point in shown], "value": [point.value for point in shown]}
            layers.append(
                lp.geom_point(mapping=lp.aes("day", "value"), data=frame, color=ROLES[role], shape=shape, size=size)
            )
    return layers


def runs(points: Sequence[Point]) -> list[list[Point]]:
    """The points in unbroken runs of nights: no line is drawn over a night that is not there."""
    found: list[list[Point]] = []
    for point in points:
        if found and (point.day - found[-1][-1].day).days == 1:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def lines(points: Sequence[Point]) -> list[list[Point]]:
    """The runs that are long enough for a line; the library complains of others."""
    return [run for run in runs(points) if len(run) > 1]
