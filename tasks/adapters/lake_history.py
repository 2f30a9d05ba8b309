"""A day's past in a Delta table: old files that time travel would read, and what the log tells of their values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import polars as pl
import pyarrow.parquet as pq

from data_contracts.tables.table import Table
from tasks.adapters.lake import Lake
from tasks.adapters.storage import Storage
from tasks.base.frames import scratch


class Forgotten(NamedTuple):
    """What went."""

    file_count: int
    log_count: int


def forget_history(lake: Lake, storage: Storage, uri: str, table: Table, run_date: date) -> Forgotten:
    """Delete the day's files that the table's present version does not read, and their values from the log.

    What VACUUM does, for one partition and at once: the other days keep their history, and earlier versions of this
    day cannot be read any more. Nobody may write the day meanwhile: a file without a commit is taken for an old one.
    The log of a table that `Lake` created tells no values of strings; that of an older one is rewritten without them.
    """
    live = lake.live_files(uri)
    old = [item.uri for item in storage.list(f"{uri}/date={run_date}") if item.uri.rsplit("/", 1)[-1] not in live]
    storage.delete(old)
    telling = _Telling(run_date, frozenset(column.name for column in table if column.dtype == pl.String), live)
    log_count = 0
    for item in storage.list(f"{uri}/_delta_log"):
        if item.uri.endswith(".json") and (body := storage.get(item.uri)) is not None:
            quiet = telling.without_values(body)
            if quiet != body:
                storage.put(item.uri, quiet)
                log_count += 1
    checkpoints = [item.uri for item in storage.list(f"{uri}/_delta_log") if item.uri.endswith(".parquet")]
    if holding := [each for each in checkpoints if telling.is_told_in(storage, each)]:
        lake.checkpoint(uri)
        storage.delete(holding)
    return Forgotten(len(old), log_count + len(holding))


def forget_replaced(lake: Lake, storage: Storage, uri: str, before: Collection[str]) -> int:
    """Delete the files of a table without days that it no longer reads; how many.

    Files that others have written meanwhile, and may be about to commit, are left.

    Args:
        before: names of the files that it read before its rows were replaced.
    """
    live = lake.live_files(uri)
    files = [item for item in storage.list(uri) if "/_delta_log/" not in item.uri]
    newest = max((item.modified_at for item in files if item.uri.rsplit("/", 1)[-1] in before), default=None)
    gone = [
        item.uri
        for item in files
        if item.uri.rsplit("/", 1)[-1] not in live and newest is not None and item.modified_at <= newest
    ]
    storage.delete(gone)
    return len(gone)


class _Telling(NamedTuple):
    """Which of the log's statistics tell what a string of an old file of the day was."""

    run_date: date
    strings: frozenset[str]
    live: frozenset[str]

    def is_telling(self, path: str, stats: str | None) -> bool:
        if stats is None or not path.startswith(f"date={self.run_date}/") or path.rsplit("/", 1)[-1] in self.live:
            return False
        values: dict[str, Any] = orjson.loads(stats)
        return any(self.strings & set(values.get(bound, ())) for bound in ("minValues", "maxValues"))

    def without_values(self, body: bytes) -> bytes:
        """A commit's lines; statistics that tell something keep the number of rows."""
        lines = []
        for line in body.splitlines():
            action = orjson.loads(line)
            add = action.get("add")
            if add and self.is_telling(add["path"], add.get("stats")):
                rows = orjson.loads(add["stats"]).get("numRecords")
                add["stats"] = orjson.dumps({"numRecords": rows}).decode()
                line = orjson.dumps(action)
            lines.append(line)
        return body if lines == body.splitlines() else b"\n".join(lines) + b"\n"

    def is_told_in(self, storage: Storage, checkpoint: str) -> bool:
        return any(self.is_telling(add["path"], add.get("stats")) for add in _adds(storage, checkpoint))


def _adds(storage: Storage, checkpoint: str) -> Iterator[dict[str, Any]]:
    """The files that a checkpoint lists."""
    with scratch() as folder:
        path = Path(folder) / "checkpoint.parquet"
        storage.fetch(checkpoint, path)
        yield from (row["add"] for row in pq.read_table(path, columns=["add"]).to_pylist() if row["add"])
