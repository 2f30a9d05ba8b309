"""What is on record about a backfill: who wanted it and why, what it may cost, which of its days are done.

The record makes a backfill go on where it stopped: equal parameters, the reason included, are the same backfill, and a
day that it has done is not judged again.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.adapters.storage import Storage
from tasks.base.paths import DayPaths, backfill
from tasks.base.settings import Settings
from tasks.batch.wanted_records import booked_cost
from tasks.ledger.entries import read_ledger
from tasks.past_days.backfill.request import BackfillRequest

DayOutcome = Literal["published", "unchanged", "stopped"]


class DayProgress(BaseModel):
    """How a day of a backfill ended.

    Attributes:
        cost_usd: what this backfill paid for the day; None if it is unknown.
        note: what lacks or is degraded and the flips, in a line, or why it stopped.
        ending: how its night ended, beyond that it was published: Degraded or Partial.
    """

    model_config = ConfigDict(frozen=True)

    outcome: DayOutcome
    cost_usd: float | None
    note: str
    ended_at: datetime
    ending: str | None = None


class Begun(BaseModel):
    """A day as this backfill began it.

    Attributes:
        run_id: the night's run, the last one if it was begun several times.
        epoch: it stays the same however often the day is begun, so that going on does not pay again.
        booked_usd: what the day's ledger had booked before the first time: the rest is this backfill's.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    epoch: int
    booked_usd: float


class Grant(BaseModel):
    """The word that a plan may be carried out."""

    model_config = ConfigDict(frozen=True)

    plan_sha256: str
    budget_usd: float | None
    #: `answer` in the UI or at the terminal, or the `approve` parameter
    by: Literal["answer", "approve"]
    who: str = ""
    why: str = ""
    granted_at: datetime


class BackfillRecord(BaseModel):
    """A backfill as it is stored in state/backfills/ID.json."""

    model_config = ConfigDict(frozen=True)

    id: str
    request: BackfillRequest
    grants: tuple[Grant, ...] = ()
    begun: dict[date, Begun] = {}
    days: dict[date, DayProgress] = {}

    @property
    def done(self) -> frozenset[date]:
        """The days that need nothing more."""
        return frozenset(day for day, record in self.days.items() if record.outcome != "stopped")

    @property
    def under_way(self) -> list[date]:
        """Days that were begun and have not ended; after a run has died, those that it died in."""
        return sorted(self.begun.keys() - self.days.keys())

    @property
    def spent_usd(self) -> float:
        """What it has paid so far, all its runs together; unknown costs are left out."""
        return math.fsum(record.cost_usd or 0.0 for record in self.days.values())

    def with_grant(self, grant: Grant) -> BackfillRecord:
        """The record with one more word that it may go on."""
        return self.model_copy(update={"grants": (*self.grants, grant)})

    def with_begun(self, day: date, begun: Begun) -> BackfillRecord:
        """The record with a day begun; one that was begun before keeps what was booked then."""
        if day in self.begun:
            begun = begun.model_copy(update={"booked_usd": self.begun[day].booked_usd})
        days = {other: record for other, record in self.days.items() if other != day}
        return self.model_copy(update={"begun": {**self.begun, day: begun}, "days": days})

    def with_day(self, day: date, record: DayProgress) -> BackfillRecord:
        """The record with one more day that has ended."""
        return self.model_copy(update={"days": {**self.days, day: record}})


def load_record(storage: Storage, settings: Settings, request: BackfillRequest) -> BackfillRecord:
    """The record of this backfill, a new one if it was never begun."""
    body = storage.get(backfill(settings, request.id))
    return BackfillRecord.model_validate_json(body) if body else BackfillRecord(id=request.id, request=request)


def store_record(storage: Storage, settings: Settings, record: BackfillRecord) -> None:
    """Put the record."""
    storage.put(backfill(settings, record.id), record.model_dump_json(indent=1).encode())


def cost_of_day(settings: Settings, storage: Storage, record: BackfillRecord, day: date) -> float:
    """What this backfill has paid for a day that it has begun, all its tries together; unknown costs are left out."""
    begun = record.begun.get(day)
    now = booked_cost(read_ledger(storage, DayPaths(settings, day))) if begun else 0.0
    return max(0.0, now - begun.booked_usd) if begun else 0.0


def settle_begun(settings: Settings, storage: Storage, record: BackfillRecord, now: datetime) -> BackfillRecord:
    """The record with every day that was begun and never ended, because the process died, as stopped."""
    for day in record.under_way:
        cost = cost_of_day(settings, storage, record, day)
        ended = DayProgress(outcome="stopped", cost_usd=cost, note="the run ended in this day", ended_at=now)
        record = record.with_day(day, ended)
    return record
