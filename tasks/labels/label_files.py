"""The label files of a day: which are there, what they say, and which ones the day was last measured with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.tables.labels import LABELS
from tasks.adapters.storage import Storage, StoredObject
from tasks.base.errors import InputChanged
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.labels.truth import schema_fault


class LabelFiles(NamedTuple):
    """The label rows that could be read, and what could not."""

    labels: pl.DataFrame
    lost_count: int  # rows of files that break the contract; a file that is no Parquet counts as one
    faults: tuple[str, ...]


class LabelsSeen(BaseModel):
    """What a measurement rested on: whose verdicts, and each label object's etag by its key below the day's folder.

    `is_final` is whether no more labels were waited for; it was not noted by earlier versions, which never waited.
    """

    model_config = ConfigDict(frozen=True)

    verdicts_run_id: str
    etags: dict[str, str]
    is_final: bool = True

    @classmethod
    def of(
        cls, objects: Iterable[StoredObject], paths: DayPaths, verdicts_run_id: str, *, is_final: bool = True
    ) -> LabelsSeen:
        """What these objects are."""
        etags = {item.uri.removeprefix(f"{paths.labels}/"): item.etag for item in objects}
        return cls(verdicts_run_id=verdicts_run_id, etags=etags, is_final=is_final)

    def is_of(self, other: LabelsSeen) -> bool:
        """Whether both rest on the same labels and verdicts."""
        return (self.verdicts_run_id, self.etags) == (other.verdicts_run_id, other.etags)


def list_labels(storage: Storage, paths: DayPaths) -> list[StoredObject]:
    """Every label file of the day."""
    return [item for item in storage.list(paths.labels) if item.uri.endswith(".parquet")]


def list_labels_of(storage: Storage, settings: Settings, days: Collection[date]) -> dict[date, list[StoredObject]]:
    """Every label file of each of the days, by one listing from the first of them on."""
    found: dict[str, list[StoredObject]] = {DayPaths(settings, day).labels: [] for day in days}
    for item in storage.list(settings.labels_uri, after=f"date={min(days)}") if days else ():
        folder = f"{settings.labels_uri}/{item.uri.removeprefix(f'{settings.labels_uri}/').partition('/')[0]}"
        if folder in found and item.uri.endswith(".parquet"):
            found[folder].append(item)
    return dict(zip(days, found.values(), strict=True))


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
