"""Writes a day's plain objects again from the lake, which is the truth, where they differ from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from data_contracts.tables.table import Table
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.base.errors import ModerationError, StorageUnavailable
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths
from tasks.verdicts.published_rows import PUBLISHED, UNREADABLE, Rows, count_lake, count_plain, is_as_published


def tables_at_odds(outside: Adapters, paths: DayPaths, night: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the tables whose day in the lake is not what the day's row of NIGHTS says was published."""
    erased_count = len(outside.storage.list(paths.erasures))
    return tuple(
        table.name
        for table, column in PUBLISHED
        if night[column] is not None
        and not is_as_published(_count(outside, paths, table), night["run_id"], night[column], erased_count)
    )


def refresh_plain(outside: Adapters, paths: DayPaths, night: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the tables whose plain object was written again.

    The caller holds the day and has seen that the lake has what was published: else the plain object may be better.
    """
    names = []
    for table, column in PUBLISHED:
        if night[column] is not None and _differs(outside, paths, table):
            _write(outside, paths, table)
            names.append(table.name)
    return tuple(names)


def differs(plain: Rows | None, lake: Rows) -> bool:
    """Whether a plain object has other rows than the lake; where its footer does not name its runs, by their number."""
    return plain is None or plain.row_count != lake.row_count or bool(plain.run_ids - lake.run_ids)


def _count(outside: Adapters, paths: DayPaths, table: Table) -> Rows:
    return count_lake(outside, paths.settings, table, [paths.run_date])[paths.run_date]


def _differs(outside: Adapters, paths: DayPaths, table: Table) -> bool:
    try:
        plain = count_plain(outside.storage, paths.plain(table.name))
    except ModerationError:
        raise
    except UNREADABLE:  # no Parquet of ours: it is replaced
        return True
    return differs(plain, _count(outside, paths, table))


def _write(outside: Adapters, paths: DayPaths, table: Table) -> None:
    day = outside.lake.scan(paths.lake(table.name), table).filter(pl.col("date") == paths.run_date)
    with scratch() as folder:
        file = Path(folder) / "day.parquet"
        day.sink_parquet(file)
        outside.storage.send(file, paths.plain(table.name))


def send_plain(storage: Storage, path: Path, uri: str, still_ours: Callable[[], None]) -> None:
    """Replace a plain object, unless another run has had the day since.

    Whoever takes the day before the check is met by it, and what he writes after it is met by the etag from before it.

    Raises:
        LeaseLost: as `still_ours` says.
        StorageUnavailable: if the object was replaced meanwhile: the stage's next try asks whose day it is.
    """
    folder, _, _ = uri.rpartition("/")
    etag = next((item.etag for item in storage.list(folder) if item.uri == uri), None)
    still_ours()
    if not storage.send_if_match(path, uri, etag):
        raise StorageUnavailable(f"write {uri}: it was replaced meanwhile")
