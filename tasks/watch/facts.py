"""What the watchdog looks at, as plain facts: leases, tables, books, plain objects, ledgers and Bedrock's jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.stopped import Stop
from tasks.base.ports import Job
from tasks.verdicts.published_rows import Rows


class Lease(NamedTuple):
    """Who holds a day, or did last.

    Attributes:
        age_s: since it was last written, by the store's clock.
        held_s: how long it was held when it was last renewed.
    """

    run_id: str
    is_released: bool
    age_s: float
    held_s: float


class NightRow(NamedTuple):
    """The day's row of NIGHTS, as far as it is checked; `counts` by table."""

    run_id: str
    ingested_count: int
    counts: Mapping[str, int]
    published_at: datetime


class Books(BaseModel):
    """balance.json, as far as it is checked."""

    model_config = ConfigDict(frozen=True)

    ingested_count: int
    valid_count: int
    rejected_count: int
    verdict_count: int


class Fault(NamedTuple):
    """Something that could not be read: `kind` is s3, bedrock, table, record or plain_broken."""

    kind: str
    error: str
    day: date | None = None
    table: str = ""
    uri: str = ""


class Backfill(NamedTuple):
    """A backfill that was at work not long ago.

    Attributes:
        first, last: its range; which of these days it judges is its own affair.
        under_way: days that it began and has not ended.
        ended: days that it is through with.
        age_s: since it last put anything on record.
    """

    first: date
    last: date
    under_way: frozenset[date]
    ended: frozenset[date]
    age_s: float


class DayJob(NamedTuple):
    """A job of ours with the day that it is for."""

    day: date
    job: Job


@dataclass
class DayFacts:
    """One day as it was found; None where there is nothing, or where a fault says that nobody knows."""

    lease: Lease | None = None
    books: Books | None = None
    plain: dict[str, Rows | None] = field(default_factory=dict)
    erased_count: int = 0
    entries: list[LedgerEntry] = field(default_factory=list)
    stop: Stop | None = None


@dataclass
class Facts:
    """Everything that was found.

    Attributes:
        window: the days that are checked, oldest first.
        days: what was found of these, and of other days that something points to.
        nights: every published day; None if nobody knows.
        verdict_days: every day of the verdicts table.
        rows: of the window's days, by table.
        jobs: of Bedrock, of ours; None if it did not say.
        changed: days whose lease was written while the watchdog looked.
    """

    now: datetime
    window: list[date]
    days: dict[date, DayFacts] = field(default_factory=dict)
    nights: dict[date, NightRow] | None = None
    verdict_days: frozenset[date] = frozenset()
    rows: dict[str, dict[date, Rows]] = field(default_factory=dict)
    jobs: list[DayJob] | None = None
    backfills: list[Backfill] = field(default_factory=list)
    changed: frozenset[date] = frozenset()
    faults: list[Fault] = field(default_factory=list)
