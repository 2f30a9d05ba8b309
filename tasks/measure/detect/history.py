"""The history as arrays: one number a chart and night, cleaned, with a word for what cannot be used."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.measure.detect.evidence import Array, Mask
from tasks.measure.detect.rules import ALL

KEY = ("date", "metric", "slice")
NUMBERS = ("x", "n", "mean", "variance")
RATE, MEAN, COUNT = "rate", "mean", "count"
#: Larger numbers are no night's.
LARGEST_COUNT, LARGEST_MEAN = 1e12, 1e12


class History(NamedTuple):
    """Every chart on every night; arrays of shape (charts, nights), NaN where a number is missing.

    Attributes:
        dates: the distinct nights, in order.
        charts: (metric, slice), in order.
        kinds: of every chart: the kind of its first row that can be used.
        x, n, mean, variance: as in the history, but finite and within their bounds.
        present: where there is a value that can be used.
        broken: where a row came whose numbers cannot be.
        first: index of the night on which a chart was first seen, shape (charts,).
    """

    dates: list[date]
    charts: list[tuple[str, str]]
    kinds: list[str]
    x: Array
    n: Array
    mean: Array
    variance: Array
    present: Mask
    broken: Mask
    first: npt.NDArray[np.int_]

    @property
    def value(self) -> Array:
        """The measurement in the metric's own unit; NaN where there is none."""
        is_mean = np.array([kind == MEAN for kind in self.kinds], dtype=bool)[:, None]
        is_rate = np.array([kind == RATE for kind in self.kinds], dtype=bool)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            number = np.where(is_mean, self.mean, np.where(is_rate, self.x / self.n, self.x))
        return np.where(self.present, number, np.nan)

    def place(self, metric: str, part: str = ALL) -> int | None:
        """Place of a chart, None if it was never seen."""
        return self.charts.index((metric, part)) if (metric, part) in self.charts else None


def read_history(history: pl.DataFrame) -> History:
    """Arrays of a history, whatever its order, numeric types and gaps; of several rows with one key one counts.

    Columns: date, metric, slice, kind, and those of x, n, mean, variance that there are.

    Raises:
        ValueError: a column of the key or `kind` is missing.
    """
    missing = [name for name in (*KEY, "kind") if name not in history.columns]
    if missing:
        raise ValueError(f"the history lacks the columns {', '.join(missing)}")
    rows = _clean(history)
    dates = rows["date"].unique().sort().to_list()
    keyed = (
        rows.group_by("metric", "slice")
        .agg(pl.col("kind").sort_by(~pl.col("usable"), "date").first())
        .sort("metric", "slice")
    )
    charts = list(zip(keyed["metric"].to_list(), keyed["slice"].to_list(), strict=True))
    kinds = keyed["kind"].to_list()
    places = {chart: place for place, chart in enumerate(charts)}
    nights = {day: place for place, day in enumerate(dates)}
    shape = (len(charts), len(dates))
    arrays = {name: np.full(shape, np.nan) for name in NUMBERS}
    is_usable, is_row = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    chart = np.array([places[key] for key in zip(rows["metric"], rows["slice"], strict=True)], dtype=np.int_)
    night = np.array([nights[day] for day in rows["date"]], dtype=np.int_)
    for name in NUMBERS:
        arrays[name][chart, night] = rows[name].to_numpy()
    same_kind = rows["kind"].to_numpy() == np.array(kinds, dtype=object)[chart] if kinds else np.zeros(0, dtype=bool)
    is_row[chart, night] = True
    is_usable[chart, night] = rows["usable"].to_numpy() & same_kind
    is_empty = np.zeros(shape, dtype=bool)
    is_empty[chart, night] = rows["empty"].to_numpy()
    first = np.asarray(np.argmax(is_row, axis=1) if dates else np.zeros(0), dtype=np.int_)
    return History(
        dates, charts, kinds, present=is_usable, broken=is_row & ~is_usable & ~is_empty, first=first, **arrays
    )


def _clean(history: pl.DataFrame) -> pl.DataFrame:
    """One row a key, numbers as finite floats, with `usable` and `empty` (nothing was there to be measured).

    Of rows with the same key the one counts that sorts last, usable ones after others: never the order of arrival.
    """
    numbers = [
        (pl.col(name) if name in history.columns else pl.lit(None)).cast(pl.Float64, strict=False).alias(name)
        for name in NUMBERS
    ]
    rows = history.select(
        pl.col("date").cast(pl.Date, strict=False),
        pl.col("metric").cast(pl.String),
        pl.col("slice").cast(pl.String).fill_null(ALL),
        pl.col("kind").cast(pl.String).fill_null(""),
        *numbers,
    ).drop_nulls(["date", "metric"])
    x, n, mean, variance = (pl.col(name) for name in NUMBERS)
    kind = pl.col("kind")
    finite = {name: pl.col(name).is_finite().fill_null(False) for name in NUMBERS}
    rate = finite["x"] & finite["n"] & (n > 0) & (x >= 0) & (x <= n * (1 + 1e-9)) & (n <= LARGEST_COUNT)
    size = n.is_null() | (finite["n"] & (n > 0) & (n <= LARGEST_COUNT))
    scatter = variance.is_null() | (finite["variance"] & (variance >= 0) & (variance <= LARGEST_MEAN**2))
    average = finite["mean"] & (mean.abs() <= LARGEST_MEAN) & size & scatter
    count = finite["x"] & (x >= 0) & (x <= LARGEST_COUNT) & (n.is_null() | (finite["n"] & (n >= 0)))
    usable = ((kind == RATE) & rate) | ((kind == MEAN) & average) | ((kind == COUNT) & count)
    nothing = (
        pl.when(kind == COUNT).then(x.is_null()).otherwise((n == 0) | (n.is_null() & x.is_null() & mean.is_null()))
    )
    cleaned = rows.with_columns(usable=usable.fill_null(False), empty=nothing.fill_null(False)).with_columns(
        pl.when("usable").then(pl.min_horizontal(x, pl.when(kind == RATE).then(n))).alias("x"),
        *(
            pl.when(pl.col("usable") & finite[name]).then(pl.col(name)).alias(name)
            for name in ("n", "mean", "variance")
        ),
    )
    order = ["usable", "n", "x", "mean", "variance", "kind", "empty"]
    return cleaned.sort(*KEY, *order, nulls_last=False).unique(list(KEY), keep="last", maintain_order=True)
