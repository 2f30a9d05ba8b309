"""Finds comments files that came, changed or went after their day was published.

A listing of the day's folder is held against the inputs that the published run planned: a list call and a small read a
day, and no comments file is opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.storage import StoredObject
from tasks.base.paths import RunPaths, lake
from tasks.base.settings import Settings
from tasks.intake.input_files import is_input
from tasks.ledger.nights import published_runs

#: Days that are looked at together.
_READERS = 8


class PlannedObject(BaseModel):
    """What a plan says of one comments file."""

    model_config = ConfigDict(frozen=True)

    uri: str
    etag: str
    size_bytes: int


class PlannedInputs(BaseModel):
    """The part of a plan that shows late input; plans of every version have it."""

    model_config = ConfigDict(frozen=True)

    inputs: tuple[PlannedObject, ...]


class LateInput(BaseModel):
    """How a published day's comments differ from what was published; names are below the day's folder.

    Attributes:
        run_id: the run that published the day.
        new, changed, gone: files that the plan does not have, has otherwise, or has and the folder has not.
        state: hash of the folder as it is now, so that a further change is news.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    run_id: str
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    state: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every file concerned."""
        return (*self.new, *self.changed, *self.gone)


class _File(NamedTuple):
    etag: str
    size_bytes: int


def compare_inputs(
    planned: Iterable[PlannedObject], listed: Iterable[StoredObject], run_date: date, run_id: str
) -> LateInput | None:
    """How the listing differs from the plan; None if it does not.

    Files are known by name: a copy of the same folder elsewhere, with the same etags, is the same input.
    """
    before = {_name(item.uri): _File(item.etag, item.size_bytes) for item in planned}
    now = {_name(item.uri): _File(item.etag, item.size_bytes) for item in listed}
    if before == now:
        return None
    return LateInput(
        run_date=run_date,
        run_id=run_id,
        new=tuple(sorted(now.keys() - before.keys())),
        changed=tuple(sorted(name for name in now.keys() & before.keys() if now[name] != before[name])),
        gone=tuple(sorted(before.keys() - now.keys())),
        state=hashlib.sha256(repr(sorted(now.items())).encode()).hexdigest()[:16],
    )


def find_late_input(settings: Settings, run_date: date) -> LateInput | None:
    """How the day's comments differ from what was published; None if they do not, or if it is not published."""
    found = find_late_inputs(adapters.connect(settings), settings, [run_date])
    return found[0] if found else None


def find_late_inputs(outside: Adapters, settings: Settings, days: Sequence[date]) -> list[LateInput]:
    """The published days among these whose comments are no longer those that were published, in order."""
    nights = outside.lake.read(lake(settings, NIGHTS.name), NIGHTS)
    wanted = frozenset(days)
    published = {day: run for day, run in published_runs(nights, min(days), max(days)).items() if day in wanted}

    def look(day: date) -> LateInput | None:
        paths = RunPaths(settings, day, published[day])
        try:
            plan = PlannedInputs.model_validate_json(outside.storage.get(paths.file("plan.json")) or b"")
        except ValidationError:  # the plan is gone or broken: nobody can tell, and nothing is to be judged for it
            return None
        listed = [item for item in outside.storage.list(paths.comments) if is_input(item, paths.comments)]
        return compare_inputs(plan.inputs, listed, day, published[day])

    with ThreadPoolExecutor(_READERS) as readers:
        return [late for late in readers.map(look, sorted(published)) if late is not None]


def days_until(run_date: date, count: int) -> list[date]:
    """`run_date` and the days before it, `count` in all, oldest first."""
    return [run_date - timedelta(days=number) for number in reversed(range(count))]


def _name(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]
