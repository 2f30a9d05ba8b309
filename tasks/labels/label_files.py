"""The label files of a day: which are there, what they say, and which ones the day was last measured with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.tables.labels import LABELS
from tasks.adapters.storage import Storage, StoredObject
from tasks.base.errors import InputChanged
from tasks.base.paths import DayPaths
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


def list_labels(storage: Storage, paths: DayPaths) -> list[StoredObject]:
    """Every label file of the day."""
    return [item for item in storage.list(paths.labels) if item.uri.endswith(".parquet")]


def read_labels(storage: Storage, objects: Iterable[StoredObject], scratch: Path) -> LabelFiles:
    """What the files say; one that breaks the contract is counted, never fatal.

    A file that is gone by now is none: the next listing differs, and then the day is measured again.
    """
    frames, faults, lost_count = [LABELS.empty()], [], 0
    for place, item in enumerate(objects):
        file, name = scratch / f"labels-{place}.parquet", item.uri.rsplit("/", 1)[-1]
        try:
            storage.fetch(item.uri, file)
        except InputChanged:
            continue
        try:
            fault, row_count = schema_fault(pl.read_parquet_schema(file)), pq.read_metadata(file).num_rows
            if fault is None:
                frames.append(LABELS.conform(pl.scan_parquet(file)).collect())
        except (pl.exceptions.PolarsError, OSError, ValueError):
            fault, row_count = "is no readable Parquet file", 1
        if fault is not None:
            faults.append(f"{name} {fault}")
            lost_count += row_count
    return LabelFiles(pl.concat(frames), lost_count, tuple(faults))


def load_seen(storage: Storage, paths: DayPaths) -> LabelsSeen | None:
    """What the day was last measured with; None if it never was, or nobody can tell."""
    try:
        return LabelsSeen.model_validate_json(storage.get(paths.labels_state()) or b"")
    except ValidationError:
        return None


def store_seen(storage: Storage, paths: DayPaths, seen: LabelsSeen) -> None:
    """Note what the day was measured with, after the measurement is in the table."""
    storage.put(paths.labels_state(), seen.model_dump_json(indent=1).encode())
