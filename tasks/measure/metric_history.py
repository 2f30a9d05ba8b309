"""What earlier nights measured: the latest rows of the trailing published days, ready to be compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from data_contracts.tables.metrics import State
from tasks.base.settings import Thresholds
from tasks.measure.metric_rules import RULES, Group

Row = dict[str, Any]

#: Labels of a day are waited for this long.
LABEL_DAYS = 14


def latest_rows(metrics: pl.LazyFrame) -> pl.LazyFrame:
    """The rows that count: the latest `measured_at` of each (date, metric, slice).

    Columns: the metrics table's, unchanged.
    """
    return metrics.sort("measured_at").unique(["date", "metric", "slice"], keep="last", maintain_order=True)


def standing_rows(latest: pl.DataFrame, run_date: date) -> pl.DataFrame:
    """How things stand on `run_date`: the day's own rows, but of quality what the newest day that could tell says.

    Labels come days later, so what they say of an earlier day is tonight's news.
    Columns: the metrics table's, one row per (metric, slice), ordered by them.
    """
    could_tell = pl.col("value").is_not_null() & pl.col("state").is_in([State.OK, State.DEGRADED, State.LEARNING])
    is_quality = pl.col("metric").is_in([metric for metric, rule in RULES.items() if rule.group is Group.QUALITY])
    known = latest.filter(pl.col("date") <= run_date, is_quality, could_tell)
    newest = known.sort("date").unique(["metric", "slice"], keep="last", maintain_order=True)
    own = latest.filter(pl.col("date") == run_date).join(newest, on=["metric", "slice"], how="anti")
    return pl.concat([own, newest]).sort("metric", "slice")


def earlier_days(nights: pl.LazyFrame, run_date: date, count: int) -> list[date]:
    """The last `count` published days before `run_date`, in order."""
    days = nights.filter(pl.col("date") < run_date).select("date").unique().top_k(count, by="date").collect()
    return sorted(days["date"])


@dataclass(frozen=True)
class History:
    """Earlier nights as the metrics table has them.

    Attributes:
        days: the trailing published days, in order.
        rows: per (metric, slice) and day, the row that counts.
    """

    days: tuple[date, ...] = ()
    rows: dict[tuple[str, str], dict[date, Row]] = field(default_factory=dict)

    @classmethod
    def of(cls, days: Iterable[date], latest: pl.DataFrame) -> History:
        """Build it from the published days and the latest rows; rows of other days are left out."""
        known = sorted(days)
        rows: dict[tuple[str, str], dict[date, Row]] = {}
        for row in latest.filter(pl.col("date").is_in(known)).iter_rows(named=True):
            rows.setdefault((row["metric"], row["slice"]), {})[row["date"]] = row
        return cls(tuple(known), rows)

    def members(self, metric: str, smallest_share: float, most: int | None = None) -> set[str]:
        """Slices of a mix that reached this share on an earlier night, at most the `most` largest on average."""
        means: dict[str, float] = {}
        for (name, part), by_day in self.rows.items():
            values = [row["value"] for row in by_day.values() if row["value"] is not None]
            if name == metric and values and max(values) >= smallest_share:
                means[part] = sum(values) / len(self.days)
        return set(sorted(means, key=lambda part: (-means[part], part))[:most])

    def readings(
        self, metric: str, part: str, limits: Thresholds, count: Callable[[Row], float] = lambda row: float(row["n"])
    ) -> list[Reading]:
        """The nights to compare with, newest first.

        Degraded nights are left out, but of those the newest stay as far as `min_baseline_nights` needs them. A night
        that measured a mix without listing this slice had next to nothing of it, and counts as 0.
        """
        of_slice = self.rows.get((metric, part), {})
        measured = {day: row for day, row in of_slice.items() if row["value"] is not None}
        good = [
            Reading(day, row["value"], count(row), row["variance"])
            for day, row in measured.items()
            if row["state"] != State.DEGRADED
        ]
        if RULES[metric].is_mix:
            good += [Reading(day, 0.0, n) for day, n in self._mix_counts(metric).items() if day not in measured]
        bad = [
            Reading(day, row["value"], count(row), row["variance"])
            for day, row in sorted(measured.items(), reverse=True)
            if row["state"] == State.DEGRADED
        ]
        return sorted(good + bad[: max(0, limits.min_baseline_nights - len(good))], reverse=True)

    def degraded_since(self, metric: str, part: str, run_date: date) -> date:
        """First day of the unbroken run of degraded nights that a degraded `run_date` ends."""
        row = self.rows.get((metric, part), {}).get(self.days[-1]) if self.days else None
        if row is None or row["state"] != State.DEGRADED:
            return run_date
        since: date = row["since"] or row["date"]
        return since

    def _mix_counts(self, metric: str) -> dict[date, float]:
        return {
            day: float(row["n"])
            for (name, _), by_day in self.rows.items()
            if name == metric
            for day, row in by_day.items()
            if row["value"] is not None
        }


class Reading(NamedTuple):
    """One night's value of one metric, as far as a comparison needs it.

    Attributes:
        night: the day.
        value: share, mean or total.
        n: how many things it rests on; the items that a total per item is divided by.
        variance: sample variance of a mean; None where it is unknown or not a mean.
    """

    night: date
    value: float
    n: float
    variance: float | None = None
