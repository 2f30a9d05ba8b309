"""Takes one comment out of everything that this project wrote, and proves it by reading all of it again.

Any step can be repeated after a crash at any other. Evaluations and notes go first, since the day's rows say by what
they are found; the record that keeps the comment from coming back with a later run stands before its day is touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data_contracts.documents.ledger import LedgerEntry, erasure_id
from data_contracts.tables.table import Table
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.adapters.lake_history import forget_history
from tasks.adapters.storage import Storage
from tasks.base.errors import InputChanged, ModerationError
from tasks.base.frames import record_batches, scratch
from tasks.base.paths import DayPaths, erasures
from tasks.base.settings import Settings
from tasks.ledger.entries import is_live
from tasks.ledger.lease import held
from tasks.past_days.erasure.blanking import describe_evaluated, erase_evaluated
from tasks.past_days.erasure.evaluation_places import Evaluated, find_evaluated
from tasks.past_days.erasure.learnt import Learnt, learn
from tasks.past_days.erasure.remedies import (
    TABLES,
    Remedy,
    Search,
    Trace,
    describe_inputs,
    describe_plan,
    describe_texts,
    remedy,
    without_rows,
)
from tasks.past_days.erasure.reviewer_notes import erase_notes, find_notes
from tasks.past_days.erasure.traces import Sought, count_traces

_READERS = 4


class Erasure(NamedTuple):
    """What is said of it, and whether it is done and proven, or could be."""

    lines: tuple[str, ...]
    is_good: bool


@reading_lake()
def erase_comment(settings: Settings, comment_id: str, run_date: date | None, now: datetime, is_sure: bool) -> Erasure:
    """Erase a comment of one day, or of every day that has one of this id; without `is_sure` only tell what there is.

    Raises:
        ModerationError: if S3 does not answer or another run holds a day.
    """
    outside = adapters.connect(settings)
    days = [DayPaths(settings, day) for day in ([run_date] if run_date else _days(outside, settings, comment_id))]
    if not days:
        return _unknown(f"no table knows comment {comment_id!r}; if its night was not published, give --date")
    learnt = learn(outside, days, comment_id)
    evaluated = _evaluated(outside, settings, learnt, days, run_date)
    sought, inputs = evaluated.sought, learnt.inputs
    notes = find_notes(outside, days, sought)
    traces = search(outside.storage, settings, sought)
    erased_before = [paths for paths in days if _is_recorded(outside.storage, paths, comment_id)]
    if not (traces.traces or inputs or erased_before or evaluated.is_there):
        return _unknown(f"nothing holds comment {comment_id!r} of {run_date}: {traces.object_count} objects searched")
    lines = [
        f"comment {comment_id!r} of {', '.join(str(paths.run_date) for paths in days)}",
        *describe_plan(traces, days),
        *describe_evaluated(evaluated),
        *(f"  {uri}: notes on it, clear them" for uri in notes),
    ]
    busy = list(_refusals(outside.storage, traces, evaluated, days))
    lines += busy
    if busy or not is_sure:
        return Erasure((*lines, *describe_inputs(inputs), *([] if busy else ["nothing was done: add --yes"])), not busy)
    run_id = f"erasure-{now:%Y%m%dT%H%M%S}"
    lines += erase_evaluated(outside, settings, evaluated, _only(days, run_date), run_id)
    lines += erase_notes(outside, notes, sought)
    for paths in days:
        with held(settings, paths.run_date, run_id):
            _record(outside.storage, paths, comment_id, now)
            _erase_day(outside, paths, sought, traces, days)
    proof = search(outside.storage, settings, sought)
    still = _evaluated(outside, settings, learnt, days, run_date)
    left = [trace for trace in proof.traces if not (run_date and _is_elsewhere(trace, days, still))]
    lines += [f"searched {proof.object_count} objects again: {sum(trace.place_count for trace in left)} hits"]
    lines += [f"  {trace.uri}: {trace.place_count}" for trace in left]
    versions = _about_versions(outside.storage, settings)
    is_proven = not (left or versions or still.is_there or find_notes(outside, days, sought))
    return Erasure((*lines, *describe_texts(sought), *versions, *describe_inputs(inputs)), is_proven)


def _evaluated(
    outside: Adapters, settings: Settings, learnt: Learnt, days: Sequence[DayPaths], run_date: date | None
) -> Evaluated:
    its_days = [paths.run_date for paths in days]
    return find_evaluated(outside, settings, learnt.sought, learnt.digests, its_days, is_any_day=run_date is None)


def _only(days: Sequence[DayPaths], run_date: date | None) -> list[date] | None:
    """The days whose comment alone is meant; None: whatever bears the id."""
    return [paths.run_date for paths in days] if run_date else None


def _refusals(storage: Storage, traces: Search, evaluated: Evaluated, days: Sequence[DayPaths]) -> Iterator[str]:
    """Why nothing may be done now, a line each."""
    if busy := _busy_days(storage, traces, days):
        yield f"refused: jobs of {', '.join(busy)} are not collected; run these nights to their end first"
    if busy_sets := [place.paths.set_name for place in evaluated.places if place.is_live]:
        yield f"refused: jobs of {', '.join(busy_sets)} are not collected; do these evaluations again first"


def _is_elsewhere(trace: Trace, days: Sequence[DayPaths], still: Evaluated) -> bool:
    """Whether what an object still holds is another day's comment of the same id."""
    kind, _ = remedy(trace.uri, days)
    return kind is Remedy.ELSEWHERE or (kind is Remedy.EVALUATION and not still.is_there)


def search(storage: Storage, settings: Settings, sought: Sought) -> Search:
    """Read every object below OUTPUT_URI and BATCH_URI."""
    roots = (settings.output_uri, settings.batch_uri)
    objects = dict.fromkeys(item.uri for root in roots for item in storage.list(root))
    with scratch() as folder, ThreadPoolExecutor(_READERS) as readers:

        def look(numbered: tuple[int, str]) -> Trace:
            path = Path(folder) / str(numbered[0])
            try:
                storage.fetch(numbered[1], path)
            except InputChanged:  # another day's night has deleted it since
                return Trace(numbered[1], 0)
            # an object may be named by its record
            count = count_traces(path, numbered[1], sought) + len(sought.id_pattern.findall(numbered[1].encode()))
            path.unlink()
            return Trace(numbered[1], count)

        looked = list(readers.map(look, enumerate(objects)))
    return Search(len(objects), tuple(trace for trace in looked if trace.place_count))


def _days(outside: Adapters, settings: Settings, comment_id: str) -> list[date]:
    """The days that have a row of this id, or had one before it was erased."""
    paths = DayPaths(settings, date.min)
    is_it = pl.col("comment_id") == comment_id
    dates = set[date]()
    for name, table in TABLES.items():
        dates |= set(outside.lake.scan(paths.lake(name), table).filter(is_it).select("date").collect()["date"])
    for item in outside.storage.list(erasures(settings)):
        day = date.fromisoformat(item.uri.rsplit("/", 2)[-2])
        if Path(item.uri).stem == erasure_id(day, comment_id):
            dates.add(day)
    return sorted(dates)


def _busy_days(storage: Storage, found: Search, days: Sequence[DayPaths]) -> list[str]:
    """Days whose batch files hold the comment while a job may still read or write them."""
    remedies = [remedy(trace.uri, days) for trace in found.traces]
    held_by_batches = [paths for paths in days if (Remedy.BATCH, paths) in remedies]
    return [str(paths.run_date) for paths in held_by_batches if any(_open_entries(storage, paths))]


def _open_entries(storage: Storage, paths: DayPaths) -> Iterator[LedgerEntry]:
    for item in storage.list(paths.ledger):
        entry = LedgerEntry.model_validate_json(storage.get(item.uri) or b"{}")
        if is_live(entry):
            yield entry


def _is_recorded(storage: Storage, paths: DayPaths, comment_id: str) -> bool:
    return storage.get(paths.erasure(erasure_id(paths.run_date, comment_id))) is not None


def _record(storage: Storage, paths: DayPaths, comment_id: str, now: datetime) -> None:
    digest = erasure_id(paths.run_date, comment_id)
    storage.put_if_absent(paths.erasure(digest), json.dumps({"erased_at": now.isoformat()}).encode())


def _erase_day(outside: Adapters, paths: DayPaths, sought: Sought, found: Search, days: Sequence[DayPaths]) -> None:
    """Do what there is to do about one day; the plain objects last, after the tables that they follow."""
    remedies = [(trace.uri, *remedy(trace.uri, days)) for trace in found.traces]
    here = [(uri, kind) for uri, kind, of in remedies if of == paths or (kind is Remedy.TABLE and of is None)]
    for name, table in TABLES.items():
        if any(kind is Remedy.TABLE and uri.startswith(f"{paths.lake(name)}/") for uri, kind in here):
            _erase_rows(outside, paths, table, sought)
    with scratch() as folder:
        before, after = Path(folder) / "before.parquet", Path(folder) / "after.parquet"
        for uri in (uri for uri, kind in here if kind is Remedy.ROWS):
            outside.storage.fetch(uri, before)
            without_rows(before, after, sought.ids)
            outside.storage.send(after, uri)
    gone = [uri for uri, kind in here if kind is Remedy.SCRATCH]
    if any(kind is Remedy.BATCH for _, kind in here):
        gone += [item.uri for item in outside.storage.list(paths.batch)]
    outside.storage.delete(gone)


def _erase_rows(outside: Adapters, paths: DayPaths, table: Table, sought: Sought) -> None:
    """Replace the day without the comment, if it is there; then let its past go.

    Not Delta's DELETE: it writes the predicate, and the id with it, into the table's log.
    """
    uri = paths.lake(table.name)
    day = outside.lake.scan(uri, table).filter(pl.col("date") == paths.run_date)
    is_it = pl.col("comment_id").eq_missing(sought.comment_id)
    if day.filter(is_it).select(pl.len()).collect().item():
        with scratch() as folder:
            path = Path(folder) / "day.parquet"
            day.filter(~is_it).sink_parquet(path)
            note = {"reason": "erasure", "run_date": str(paths.run_date)}
            outside.lake.replace_day(uri, table, paths.run_date, record_batches(path, table), note)
    forget_history(outside.lake, outside.storage, uri, table, paths.run_date)


def _unknown(line: str) -> Erasure:
    return Erasure((line,), False)


def _about_versions(storage: Storage, settings: Settings) -> list[str]:
    """Buckets where deleted and replaced objects may live on, out of reach of the proof."""
    lines = []
    for root in dict.fromkeys((settings.output_uri, settings.batch_uri)):
        try:
            if storage.keeps_versions(root):
                lines.append(f"NOT PROVEN: the bucket of {root} keeps old versions; delete the noncurrent ones")
        except ModerationError as error:
            lines.append(f"NOT PROVEN: whether the bucket of {root} keeps old versions is unknown: {error}")
    return lines
