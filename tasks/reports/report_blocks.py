"""What each part of the report shows: small models, each made of what is known, or None where nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from data_contracts.documents.quality import QualityFigure
from data_contracts.tables.metrics import MetricRow
from tasks.base.figures import count, number, percent
from tasks.labels.pooled.figures import WINDOWS
from tasks.reports.charts.drawing import Legend, draw
from tasks.reports.charts.series import Chart, Span, VersionMark, charts_of
from tasks.reports.open_alerts import OpenAlert
from tasks.reports.overview.days import Day
from tasks.reports.report_parts import QUALITY
from tasks.reports.trail import DAYS, Trail
from tasks.reports.trust import Change
from tasks.reports.words.say import Say

GOLDEN = ("golden_flip_rate", "golden_accuracy", "attack_success_rate")


class PooledRow(NamedTuple):
    """A quality metric over the newest labelled night, over 7 and over 28 nights; None where no label is."""

    metric: str
    night: QualityFigure | None
    week: QualityFigure | None
    month: QualityFigure | None


def pooled_rows(figures: Sequence[QualityFigure]) -> list[PooledRow]:
    """The figures of quality.json, a row a metric; those without any are left out."""
    by_window = {(figure.metric, figure.nights): figure for figure in figures if number(figure.value) is not None}
    rows = [PooledRow(metric, *(by_window.get((metric, nights)) for nights in WINDOWS)) for metric in QUALITY]
    return [row for row in rows if any(row[1:])]


class GoldenRow(NamedTuple):
    """A metric of the golden pack; `row` is None where it was not measured, and `why` says why if that is known."""

    metric: str
    row: MetricRow | None
    why: str


def golden_rows(metrics: Sequence[MetricRow], say: Say) -> list[GoldenRow]:
    """The three metrics of the golden pack."""
    by_name = {row.metric: row for row in metrics if row.slice == "all"}
    found = [(metric, by_name.get(metric)) for metric in GOLDEN]
    return [
        GoldenRow(metric, row if row and number(row.value) is not None else None, say.why(row) if row else "")
        for metric, row in found
    ]


class People(NamedTuple):
    """What waits for people."""

    asked: int | None
    answered: int
    open: int
    overturned: MetricRow | None
    alerts: tuple[OpenAlert, ...]


def people_of(days: Sequence[Day], metrics: Sequence[MetricRow], alerts: tuple[OpenAlert, ...]) -> People:
    """What waits, of these days."""
    asked = [(day.labels_asked, day.labels_answered or 0) for day in days if day.labels_asked is not None]
    overturned = [row for row in metrics if row.metric == "overturn_rate" and number(row.value) is not None]
    answered = sum(day.labels_answered or 0 for day in days)
    return People(
        asked=sum(count for count, _ in asked) if asked else None,
        answered=answered,
        open=sum(max(count - come, 0) for count, come in asked),  # a day may have labels that nobody asked for
        overturned=overturned[0] if overturned else None,
        alerts=alerts,
    )


class Spent(NamedTuple):
    """Dollars of several nights; None where those of one are unknown."""

    night_count: int
    cost_usd: float | None
    estimated_usd: float | None


def spent_in(trail: Trail) -> Spent:
    """What the published nights of a trail cost, and were estimated to."""
    costs = [night.cost_usd for night in trail.nights]
    estimates = [night.estimated_cost_usd for night in trail.nights]
    return Spent(len(costs), *(None if None in some else sum(filter(None, some)) for some in (costs, estimates)))


class DrawnChart(NamedTuple):
    """A chart as it stands on the page."""

    name: str
    part: str
    now: str
    svg: Markup


class Charts(NamedTuple):
    """The charts, and what stands in their key; `fault` says why there are none though there is something to draw."""

    drawn: list[DrawnChart]
    spans: list[Span]
    changes: list[Change]
    fault: str = ""


def draw_charts(trail: Trail, events: Sequence[Span], say: Say) -> Charts:
    """Draw what is worth drawing. A plotting library that fails costs the pictures, never the night."""
    spans = [span for span in events if span.first <= trail.last and span.last >= trail.first]
    changes = list(trail.changes())
    try:
        charts = charts_of(trail.rows, trail.last, DAYS)
        marks = trail.version_marks()
        drawn = [_drawn(chart, f"chart-{place}", spans, marks, say) for place, chart in enumerate(charts)]
    except Exception as error:
        return Charts([], spans, changes, f"{type(error).__name__}: {error}")
    return Charts(drawn, spans, changes)


def _drawn(chart: Chart, key: str, spans: list[Span], marks: list[VersionMark], say: Say) -> DrawnChart:
    row, part = chart.row, "" if chart.row.slice == "all" else chart.row.slice
    name = say.metric(row.metric)
    now = say.amount(row.value, row) if row.date == chart.last else say.plain("no value tonight")
    svg = draw(chart, Legend(name, _described(chart, say)), lambda value: _tick(value, row, say), key, spans, marks)
    return DrawnChart(name, part, now, svg)


def _described(chart: Chart, say: Say) -> str:
    """A chart in words."""
    row = chart.row
    facts = {"day": row.date, "value": say.amount(row.value, row), "interval": say.interval(row)}
    facts |= {"expected": say.amount(row.baseline, row), "count": count(chart.degraded_count)}
    nights = count(len(chart.points))
    return say.plain(
        "{nights} nights. {day}: {value} ({interval}), expected {expected}. Degraded nights: {count}.",
        nights=nights,
        **facts,
    )


def _tick(value: float, row: MetricRow, say: Say) -> str:
    """A value at an axis, which is already in the unit that people read."""
    if row.metric in say.words.typical:
        return f"{value:,.4g}"
    if row.kind == "rate":
        return percent(value).replace(".00%", "%").replace(".0%", "%")
    return say.amount(value, row)
