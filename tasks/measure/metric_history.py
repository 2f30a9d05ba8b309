"""What earlier nights measured: the latest rows of the trailing published days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from data_contracts.tables.metrics import State
from tasks.measure.detect.rules import Group, rule_of

#: Labels of a day are waited for this long.
LABEL_DAYS = 14


def latest_rows(metrics: pl.LazyFrame) -> pl.LazyFrame:
    """The rows that count: the latest `measured_at` of each (date, metric, slice).

    Columns: the metrics table's, unchanged.
    """
    return metrics.sort("measured_at").unique(["date", "metric", "slice"], keep="last", maintain_order=True)


def standing_rows(latest: pl.DataFrame, run_date: date) -> pl.DataFrame:
    """How things stand on `run_date`: the day's own rows, but of quality what the newest day that could tell says.

    Labels come days later, so what they say of an earlier day is tonight's news; so is that they have not come.
    Columns: the metrics table's, one row per (metric, slice), ordered by them.
    """
    could_tell = pl.col("value").is_not_null() & pl.col("state").is_in([State.OK, State.DEGRADED, State.LEARNING])
    measured = latest.filter(
        pl.col("date") <= run_date,
        pl.col("metric").is_in(quality_metrics(latest)),
        could_tell | pl.col("severity").is_not_null(),
    )
    newest = measured.sort("date").unique(["metric", "slice"], keep="last", maintain_order=True)
    own = latest.filter(pl.col("date") == run_date).join(newest, on=["metric", "slice"], how="anti")
    return pl.concat([own, newest]).sort("metric", "slice")


def quality_metrics(rows: pl.DataFrame) -> list[str]:
    """Those of the rows' metrics that rest on labels, as their share that cannot be used does."""
    names = rows["metric"].unique().to_list()
    return [name for name in names if name == "label_error_rate" or rule_of(name).group is Group.QUALITY]


def earlier_days(nights: pl.LazyFrame, run_date: date, count: int) -> list[date]:
    """The last `count` published days before `run_date`, in order."""
    days = nights.filter(pl.col("date") < run_date).select("date").unique().top_k(count, by="date").collect()
    return sorted(days["date"])


@dataclass(frozen=True)
class History:
    """What the trailing published days measured.

    Attributes:
        days: in order.
        values: per (metric, slice) and day, what was measured; None where nothing could be.
    """

    days: tuple[date, ...] = ()
    values: dict[tuple[str, str], dict[date, float | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, days: Iterable[date], latest: pl.DataFrame) -> History:
        """Build it from the published days and the latest rows; rows of other days are left out."""
        dates = sorted(days)
        values: dict[tuple[str, str], dict[date, float | None]] = {}
        wanted = latest.filter(pl.col("date").is_in(dates)).select("metric", "slice", "date", "value")
        for metric, part, day, value in wanted.iter_rows():
            values.setdefault((metric, part), {})[day] = value
        return cls(tuple(dates), values)

    def members(self, metric: str, smallest_share: float, most: int | None = None) -> set[str]:
        """Slices of a mix that reached this share on an earlier night, at most the `most` largest on average."""
        means: dict[str, float] = {}
        for (name, part), by_day in self.values.items():
            shares = [value for value in by_day.values() if value is not None]
            if name == metric and shares and max(shares) >= smallest_share:
                means[part] = sum(shares) / len(self.days)
        return set(sorted(means, key=lambda part: (-means[part], part))[:most])
