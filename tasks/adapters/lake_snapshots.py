"""Delta tables as this process last read them: one that has not changed since is not read again.

Opening a table lists its log and reads a checkpoint and up to ten commits. Whether it is still what it was takes one
listing of a key or two, and a night looks at its tables some twenty times and writes to them six times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from typing import NamedTuple
from weakref import ReferenceType, ref

import polars as pl
from deltalake import DeltaTable

from tasks.adapters.aws import Aws, translated
from tasks.adapters.stores.object_store import StorageRefused
from tasks.base.errors import ModerationError, StorageUnavailable

#: Keys of a version's commit and of what may stand beside it, before the next commit.
_LISTED_KEYS = 10


class _Snapshot(NamedTuple):
    """A table that nobody changes: many may read it, each for as long as they like.

    Attributes:
        options: what it was opened with.
        etag: of the commit that made its version.
        lent: to those who read it later than they ask for it.
    """

    table: DeltaTable
    options: dict[str, str]
    etag: str
    lent: list[ReferenceType[DeltaTable]]

    def is_current(self, aws: Aws, uri: str, options: dict[str, str]) -> bool:
        return self.options == options and self.etag == _last_commit(aws, uri, self.table.version())


_KNOWN: dict[str, _Snapshot] = {}
#: The rows of small tables as they were read last, each with the file that it stands in.
_ROWS: dict[str, pl.DataFrame] = {}
#: The name of that column; no table has one of this name.
FILE = "_file"


def open_snapshot(aws: Aws | None, uri: str, options: dict[str, str]) -> DeltaTable:
    """The table as it is now, to be read and never written through.

    Raises:
        TableNotFoundError: if there is none.
    """
    snapshot = _KNOWN.get(uri)
    if aws and snapshot and snapshot.is_current(aws, uri, options):
        return _lend(snapshot)
    table = DeltaTable(uri, storage_options=options)
    kept = keep_snapshot(aws, uri, table, options)
    return _lend(kept) if kept else table


def read_rows(
    aws: Aws | None, uri: str, options: dict[str, str], read: Callable[[DeltaTable, Sequence[str]], pl.DataFrame]
) -> pl.DataFrame:
    """The rows of the table as it is now, and in FILE where each stands; what was read before is taken from memory.

    `read` gives the same of some of the table's files. A table's file never changes, and a night adds one.

    Raises:
        TableNotFoundError: if there is none.
    """
    table = open_snapshot(aws, uri, options)
    files = table.file_uris()
    if aws is None or not options:
        return read(table, files)
    kept = _ROWS[uri].filter(pl.col(FILE).is_in(files)) if uri in _ROWS else read(table, [])
    known = set(kept[FILE].unique())
    if new := [file for file in files if file not in known]:
        kept = pl.concat([kept, read(table, new)])
    _ROWS[uri] = kept
    return kept


def take_snapshot(aws: Aws | None, uri: str, options: dict[str, str]) -> DeltaTable | None:
    """The table as it is now, to be written through by who takes it; None if it must be opened for that.

    It is no longer known afterwards, and nobody has it who has not read it yet.
    """
    snapshot = _KNOWN.pop(uri, None)
    if aws and snapshot and not any(lent() for lent in snapshot.lent) and snapshot.is_current(aws, uri, options):
        return snapshot.table
    return None


def keep_snapshot(aws: Aws | None, uri: str, table: DeltaTable, options: dict[str, str]) -> _Snapshot | None:
    """Remember a table in S3; nobody may write through it until he takes it.

    It never fails: at worst, None, the table is opened again.
    """
    if aws and options:
        with suppress(ModerationError):
            if etag := _last_commit(aws, uri, table.version()):
                kept = _KNOWN[uri] = _Snapshot(table, options, etag, [])
                return kept
    return None


def _lend(snapshot: _Snapshot) -> DeltaTable:
    """The snapshot as an object of the reader's own, so that its end is seen."""
    snapshot.lent[:] = [lent for lent in snapshot.lent if lent() is not None]
    table = copy(snapshot.table)
    snapshot.lent.append(ref(table))
    return table


def _last_commit(aws: Aws, uri: str, version: int) -> str | None:
    """The etag of a version's commit: another table in the same place has another. None if there is a later version."""
    bucket, _, folder = uri.removeprefix("s3://").partition("/")
    log = f"{folder}/_delta_log/"
    with translated(f"list {uri}", StorageUnavailable, StorageRefused):
        answer = aws.s3.list_objects_v2(
            Bucket=bucket, Prefix=log, StartAfter=f"{log}{version:020d}", MaxKeys=_LISTED_KEYS
        )
    commits = [item for item in answer.get("Contents", ()) if item["Key"].endswith(".json")]
    is_last = len(commits) == 1 and commits[0]["Key"] == f"{log}{version:020d}.json"
    return str(commits[0]["ETag"]) if is_last else None
