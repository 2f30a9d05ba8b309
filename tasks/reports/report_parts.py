"""What the report shows, apart from its page: drift, quality, marks, the headline."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from data_contracts.documents.ledger import EstimateSource
from data_contracts.tables.metrics import Kind, MetricRow, State
from tasks.base.figures import number
from tasks.base.safe_text import inert
from tasks.measure.detect.rules import Worse, rule_of

#: Metrics of the quality table, in its order; all others are drift alone.
QUALITY = ("accuracy", "precision", "recall", "f1", "prevalence")


#: Where an estimate comes from, for people.
SOURCES = {
    EstimateSource.COUNT_TOKENS: "Bedrock's own count of a sample",
    EstimateSource.LEARNT: "what past nights used",
    EstimateSource.CONSTANTS: "bytes a token by language",
}


#: Slices in the order in which people ask for them.
_DIMENSIONS = ("all", "source", "language", "category", "stratum")


#: Means of ln(1 + x), which are shown as the x that they stand for.
TYPICAL = frozenset({"text_length_log", "input_tokens_log", "output_tokens_log"})


#: States by how soon they should be looked at; the last three say nothing about the night and are folded away.
_URGENCY = (State.DEGRADED, State.OK, State.CANNOT_TELL, State.LEARNING, State.NO_DATA)


_SILENT = (State.CANNOT_TELL, State.LEARNING, State.NO_DATA)


#: Slices that rest on fewer labels are folded away: their intervals span half the scale.
FEW_LABELS = 20


def typical(value: float, metric: str) -> float:
    """What a value stands for: of a mean of ln(1 + x) the x, of all else itself."""
    return math.expm1(value) if metric in TYPICAL else value


class Headline(NamedTuple):
    """The accuracy to quote, and what it was measured on."""

    row: MetricRow | None
    labels: str


def headline_accuracy(metrics: Iterable[MetricRow]) -> Headline:
    """The sample's accuracy; without one that of planted labels, which says so; else none."""
    accuracy = {row.slice: row for row in metrics if row.metric == "accuracy" and number(row.value) is not None}
    for part, labels in (("all", "sample labels"), ("source=planted", "planted labels")):
        if part in accuracy:
            return Headline(accuracy[part], labels)
    return Headline(None, "no labels")


class Drift(NamedTuple):
    """The night's comparisons: those that say something, the most urgent first, and those that cannot."""

    telling: list[MetricRow]
    silent: list[MetricRow]


def drift(metrics: Iterable[MetricRow]) -> Drift:
    """Degraded first, then by how far out they are; quality metrics only where they were compared or are degraded."""
    rows = [
        row for row in metrics if row.metric not in QUALITY or row.state == State.DEGRADED or row.baseline is not None
    ]
    rows.sort(key=lambda row: (_urgency(row), -abs(number(row.statistic) or 0.0), row.metric, row.slice))
    return Drift([row for row in rows if row.state not in _SILENT], [row for row in rows if row.state in _SILENT])


def _urgency(row: MetricRow) -> int:
    return _URGENCY.index(row.state) if row.state in _URGENCY else len(_URGENCY)


class Mark(NamedTuple):
    """A measurement as a picture: positions from 0 to 1; None for what it does not have."""

    value: float | None
    low: float | None
    high: float | None
    baseline: float | None = None
    band_low: float | None = None
    band_high: float | None = None


def quality_mark(row: MetricRow, scale: float) -> Mark:
    """Value and interval between 0 and `scale`."""
    places = (number(end) for end in (row.value, row.ci_low, row.ci_high))
    return Mark(*(None if place is None else min(max(place / scale, 0.0), 1.0) for place in places))


def drift_mark(row: MetricRow) -> Mark:
    """Value, interval, baseline and the band that is not degraded, on a scale that just holds them."""
    value, low, high, baseline, threshold = (
        number(place) for place in (row.value, row.ci_low, row.ci_high, row.baseline, row.threshold)
    )
    band = None if baseline is None or threshold is None else (baseline - threshold, baseline + threshold)
    places = [place for place in (value, low, high, baseline, *(band or ())) if place is not None]
    least, most = min(places, default=0.0), max(places, default=0.0)
    if row.kind != Kind.MEAN:
        least = max(least, 0.0)
    margin = (most - least) * 0.06 or 1.0
    start, end = least - margin, most + margin

    def place(at: float | None) -> float | None:
        return None if at is None else min(max((at - start) / (end - start), 0.0), 1.0)

    worse = rule_of(row.metric).worse
    band_low = 0.0 if band and worse is Worse.HIGHER else place(band[0] if band else None)
    band_high = 1.0 if band and worse is Worse.LOWER else place(band[1] if band else None)
    return Mark(place(value), place(low), place(high), place(baseline), band_low, band_high)


class QualityTable(NamedTuple):
    """One quality metric over some of its slices; `scale` is the right end of its pictures."""

    metric: str
    scale: float
    rows: list[MetricRow]


def quality(metrics: Iterable[MetricRow]) -> list[QualityTable]:
    """The quality metrics that have a value, each over its slices in reading order."""
    by_metric: dict[str, list[MetricRow]] = {metric: [] for metric in QUALITY}
    for row in metrics:
        if row.metric in by_metric and number(row.value) is not None:
            by_metric[row.metric].append(row)
    return [
        QualityTable(metric, _scale(rows) if metric == "prevalence" else 1.0, rows)
        for metric, rows_of_metric in by_metric.items()
        if (rows := sorted(rows_of_metric, key=lambda row: _slice_order(row.slice)))
    ]


def rests_on_few(row: MetricRow) -> bool:
    """Whether a part of the sample has so few labels that its number says little; degraded ones always count."""
    is_part = row.slice != "all" and not row.slice.startswith("source=")
    return is_part and row.state != State.DEGRADED and (row.n or 0) < FEW_LABELS


def _scale(rows: Iterable[MetricRow]) -> float:
    """The smallest round share that no interval exceeds."""
    widest = max(number(row.ci_high) or row.value or 0.0 for row in rows)
    return next((end for end in (0.05, 0.1, 0.2, 0.5) if widest <= end), 1.0)


def _slice_order(part: str) -> tuple[int, str]:
    dimension = part.partition("=")[0]
    return _DIMENSIONS.index(dimension) if dimension in _DIMENSIONS else len(_DIMENSIONS), part


def nights_since(row: MetricRow) -> int:
    """How many nights in a row a metric has been degraded, this one included."""
    return (row.date - (row.since or row.date)).days + 1


def shown(value: Any) -> Any:
    """What the page shows of an interpolated value before it is escaped; a macro's markup was escaped already."""
    return value if hasattr(value, "__html__") else "" if value is None else inert(value)
