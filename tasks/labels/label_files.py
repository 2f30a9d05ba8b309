"""The label files of a day: which are there, what they say, and which ones the day was last measured with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.tables.labels import LABELS
from tasks.adapters.storage import Storage, StorageRefused, StoredObject
from tasks.base.errors import InputChanged, LibraryPanicked
from tasks.base.panics import panics_told
from tasks.base.paths import DayPaths
from tasks.intake.foreign_parquet import UNREADABLE, open_parquet, read_batches, stored_schema
from tasks.intake.input_files import InputFiles, find_inputs, name_in
from tasks.labels.truth import schema_fault


class LabelFiles(NamedTuple):
    """The label rows that could be read, and what could not."""

    labels: pl.DataFrame
    lost_count: int  # rows of files that break the contract; a file that is no Parquet counts as one
    faults: tuple[str, ...]


class LabelsSeen(BaseModel):
    """What a measurement rested on: whose verdicts, and each label object's etag by its key below the day's folder."""

    model_config = ConfigDict(frozen=True)

    verdicts_run_id: str
    etags: dict[str, str]

    @classmethod
    def of(cls, objects: Iterable[StoredObject], paths: DayPaths, verdicts_run_id: str) -> LabelsSeen:
        """What these objects are."""
        etags = {item.uri.removeprefix(f"{paths.labels}/"): item.etag for item in objects}
        return cls(verdicts_run_id=verdicts_run_id, etags=etags)


def list_labels(storage: Storage, paths: DayPaths, before: LabelsSeen | None = None) -> InputFiles:
    """What the folder of the day's labels holds, by the rule that holds for the comments.

    Args:
        storage: where it is.
        paths: of the day.
        before: what the day was last measured with: these objects are known to be label files.
    """
    etags = before.etags if before is not None else {}
    known = frozenset((f"{paths.labels}/{name}", etag) for name, etag in etags.items())
    return find_inputs(storage, paths.labels, known=known)


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
            fault = schema_fault(stored_schema(file))
            row_count = file.metadata.num_rows
            if fault is not None:
                return [], fault, row_count
            with panics_told("reading labels"):
                frames = [pl.DataFrame(batch).lazy() for batch in read_batches(file, LABELS)]
                return [LABELS.conform(frame).collect() for frame in frames], None, row_count
    except (*UNREADABLE, pl.exceptions.PolarsError, LibraryPanicked):
        return [], "is no readable Parquet file", row_count


def load_seen(storage: Storage, paths: DayPaths) -> LabelsSeen | None:
    """What the day was last measured with; None if it never was, or nobody can tell."""
    try:
        return LabelsSeen.model_validate_json(storage.get(paths.labels_state()) or b"")
    except ValidationError:
        return None


def store_seen(storage: Storage, paths: DayPaths, seen: LabelsSeen) -> None:
    """Note what the day was measured with, after the measurement is in the table."""
    storage.put(paths.labels_state(), seen.model_dump_json(indent=1).encode())
