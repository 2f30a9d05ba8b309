"""What is known of each day of a range before anything is done: its input, what is published, what stopped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.documents.plan import Plan
from data_contracts.documents.stopped import Stop
from data_contracts.tables.verdicts import NIGHTS
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage, StoredObject
from tasks.base.paths import DayPaths, RunPaths, lake
from tasks.base.settings import Settings
from tasks.intake.input_files import find_inputs, name_in
from tasks.ledger.lease import Holder, is_free
from tasks.ledger.nights import is_settled, is_taken_back, read_epoch
from tasks.ledger.run_records import read_restore
from tasks.watch.late_input import PlannedInputs, compare_inputs, known_of

#: Days that are looked at together.
_READERS = 8


class DayState(StrEnum):
    """What is the matter with a day; a published day may have several, and one that has none is well."""

    NO_INPUT = "no_input"
    #: it has input and is not published
    MISSING = "missing"
    #: a run stopped, and nothing was published since
    FAILED = "failed"
    #: some answers were malformed, an error, or did not come
    PARTIAL = "partial"
    #: it was judged with another prompt or model than is wanted
    STALE_PROMPT = "stale_prompt"
    #: its input is not what was published
    LATE_INPUT = "late_input"


class Wanted(NamedTuple):
    """What a day is to be judged with."""

    model_id: str
    prompt_sha256: str


class Input(BaseModel):
    """One comments file of the day as the listing shows it."""

    model_config = ConfigDict(frozen=True)

    uri: str
    etag: str
    size_bytes: int


class Published(BaseModel):
    """What the nights table says of a day."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    plan_sha256: str
    model_id: str
    prompt_version: str
    prompt_sha256: str
    #: verdicts that may still be asked for: malformed, error or missing
    open_count: int
    published_at: datetime

    @property
    def asked(self) -> Wanted:
        """What it was judged with."""
        return Wanted(self.model_id, self.prompt_sha256)


class Day(BaseModel):
    """A day as it was found.

    Attributes:
        late: comments files that the published plan does not have, or has with another etag.
        stopped: why the last run stopped, where one did and nothing is published since.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    inputs: tuple[Input, ...]
    states: tuple[DayState, ...]
    published: Published | None = None
    late: tuple[Input, ...] = ()
    stopped: str | None = None
    #: of the published plan: answers of earlier epochs must not come back
    epoch: int = 0

    @property
    def label(self) -> str:
        """Its states in words."""
        return ", ".join(self.states) or "published"


def name_states(
    has_input: bool, published: Published | None, wanted: Wanted, is_late: bool, is_stopped: bool
) -> tuple[DayState, ...]:
    """What is the matter with a day; pure."""
    if published is None:
        states = [(DayState.NO_INPUT, not has_input), (DayState.MISSING, has_input), (DayState.FAILED, is_stopped)]
    else:
        states = [
            (DayState.FAILED, is_stopped),
            (DayState.PARTIAL, published.open_count > 0),
            (DayState.STALE_PROMPT, published.asked != wanted),
            (DayState.LATE_INPUT, is_late),
        ]
    return tuple(state for state, holds in states if holds)


def read_published(outside: Adapters, settings: Settings, first: date, last: date) -> dict[date, Published]:
    """The published days of a range, in one read of the nights table."""
    nights = outside.lake.scan(lake(settings, NIGHTS.name), NIGHTS)
    rows = nights.filter(pl.col("date").is_between(first, last)).collect()
    return {row["date"]: _published(row) for row in rows.iter_rows(named=True)}


def _published(row: Mapping[str, Any]) -> Published:
    open_count = row["malformed_count"] + row["error_count"] + row["missing_count"]
    return Published(open_count=open_count, **{name: row[name] for name in Published.model_fields if name in row})


def survey(outside: Adapters, settings: Settings, days: Sequence[date], wanted: Wanted) -> list[Day]:
    """Each of the days as it is now."""
    published = read_published(outside, settings, min(days), max(days))
    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(lambda day: _look(outside.storage, settings, day, published.get(day), wanted), days))


def _look(storage: Storage, settings: Settings, day: date, published: Published | None, wanted: Wanted) -> Day:
    paths = DayPaths(settings, day)
    plan = _published_plan(storage, RunPaths(settings, day, published.run_id)) if published else None
    files = find_inputs(storage, paths.comments, settings.input_marker, known_of(plan))
    inputs = tuple(Input(uri=item.uri, etag=item.etag, size_bytes=item.size_bytes) for item in files.read)
    changes = compare_inputs(plan.inputs, files, paths, published.run_id) if plan and published else None
    others = {*changes.new, *changes.changed} if changes else set()
    late = tuple(item for item in inputs if name_in(item.uri, paths.comments) in others)
    stopped = find_stop(storage, paths, published)
    states = name_states(bool(inputs), published, wanted, changes is not None, stopped is not None)
    epoch = plan.epoch if plan else 0
    return Day(run_date=day, inputs=inputs, states=states, published=published, late=late, stopped=stopped, epoch=epoch)


class _PublishedPlan(PlannedInputs):
    epoch: int = 0


def _published_plan(storage: Storage, paths: RunPaths) -> _PublishedPlan | None:
    """What the run that published the day had planned; None if that cannot be read any more."""
    try:
        return _PublishedPlan.model_validate_json(storage.get(paths.file("plan.json")) or b"")
    except ValidationError:
        return None


class DayRun(NamedTuple):
    """A run of the day as its folder tells."""

    run_id: str
    begun_at: datetime
    has_ended_well: bool
    has_stopped: bool


def runs_of(files: Iterable[StoredObject], folder: str) -> list[DayRun]:
    """The day's runs, the newest first; a folder without a plan or a stop is no night's."""
    by_run: dict[str, dict[str, datetime]] = {}
    for item in files:
        run_id, _, name = item.uri.removeprefix(f"{folder}/").partition("/")
        by_run.setdefault(run_id, {})[name] = item.modified_at
    runs = [
        DayRun(
            run_id,
            min(names[name] for name in ("plan.json", "stopped.json") if name in names),
            "summary.json" in names,
            "stopped.json" in names,
        )
        for run_id, names in by_run.items()
        if names.keys() & {"plan.json", "stopped.json"}
    ]
    return sorted(runs, key=lambda run: run.begun_at, reverse=True)


def find_stop(storage: Storage, paths: DayPaths, published: Published | None) -> str | None:
    """Why the newest run since the publication stopped; None if there is no such run.

    A run that found the day published, or that is at work, has not stopped.
    """
    for run in runs_of(storage.list(paths.runs), paths.runs):
        if run.has_ended_well or (published and run.begun_at <= published.published_at):
            return None
        of_run = RunPaths(paths.settings, paths.run_date, run.run_id)
        if run.has_stopped:
            return Stop.model_validate_json(storage.get(of_run.file("stopped.json")) or b"").reason
        if not _is_idle(storage, of_run, published):
            return f"run {run.run_id} was cancelled or died"
    return None


def _is_idle(storage: Storage, paths: RunPaths, published: Published | None) -> bool:
    """Whether a run without an end had nothing to do, or is at work now."""
    lease = storage.get_versioned(paths.lease)
    if lease is not None and Holder.model_validate_json(lease.body).run_id == paths.run_id and not is_free(lease, ""):
        return True
    if published is None:
        return False
    epoch_of = partial(read_epoch, storage, paths)
    try:
        plan = Plan.model_validate_json(storage.get(paths.file("plan.json")) or b"")
        return is_settled(plan, published.plan_sha256, epoch_of(published.run_id)) or is_taken_back(
            plan, published.run_id, read_restore(storage, paths), epoch_of
        )
    except (ValidationError, KeyError):  # of another version of this program
        return False
