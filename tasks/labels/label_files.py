"""The label files of a day: which are there, what they say, and which ones the day was last measured with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.tables.labels import LABELS
from tasks.adapters.storage import Storage, StorageRefused, StoredObject
from tasks.base.errors import InputChanged, LibraryPanicked
from tasks.base.panics import panics_told
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.intake.foreign_parquet import UNREADABLE, open_parquet, read_batches, stored_schema
from tasks.intake.input_files import InputFiles, find_inputs, is_parquet, name_in, sort_out
from tasks.labels.pooled.cells import LabelledCell
from tasks.labels.truth import schema_fault


class LabelFiles(NamedTuple):
    """The label rows that could be read, and what could not."""

    labels: pl.DataFrame
    lost_count: int  # rows of files that break the contract; a file that is no Parquet counts as one
    faults: tuple[str, ...]


class LabelsSeen(BaseModel):
    """What a measurement rested on: whose verdicts, and each label object's etag by its key below the day's folder.

    `is_final` is whether no more labels were waited for; it was not noted by earlier versions, which never waited.
    `cells` is what the sample's labels said, for the quality of several nights; earlier versions did not keep it.
    `waits_for_overturns` is whether the rate of overturned verdicts was still provisional.
    """

    model_config = ConfigDict(frozen=True)

    verdicts_run_id: str
    etags: dict[str, str]
    is_final: bool = True
    cells: tuple[LabelledCell, ...] = ()
    waits_for_overturns: bool = False

    @classmethod
    def of(
        cls,
        objects: Iterable[StoredObject],
        paths: DayPaths,
        verdicts_run_id: str,
        *,
        is_final: bool = True,
        cells: tuple[LabelledCell, ...] = (),
    ) -> LabelsSeen:
        """What these objects are."""
        etags = {item.uri.removeprefix(f"{paths.labels}/"): item.etag for item in objects}
        return cls(verdicts_run_id=verdicts_run_id, etags=etags, is_final=is_final, cells=cells)

    def is_of(self, other: LabelsSeen) -> bool:
        """Whether both rest on the same labels and verdicts."""
        return (self.verdicts_run_id, self.etags) == (other.verdicts_run_id, other.etags)


def list_labels(storage: Storage, paths: DayPaths, before: LabelsSeen | None = None) -> InputFiles:
    """What the folder of the day's labels holds, by the rule that holds for the comments.

    Args:
        storage: where it is.
        paths: of the day.
        before: what the day was last measured with: these objects are known to be label files.
    """
    return find_inputs(storage, paths.labels, known=_known(paths.labels, before))


def list_labels_of(
    storage: Storage, settings: Settings, days: Collection[date], seen: Mapping[date, LabelsSeen]
) -> dict[date, InputFiles]:
    """What the label folder of each of the days holds, by one listing from the first of them on.

    Args:
        storage: where they are.
        settings: name the root.
        days: any days.
        seen: what the days were last measured with, see `list_labels`.
    """
    folders = {DayPaths(settings, day).labels: day for day in days}
    listed: dict[str, list[StoredObject]] = {folder: [] for folder in folders}
    for item in storage.list(settings.labels_uri, after=f"date={min(days)}") if days else ():
        folder = f"{settings.labels_uri}/{name_in(item.uri, settings.labels_uri).partition('/')[0]}"
        if folder in listed:
            listed[folder].append(item)
    files_of = {}
    for folder, day in folders.items():
        known = _known(folder, seen.get(day))
        files_of[day] = sort_out(listed[folder], folder, partial(is_parquet, storage, known=known))
    return files_of


def _known(folder: str, before: LabelsSeen | None) -> frozenset[tuple[str, str]]:
    etags = before.etags if before is not None else {}
    return frozenset((f"{folder}/{name}", etag) for name, etag in etags.items())


def read_labels(storage: Storage, objects: Iterable[StoredObject], folder: str, scratch: Path) -> LabelFiles:
    """What the files say; one that cannot be read or breaks the contract is counted, never fatal.

    A file that is gone by now is none: the next listing differs, and then the day is measured again.
    """
    frames, faults, lost_count = [LABELS.empty()], [], 0
    for item in objects:
        file = scratch / "labels.parquet"
        try:
            storage.fetch(item.uri, file)
            rows, fault, row_count = _read(file)
            frames += rows
        except InputChanged:
            continue
        except StorageRefused as error:
            fault, row_count = f"was refused: {str(error).replace(';', ',')}", 1
        if fault is not None:
            faults.append(f"{name_in(item.uri, folder)} {fault}")
            lost_count += row_count
    return LabelFiles(pl.concat(frames), lost_count, tuple(faults))


def _read(path: Path) -> tuple[list[pl.DataFrame], str | None, int]:
    """The rows of a file, or why there are none and how many are lost."""
    row_count = 1
    try:
        with open_parquet(path) as file:
            row_count = file.metadata.num_rows
            fault = schema_fault(stored_schema(file, LABELS)) if row_count else None
            if fault is not None:
                return [], fault, row_count
            with panics_told("reading labels"):
                frames = [pl.DataFrame(batch).lazy() for batch in read_batches(file, LABELS)]
                return [LABELS.conform(frame).collect() for frame in frames], None, row_count
    except (*UNREADABLE, pl.exceptions.PolarsError, LibraryPanicked):
        return [], "is no readable Parquet file", row_count


def load_seen(storage: Storage, settings: Settings, days: Collection[date]) -> dict[date, LabelsSeen]:
    """What the days were last measured with; those are left out that never were, or of which nobody can tell."""
    if not days:
        return {}
    by_uri = {DayPaths(settings, day).labels_state(): day for day in days}
    folder, _, first = min(by_uri).rpartition("/")
    listed = storage.list(folder, after=first.partition(".")[0])
    items = [item for item in listed if item.uri in by_uri]
    seen = {}
    for item, body in zip(items, storage.read_listed(items), strict=True):
        with suppress(ValidationError):
            seen[by_uri[item.uri]] = LabelsSeen.model_validate_json(body or b"")
    return seen


def store_seen(storage: Storage, paths: DayPaths, seen: LabelsSeen) -> None:
    """Note what the day was measured with, after the measurement is in the table."""
    storage.put(paths.labels_state(), seen.model_dump_json(indent=1).encode())


def keep_seen(storage: Storage, paths: RunPaths, seen: LabelsSeen) -> None:
    """Leave with the run's scratch frames what its own day was measured with, until the rows are in the table."""
    storage.put(_kept(paths), seen.model_dump_json().encode())


def kept_seen(storage: Storage, paths: RunPaths) -> LabelsSeen | None:
    """What the run's own day was measured with; None if it was not measured."""
    body = storage.get(_kept(paths))
    return LabelsSeen.model_validate_json(body) if body is not None else None


def _kept(paths: RunPaths) -> str:
    return f"{paths.work_folder}/labels-seen.json"
