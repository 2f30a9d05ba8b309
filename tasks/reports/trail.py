"""What the last nights left behind: their rows of `nights`, their metrics, and the labels that were asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.label_requests import LABEL_REQUESTS, Purpose
from data_contracts.tables.metrics import MetricRow, rows_of
from data_contracts.tables.verdicts import NIGHTS, Status
from tasks.adapters import Adapters
from tasks.base.paths import lake
from tasks.base.settings import Settings
from tasks.measure.metrics_table import read_days
from tasks.reports.charts.series import VersionMark
from tasks.reports.trust import Change

#: Nights that report and overview look back on, the last one included.
DAYS = 28


class PublishedNight(BaseModel):
    """A row of `nights`, as far as people read it."""

    model_config = ConfigDict(frozen=True)

    date: date
    run_id: str
    ingested_count: int
    valid_count: int
    rejected_count: int
    statuses: dict[str, int]
    violation_count: int
    cost_usd: float | None
    estimated_cost_usd: float | None
    model_id: str
    prompt_version: str
    prompt_sha256: str

    @classmethod
    def of(cls, row: dict[str, Any]) -> PublishedNight:
        """A row of the table."""
        return cls(**row, statuses={str(status): row[f"{status}_count"] for status in Status})

    @property
    def verdict_count(self) -> int:
        """How many verdicts it has."""
        return sum(self.statuses.values())

    @property
    def is_balanced(self) -> bool:
        """Whether every row is in exactly one place, and every valid comment has its verdict."""
        is_split = self.ingested_count == self.valid_count + self.rejected_count
        return is_split and self.verdict_count == self.valid_count


class Trail(BaseModel):
    """The 28 days that end with `last`.

    Attributes:
        last: the newest day.
        nights: those of the days that are published, oldest first.
        rows: the metric rows of these that count.
        asked: how many comments of a day people were asked to label; days without a request are not in it.
    """

    model_config = ConfigDict(frozen=True)

    last: date
    nights: tuple[PublishedNight, ...] = ()
    rows: tuple[MetricRow, ...] = ()
    asked: dict[date, int] = {}

    @property
    def first(self) -> date:
        """The oldest day."""
        return self.last - timedelta(days=DAYS - 1)

    @property
    def days(self) -> list[date]:
        """Every day, the newest first."""
        return [self.last - timedelta(days=back) for back in range(DAYS)]

    def changes(self) -> tuple[Change, ...]:
        """Where the prompt or the model is another than on the published night before, oldest first."""
        found = []
        for before, after in zip(self.nights, self.nights[1:], strict=False):
            if before.model_id != after.model_id:
                found.append(Change(after.date, "model", before.model_id, after.model_id))
            if (before.prompt_version, before.prompt_sha256) != (after.prompt_version, after.prompt_sha256):
                found.append(Change(after.date, "prompt", before.prompt_version, after.prompt_version))
        return tuple(found)

    def version_marks(self) -> list[VersionMark]:
        """The same as the charts mark it."""
        return [VersionMark(change.day, change.new) for change in self.changes()]


def read_trail(outside: Adapters, settings: Settings, last: date, newest: Iterable[dict[str, Any]] = ()) -> Trail:
    """What the lake holds of the days; `newest` rows of `nights` are of days whose row is not written yet."""
    first = last - timedelta(days=DAYS - 1)
    nights = outside.lake.read(lake(settings, NIGHTS.name), NIGHTS).filter(pl.col("date").is_between(first, last))
    by_day = {row["date"]: row for row in [*nights.collect().to_dicts(), *newest]}
    days = sorted(by_day)
    return Trail(
        last=last,
        nights=tuple(PublishedNight.of(by_day[day]) for day in days),
        rows=tuple(rows_of(read_days(outside, settings, days))),
        asked=read_asked(outside, settings, first, last),
    )


def read_asked(outside: Adapters, settings: Settings, first: date, last: date) -> dict[date, int]:
    """How many comments each day's sample has; nothing where nobody was asked."""
    requests = outside.lake.scan(lake(settings, LABEL_REQUESTS.name), LABEL_REQUESTS)
    sample = requests.filter(pl.col("date").is_between(first, last), pl.col("purpose") == Purpose.SAMPLE)
    return dict(sample.group_by("date").len().collect().iter_rows())
