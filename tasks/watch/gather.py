"""Gathers what the watchdog looks at, without judging it.

A part that cannot be read is a fault among the facts; all else is looked at nevertheless. Neither Prefect nor any stage
is imported, so that it starts fast and runs where Prefect is dead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import polars as pl
from pydantic import BaseModel, ValidationError

from data_contracts.documents.ledger import LedgerEntry, without_strays
from data_contracts.documents.stopped import Stop
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage, StoredObject
from tasks.base.errors import ModerationError
from tasks.base.panics import panics_told
from tasks.base.paths import DayPaths, RunPaths, backfills, lake, leases
from tasks.base.ports import Job
from tasks.base.settings import Settings
from tasks.ledger.lease import HEARTBEAT_S, Holder
from tasks.verdicts.published_rows import PUBLISHED, UNREADABLE, count_lake, count_plain
from tasks.watch.facts import Backfill, Books, DayFacts, DayJob, Facts, Fault, Lease, NightRow

#: Names of our jobs begin so.
JOB_PREFIX = "nm-"
#: Bedrock lets no job run longer. Source: CreateModelInvocationJob, timeoutDurationInHours: at most 168.
LONGEST_JOB = timedelta(hours=168)
#: A lease written so long ago may matter to a day that is not among the watched ones.
_RECENT = timedelta(hours=1)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
#: Days that are looked at together.
_READERS = 8


class _Range(BaseModel):
    start_date: date
    end_date: date


class _BackfillRecord(BaseModel):
    """A backfill's record, as far as it is looked at; `tasks.past_days.backfill.record` has it whole."""

    request: _Range
    begun: dict[date, Any] = {}
    days: dict[date, Any] = {}


T = TypeVar("T")
Record = TypeVar("Record", bound=BaseModel)


def watched_days(now: datetime, settings: Settings) -> list[date]:
    """The last days that are over, oldest first."""
    today = now.astimezone(settings.zone).date()
    return [today - timedelta(days=number) for number in range(settings.watch_days, 0, -1)]


def gather_facts(outside: Adapters, settings: Settings, now: datetime) -> Facts:
    """Look at everything; nothing is raised for what cannot be reached."""
    facts = Facts(now, watched_days(now, settings))
    before = _try(facts, "s3", lambda: list_leases(outside.storage, settings))
    if before is None:  # nothing of ours can be read, and Bedrock's jobs cannot be matched with anything
        return facts
    jobs = _try(facts, "bedrock", lambda: outside.bedrock.list_jobs(JOB_PREFIX, now - LONGEST_JOB))
    if jobs is not None:
        facts.jobs = [DayJob(day, job) for job in jobs if (day := job_day(job, settings)) is not None]
    facts.backfills = _try(facts, "s3", lambda: read_backfills(outside.storage, settings, now)) or []
    _read_tables(facts, outside, settings)
    unclosed = facts.verdict_days - facts.nights.keys() if facts.nights is not None else frozenset()
    pointed_to = {job.day for job in facts.jobs or ()} | unclosed
    recent = {day for day, item in before.items() if now - item.modified_at < _RECENT}
    wanted = sorted(pointed_to | recent | set(facts.window))
    with ThreadPoolExecutor(_READERS) as readers:
        looked = readers.map(lambda day: _look_at_day(outside.storage, settings, day, facts), wanted)
        facts.days = dict(zip(wanted, looked, strict=True))
    after = _try(facts, "s3", lambda: list_leases(outside.storage, settings)) or {}
    facts.changed = frozenset(day for day in before | after if before.get(day) != after.get(day))
    return facts


def list_leases(storage: Storage, settings: Settings) -> dict[date, StoredObject]:
    """The lease object of each day that has one."""
    folder = leases(settings)
    named = {item.uri.removeprefix(f"{folder}/").removesuffix(".json"): item for item in storage.list(folder)}
    return {day: item for name, item in named.items() if (day := _day(name)) is not None}


def job_day(job: Job, settings: Settings) -> date | None:
    """The day that a job is for; None if it is not ours.

    Other deployments of the account name their jobs alike: ours read below our BATCH_URI.
    """
    if not job.job_name.startswith(JOB_PREFIX):
        return None
    if job.input_uri is None:
        return _day(job.job_name.removeprefix(JOB_PREFIX)[:10])
    folder = f"{settings.batch_uri}/"
    return _day(job.input_uri.removeprefix(folder)[:10]) if job.input_uri.startswith(folder) else None


def read_backfills(storage: Storage, settings: Settings, now: datetime) -> list[Backfill]:
    """The backfills that put something on record within the longest time that one of their days can take."""
    recent = [item for item in storage.list(backfills(settings)) if now - item.modified_at < LONGEST_JOB]
    records = [(item, _read_record(storage, item.uri, _BackfillRecord)) for item in recent]
    return [
        Backfill(
            first=record.request.start_date,
            last=record.request.end_date,
            under_way=frozenset(record.begun.keys() - record.days.keys()),
            ended=frozenset(record.days),
            age_s=(now - item.modified_at).total_seconds(),
        )
        for item, record in records
        if record is not None
    ]


def _read_tables(facts: Facts, outside: Adapters, settings: Settings) -> None:
    read = partial(_try, facts, "table")
    nights = read(
        lambda: outside.lake.scan(lake(settings, NIGHTS.name), NIGHTS).collect().to_dicts(), None, NIGHTS.name
    )
    facts.nights = None if nights is None else {row["date"]: _night(row) for row in nights}
    days = read(lambda: outside.lake.days(lake(settings, VERDICTS.name)), None, VERDICTS.name)
    facts.verdict_days = frozenset(days or ())
    for table, _ in PUBLISHED:
        rows = read(partial(count_lake, outside, settings, table, facts.window), None, table.name)
        if rows is not None:
            facts.rows[table.name] = rows


def _night(row: dict[str, Any]) -> NightRow:
    counts = {table.name: int(row[column]) for table, column in PUBLISHED if row[column] is not None}
    return NightRow(row["run_id"], int(row["ingested_count"]), counts, row["published_at"])


def _look_at_day(storage: Storage, settings: Settings, day: date, facts: Facts) -> DayFacts:
    paths, of_day, night = DayPaths(settings, day), DayFacts(), (facts.nights or {}).get(day)
    of_day.lease = _try(facts, "s3", lambda: read_lease(storage, paths), day)
    of_day.entries = _try(facts, "s3", lambda: _read_entries(storage, paths, facts), day) or []
    if day not in facts.window:
        return of_day
    if night is None:
        of_day.stop = _try(facts, "s3", lambda: _last_stop(storage, paths), day)
        return of_day
    of_run = RunPaths(settings, day, night.run_id)
    of_day.books = _try(facts, "s3", lambda: _read_record(storage, of_run.file("balance.json"), Books), day)
    erased = _try(facts, "s3", lambda: storage.list(paths.erasures), day)
    of_day.erased_count = len(erased or ())
    for table, _ in PUBLISHED:
        try:
            of_day.plain[table.name] = count_plain(storage, paths.plain(table.name))
        except (ModerationError, *UNREADABLE) as error:
            facts.faults.append(Fault("plain_broken", _text(error), day, table.name))
    return of_day


def read_lease(storage: Storage, paths: DayPaths) -> Lease | None:
    """Who holds the day, or did last; None if nobody ever did."""
    version = storage.get_versioned(paths.lease)
    if version is None:
        return None
    try:
        holder = Holder.model_validate_json(version.body)
    except ValidationError:
        return Lease("?", is_released=False, age_s=version.age_s, held_s=0.0)
    return Lease(holder.run_id, holder.is_released, version.age_s, holder.beat * HEARTBEAT_S)


def _read_entries(storage: Storage, paths: DayPaths, facts: Facts) -> list[LedgerEntry]:
    entries = []
    for item in storage.list(paths.ledger):
        body = storage.get(item.uri) if item.uri.endswith(".json") else None
        if body is not None:
            try:
                entries.append(LedgerEntry.model_validate_json(body))
            except ValidationError:
                facts.faults.append(Fault("record", "", paths.run_date, uri=item.uri))
    return without_strays(entries)


def _last_stop(storage: Storage, paths: DayPaths) -> Stop | None:
    """Why the last run that stopped did."""
    stops = [item for item in storage.list(paths.runs) if item.uri.endswith("/stopped.json")]
    newest = max(stops, key=lambda item: item.modified_at, default=None)
    return _read_record(storage, newest.uri, Stop) if newest else None


def _read_record(storage: Storage, uri: str, kind: type[Record]) -> Record | None:
    """The record; None if there is none, or it cannot be read as one."""
    body = storage.get(uri)
    try:
        return kind.model_validate_json(body) if body is not None else None
    except ValidationError:
        return None


def _try(facts: Facts, kind: str, read: Callable[[], T], day: date | None = None, table: str = "") -> T | None:
    """What was read; None, and a fault, if the world did not let us."""
    try:
        with panics_told():
            return read()
    except (ModerationError, pl.exceptions.PolarsError, OSError) as error:
        facts.faults.append(Fault(kind, _text(error), day, table))
        return None


def _text(error: Exception) -> str:
    """Only our own errors' texts are known to hold no secret."""
    return str(error) if isinstance(error, ModerationError) else type(error).__name__


def _day(text: str) -> date | None:
    """The day that a name says, if it says one."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
