"""After the night: batch files that have done their service are deleted.

Bedrock echoes every comment into its output, so both its input and its output are second copies of what customers
wrote. The answers are in the ledger's keeping, without text: nothing needs the files once a day is published. Nor does
anybody need the scratch frames of the day's runs that died.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.adapters.storage import StoredObject
from tasks.base.errors import NightStopped
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.ledger.entries import is_live, read_ledger

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class ExpirySummary(BaseModel):
    """What was deleted."""

    model_config = ConfigDict(frozen=True)

    days: tuple[str, ...]
    object_count: int
    note: str = ""


def batch_day(uri: str, batch_uri: str) -> date | None:
    """The run date that a batch file belongs to; None for a file that is not ours."""
    day = uri.removeprefix(batch_uri + "/").partition("/")[0]
    return date.fromisoformat(day) if _DAY.fullmatch(day) else None


def expired_days(nights: pl.LazyFrame, now: datetime, retention_days: int) -> set[date]:
    """Days whose balanced publication is at least that many days old.

    Columns: NIGHTS.
    """
    old = nights.filter(pl.col("published_at") <= now - timedelta(days=retention_days))
    return set(old.select("date").collect()["date"])


def expired_files(
    files: Iterable[StoredObject], batch_uri: str, expired: Collection[date]
) -> dict[date, list[StoredObject]]:
    """The files of expired days, by day."""
    by_day: dict[date, list[StoredObject]] = {}
    for item in files:
        day = batch_day(item.uri, batch_uri)
        if day in expired and day is not None:
            by_day.setdefault(day, []).append(item)
    return by_day


@telling_stage
@reading_lake()
def expire_batch_files(settings: Settings, run_date: date, now: datetime) -> ExpirySummary:
    """Delete the batch files of days published BATCH_RETENTION_DAYS ago, and what dead runs of this day left.

    A day with a live job keeps its batch files.

    Reads: lake/nights, ledger, the listing of the batch root.
    Writes: deletes batch files past their retention, and scratch frames of dead runs.
    Stops when: never; what could not be looked at or deleted is tried again by a later night.
    """
    outside, paths = adapters.connect(settings), DayPaths(settings, run_date)
    days, count = tuple[str, ...](), 0
    try:
        done = _files_to_delete(outside, settings, run_date, now)
        days = tuple(str(day) for day in sorted(done))
        outside.storage.delete(item.uri for items in done.values() for item in items)
        count = sum(map(len, done.values()))
        # Whoever holds the day's lease knows that its other runs are over.
        outside.storage.delete(item.uri for item in outside.storage.list(paths.runs) if paths.is_frame(item.uri))
    except NightStopped as error:  # the night is published: what could not be deleted must not unmake it
        return ExpirySummary(days=days, object_count=count, note=f"not all was deleted: {error}")
    return ExpirySummary(days=days, object_count=count)


def _files_to_delete(
    outside: Adapters, settings: Settings, run_date: date, now: datetime
) -> dict[date, list[StoredObject]]:
    """The batch files that are past their retention, by day; a day with a live job keeps its files."""
    nights = outside.lake.read(DayPaths(settings, run_date).lake(NIGHTS.name), NIGHTS)
    expired = expired_days(nights, now, settings.batch_retention_days)
    files = expired_files(outside.storage.list(settings.batch_uri), settings.batch_uri, expired)
    return {
        day: items
        for day, items in files.items()
        if not any(is_live(entry) for entry in read_ledger(outside.storage, DayPaths(settings, day)))
    }
