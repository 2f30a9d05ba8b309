"""How good the verdicts of the last nights are: points by weight, intervals, and what change they would have shown.

One night of 300 labels says little of recall, whose interval is some 35 points wide; the last 28 say it within 7.
Nights are put together stratum by stratum, so that they may differ in size and in how their labels were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from tasks.labels.quality import QUALITY, ratio, weighted_interval
from tasks.measure.intervals import Cell, Interval, Posterior, posterior, smallest_change

#: A figure is made of the last night with labels, of a week, and of four.
WINDOWS = (1, 7, 28)

#: What is kept of a day's labels, a row for each stratum and verdict, see `intervals.Cell`; `is_weighted` is whether
#: every label came with its inclusion probability, without which labels stand for themselves alone.
CELLS = {
    "date": pl.Date(),
    "stratum": pl.String(),
    "flagged": pl.Boolean(),
    "size": pl.Float64(),
    "true_share": pl.Float64(),
    "n": pl.Int64(),
    "effective_n": pl.Float64(),
    "is_weighted": pl.Boolean(),
}

FIGURES = {
    "nights": pl.Int64(),
    "metric": pl.String(),
    "first": pl.Date(),
    "last": pl.Date(),
    "labelled_nights": pl.Int64(),
    "labels": pl.Int64(),
    "value": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "detectable": pl.Float64(),
    "is_weighted": pl.Boolean(),
}


def pooled_quality(cells: pl.DataFrame, until: date, windows: Sequence[int] = WINDOWS) -> pl.DataFrame:
    """Accuracy, precision, recall, F1 and prevalence of the last nights that have labels.

    Labels come days later: a window ends with the last labelled night up to `until`, and reaches back so many calendar
    nights. Its nights are weighed as one sample if all have inclusion probabilities, else every label counts alike.

    Columns: CELLS -> FIGURES, a row a window and metric, in this order; none without labels.
        labelled_nights: how many nights of the window have labels.
        labels: how many there are.
        value, ci_low, ci_high: the estimate and its 95 % interval; null where the labels cannot say (recall and f1
            where only flagged comments were labelled).
        detectable: the smallest change for the worse (of prevalence: upwards) that as many labels would show against
            a known baseline of `value`, in 8 of 10 cases at a one-sided 5 %; null where none would be large enough.

    Args:
        cells: of any days, in any order.
        until: the night that is reported.
        windows: calendar nights of each window.
    """
    known = cells.select(list(CELLS)).cast(pl.Schema(CELLS)).filter(pl.col("date") <= until, pl.col("n") > 0)
    last = known["date"].max()
    rows: list[dict[str, object]] = []
    if isinstance(last, date):
        for nights in windows:
            first = last - timedelta(days=nights - 1)
            inside = known.filter(pl.col("date") >= first)
            span = {"nights": nights, "first": first, "last": last, "labelled_nights": inside["date"].n_unique()}
            rows += [span | figure for figure in _figures(inside, seed=last.toordinal())]
    return pl.DataFrame(rows, schema=FIGURES)


def _figures(nights: pl.DataFrame, seed: int) -> list[dict[str, object]]:
    is_weighted = bool(nights["is_weighted"].all())
    merged = merge_cells(nights if is_weighted else nights.with_columns(size="n", effective_n="n"))
    draws = posterior(merged, seed)
    labels = sum(cell.n for cell in merged)
    is_blind = all(cell.flagged for cell in merged)
    shared = {"labels": labels, "is_weighted": is_weighted}
    return [{"metric": metric, **shared, **_figure(metric, merged, draws, is_blind)} for metric in QUALITY]


def merge_cells(nights: pl.DataFrame) -> list[Cell]:
    """The nights' labels as those of one: what a comment stands for is kept, so is what unequal weights cost.

    Columns: CELLS.
    """
    size, hits = pl.col("size"), (pl.col("size") * pl.col("true_share")).sum()
    merged = (
        nights.group_by("stratum", "flagged")
        .agg(
            size.sum(),
            (hits / size.sum()).clip(0, 1).alias("true_share"),
            pl.col("n").sum(),
            (size.sum() ** 2 / (size**2 / pl.col("effective_n")).sum()).alias("effective_n"),
        )
        .sort("stratum", "flagged")
    )
    return [Cell(**row) for row in merged.iter_rows(named=True)]


def _figure(metric: str, cells: list[Cell], draws: Posterior, is_blind: bool) -> dict[str, object]:
    counts = {(flagged, truth): 0.0 for flagged in (True, False) for truth in (True, False)}
    for cell in cells:
        counts[cell.flagged, True] += cell.size * cell.true_share
        counts[cell.flagged, False] += cell.size * (1 - cell.true_share)
    top, bottom = ratio(metric, counts[True, True], counts[True, False], counts[False, True], counts[False, False])
    if bottom == 0 or (is_blind and metric in ("recall", "f1")):
        return {}
    value = min(top / bottom, 1.0)
    interval: Interval = weighted_interval(metric, draws).around(value)
    labels = sum(cell.n for cell in cells if cell.flagged or metric != "precision")
    change = smallest_change(value if metric == "prevalence" else 1 - value, interval.effective_count(labels))
    return {"value": value, "ci_low": interval.low, "ci_high": interval.high, "detectable": change}
