"""Finds comments files that came, changed or went after their day was published, and objects that no night reads.

A listing of the day's folder is held against the inputs that the published run planned: a list call and a small read a
day, and no comments file is opened but the ends of one without a suffix that the plan does not know.
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
from tasks.adapters.storage import Storage
from tasks.base.paths import DayPaths, RunPaths, lake
from tasks.base.settings import Settings
from tasks.intake.input_files import InputFiles, find_inputs, name_in, name_of, some_names
from tasks.labels.label_files import list_labels_of, load_seen
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


class UnreadInput(BaseModel):
    """Objects of a day's folder that are visible and not read.

    Attributes:
        what: of which folder: `comments` or `labels`.
        folder: it.
        names: of the first of them, below the folder.
        count: how many there are.
        state: hash of all names, so that one more is news.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    what: str
    folder: str
    names: str
    count: int
    state: str = ""


class _File(NamedTuple):
    etag: str
    size_bytes: int


def compare_inputs(
    planned: Iterable[PlannedObject], files: InputFiles, paths: DayPaths, run_id: str
) -> LateInput | None:
    """How the folder differs from the plan; None if it does not.

    Files are known by their names below the folder: a copy of it elsewhere, with the same etags, is the same input.
    What was read then counts as it is, though a night would pass it over now: the published day keeps its plan.
    """
    folder = paths.comments
    before = {name_of(item.uri, folder, paths.run_date): _File(item.etag, item.size_bytes) for item in planned}
    kept = [item for item in (*files.unread, *files.hidden) if name_in(item.uri, folder) in before]
    now = {name_in(item.uri, folder): _File(item.etag, item.size_bytes) for item in (*files.read, *kept)}
    if before == now:
        return None
    return LateInput(
        run_date=paths.run_date,
        run_id=run_id,
        new=tuple(sorted(now.keys() - before.keys())),
        changed=tuple(sorted(name for name in now.keys() & before.keys() if now[name] != before[name])),
        gone=tuple(sorted(before.keys() - now.keys())),
        state=hashlib.sha256(repr(sorted(now.items())).encode()).hexdigest()[:16],
    )


def find_late_input(settings: Settings, run_date: date) -> LateInput | None:
    """How the day's comments differ from what was published; None if they do not, or if it is not published."""
    late = find_late_inputs(adapters.connect(settings), settings, [run_date])
    return late[0] if late else None


def find_late_inputs(outside: Adapters, settings: Settings, days: Sequence[date]) -> list[LateInput]:
    """The published days among these whose comments are no longer those that were published, in order."""
    return list(look_at_inputs(outside, settings, days).late)


class Inputs(NamedTuple):
    """What a look at the folders of some days found, each in order of day."""

    late: tuple[LateInput, ...]
    unread: tuple[UnreadInput, ...]


def look_at_inputs(outside: Adapters, settings: Settings, days: Sequence[date]) -> Inputs:
    """The published days whose comments are not those that were published, and what no night reads of any day."""
    nights = outside.lake.read(lake(settings, NIGHTS.name), NIGHTS)
    wanted = frozenset(days)
    published = {day: run for day, run in published_runs(nights, min(days), max(days)).items() if day in wanted}

    def look(day: date) -> tuple[LateInput | None, UnreadInput | None]:
        run_id = published.get(day)
        paths, plan = DayPaths(settings, day), None
        if run_id is not None:
            plan = read_inputs(outside.storage, RunPaths(settings, day, run_id))
        files = find_inputs(outside.storage, paths.comments, settings.input_marker, known_of(plan))
        late = compare_inputs(plan.inputs, files, paths, run_id) if plan is not None and run_id is not None else None
        return late, unread_of(files, paths.run_date, "comments", paths.comments)

    with ThreadPoolExecutor(_READERS) as readers:
        looks = list(readers.map(look, sorted(days)))
    return Inputs(
        tuple(late for late, _ in looks if late is not None), tuple(item for _, item in looks if item is not None)
    )


def find_unread_labels(outside: Adapters, settings: Settings, days: Sequence[date]) -> tuple[UnreadInput, ...]:
    """What nobody reads of the label folders of some days."""
    seen = load_seen(outside.storage, settings, days)
    files = list_labels_of(outside.storage, settings, sorted(days), seen)
    unread = (unread_of(files[day], day, "labels", DayPaths(settings, day).labels) for day in sorted(days))
    return tuple(item for item in unread if item is not None)


def read_inputs(storage: Storage, paths: RunPaths) -> PlannedInputs | None:
    """What a run planned to read; None if the plan is gone or broken: nothing is to be judged for that."""
    try:
        return PlannedInputs.model_validate_json(storage.get(paths.file("plan.json")) or b"")
    except ValidationError:
        return None


def known_of(plan: PlannedInputs | None) -> frozenset[tuple[str, str]]:
    """The objects that were read when the plan was made, as `find_inputs` takes them."""
    return frozenset((item.uri, item.etag) for item in plan.inputs) if plan is not None else frozenset()


def unread_of(files: InputFiles, run_date: date, what: str, folder: str) -> UnreadInput | None:
    """What is not read of a folder; None if that is nothing."""
    if not files.unread:
        return None
    names = repr([item.uri for item in files.unread])
    return UnreadInput(
        run_date=run_date,
        what=what,
        folder=folder,
        names=some_names(files.unread, folder),
        count=len(files.unread),
        state=hashlib.sha256(names.encode()).hexdigest()[:16],
    )


def days_until(run_date: date, count: int) -> list[date]:
    """`run_date` and the days before it, `count` in all, oldest first."""
    return [run_date - timedelta(days=number) for number in reversed(range(count))]
