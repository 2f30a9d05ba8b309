"""Delta Lake tables: a day is replaced in one commit, a reader sees the old day or the new one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from data_contracts.tables.table import Table
from tasks.adapters.aws import Aws
from tasks.adapters.bucket_owner import check_owner
from tasks.adapters.lake_snapshots import FILE, keep_snapshot, open_snapshot, read_rows, take_snapshot
from tasks.base.errors import ModerationError, StorageUnavailable
from tasks.base.panics import panics_told
from tasks.base.roots import partition_keys

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ANSWER_CODE = re.compile(r"<Code>(\w+)</Code>")


class Commit(NamedTuple):
    """A commit of a table: its version, when it was made, and the note that came with it."""

    version: int
    committed_at: datetime
    note: dict[str, str]


class Lake:
    """The Delta tables below one root."""

    def __init__(self, aws: Aws | None, kms_key_id: str | None = None, bucket_owner: str | None = None) -> None:
        self._aws, self._owner = aws, bucket_owner
        encryption = {"aws_server_side_encryption": "aws:kms", "aws_sse_kms_key_id": kms_key_id} if kms_key_id else {}
        self._encryption: dict[str, str] = encryption

    def replace_day(
        self,
        uri: str,
        table: Table,
        run_date: date,
        batches: Iterable[pa.RecordBatch],
        note: dict[str, str],
        guard: Callable[[], None] = lambda: None,
    ) -> int:
        """Replace one day by these batches in one commit and return the table's new version.

        `guard` is called once the version that the commit starts from is fixed: whatever another writer commits to the
        day after a guard that passed makes this commit fail, so nobody who was taken for dead publishes over a
        successor. Two commits that touch no common file, since one of them has no rows, would not disturb each other:
        so each names the day as its application transaction, and Delta refuses the second that started before the
        first was made. Other days' commits do not count.
        Source: Delta protocol, "Transaction Identifiers"; delta-rs, ConflictChecker.

        The batches must be of `table.arrow_schema`; they are consumed before the commit is made, so a source that
        raises leaves the day as it was, and its error comes out as it is. No batch at all empties the day.
        """
        with _source_errors() as failed, _translated(uri):
            delta = self._open_or_create(uri, table)
            guard()
            write_deltalake(
                delta,
                pa.RecordBatchReader.from_batches(table.arrow_schema, _watched(batches, failed)),
                mode="overwrite",
                predicate=f"date = '{run_date.isoformat()}'",
                schema_mode="merge",  # a table that is older than a column gets it, null for its earlier days
                commit_properties=CommitProperties(
                    custom_metadata=note,
                    app_transactions=[Transaction(f"date={run_date.isoformat()}", delta.version())],
                ),
            )
            keep_snapshot(self._aws, uri, delta, self._options(uri))
            return delta.version()

    def append(self, uri: str, table: Table, frame: pl.DataFrame, note: dict[str, str]) -> None:
        """Add rows in one commit."""
        self._write(uri, table, frame, note, "append")

    def replace_all(self, uri: str, table: Table, frame: pl.DataFrame, note: dict[str, str]) -> None:
        """Replace all rows of a table without days in one commit; it fails if somebody adds rows meanwhile."""
        self._write(uri, table, frame, note, "overwrite")

    def _write(
        self, uri: str, table: Table, frame: pl.DataFrame, note: dict[str, str], mode: Literal["append", "overwrite"]
    ) -> None:
        with _translated(uri):
            delta = self._open_or_create(uri, table)
            write_deltalake(
                delta,
                frame.select(table.names).to_arrow().cast(table.arrow_schema),
                mode=mode,
                schema_mode="merge",
                commit_properties=CommitProperties(custom_metadata=note),
            )
            keep_snapshot(self._aws, uri, delta, self._options(uri))

    def scan(self, uri: str, table: Table) -> pl.LazyFrame:
        """The table as it is now, columns that it is older than as nulls; no rows if it does not exist yet."""
        with _translated(uri):
            if (delta := self._open(uri)) is None:
                return table.empty().lazy()
            return self._rows(uri, table, delta)

    def read(self, uri: str, table: Table) -> pl.LazyFrame:
        """What `scan` gives, of a table of few rows: this process remembers them, and reads only files that are new."""
        options = self._options(uri)

        def read(delta: DeltaTable, files: Sequence[str]) -> pl.DataFrame:
            rows = table.widen(_scan_files(delta, files, uri, options, include=FILE))
            return rows.select(*table.names, FILE).collect()

        with _translated(uri):
            try:
                rows = read_rows(self._aws, uri, options, read)
            except TableNotFoundError:
                return table.empty().lazy()
            return rows.lazy().drop(FILE)

    def live_files(self, uri: str) -> frozenset[str]:
        """Names of the files that the table's present version reads; none if there is no such table."""
        with _translated(uri):
            if (delta := self._open(uri)) is None:
                return frozenset()
            return frozenset(file.rsplit("/", 1)[-1] for file in delta.file_uris())

    def files(self, uri: str) -> tuple[list[str], list[str]]:
        """The files that the table's present version reads, and its columns; nothing if there is no such table."""
        with _translated(uri):
            if (delta := self._open(uri)) is None:
                return [], []
            return delta.file_uris(), [field.name for field in delta.schema().fields]

    def commits(self, uri: str) -> list[Commit]:
        """Every commit that the table's log still has, oldest first; none if there is no such table."""
        with _translated(uri):
            if (delta := self._open(uri)) is None:
                return []
            return sorted(map(_commit, delta.history()), key=lambda commit: commit.version)

    def scan_at(self, uri: str, table: Table, version: int) -> pl.LazyFrame:
        """The table as it was at a version, columns that it is older than as nulls."""
        with _translated(uri):
            options = self._options(uri)
            delta = DeltaTable(uri, version=version, storage_options=options)
            return table.widen(_scan(delta, uri, options)).select(table.names)

    def day_files(self, uri: str, run_date: date, version: int) -> frozenset[str]:
        """Names of the files that a version reads for a day."""
        with _translated(uri):
            delta = DeltaTable(uri, version=version, storage_options=self._options(uri))
            files = (file for file in delta.file_uris() if f"/date={run_date}/" in file)
            return frozenset(file.rsplit("/", 1)[-1] for file in files)

    def checkpoint(self, uri: str) -> None:
        """Write a checkpoint of the present version, so that readers need no earlier one."""
        with _translated(uri):
            DeltaTable(uri, storage_options=self._options(uri)).create_checkpoint()

    def compact(self, uri: str, before: date) -> None:
        """Put the rows of each day before this one into one file, in one commit that changes no row.

        The files that it takes the place of stay where they are: earlier versions can be read as before.
        """
        with _translated(uri):
            DeltaTable(uri, storage_options=self._options(uri)).optimize.compact(
                partition_filters=[("date", "<", before.isoformat())],
                commit_properties=CommitProperties(custom_metadata={"reason": "compaction"}),
            )

    def days(self, uri: str) -> list[date]:
        """The days that a table holds, from its log alone; none if it does not exist yet."""
        with _translated(uri):
            if (delta := self._open(uri)) is None:
                return []
            return sorted({date.fromisoformat(partition["date"]) for partition in delta.partitions()})

    def _rows(self, uri: str, table: Table, delta: DeltaTable) -> pl.LazyFrame:
        return table.widen(_scan(delta, uri, self._options(uri))).select(table.names)

    def _open(self, uri: str) -> DeltaTable | None:
        """The table as it is now, or None if there is none."""
        try:
            # Not DeltaTable.is_deltatable: it holds the interpreter's lock while it waits for S3.
            return open_snapshot(self._aws, uri, self._options(uri))
        except TableNotFoundError:
            return None

    def _open_or_create(self, uri: str, table: Table) -> DeltaTable:
        """The table to be written through: one of its own for each commit, fixed at the version that it starts from."""
        options = self._options(uri)
        if (delta := take_snapshot(self._aws, uri, options)) is not None:
            return delta
        try:
            return DeltaTable(uri, storage_options=options)
        except TableNotFoundError:
            return DeltaTable.create(
                uri,
                table.arrow_schema,
                mode="ignore",
                # A table without days is small: what is known of sets, not of nights.
                partition_by=["date"] if "date" in table.names else None,
                name=table.name,
                description=table.meaning,
                configuration={
                    # A reader opens the last checkpoint and the commits after it: ten at most, not a hundred.
                    "delta.checkpointInterval": "10",
                    # A day of long ago can be restored: Delta's own default forgets commits after 30 days.
                    "delta.logRetentionDuration": "interval 3650 days",
                    # The log keeps the smallest and the largest value of these columns for good: no id, no text.
                    "delta.dataSkippingStatsColumns": ",".join(
                        column.name for column in table if column.dtype != pl.String and column.name != "date"
                    ),
                },
                storage_options=options,
            )

    def _options(self, uri: str) -> dict[str, str]:
        """How a table is reached, whose bucket is of the account that it must be of."""
        if self._aws is None or not uri.startswith("s3://"):
            return {}
        if self._owner is not None:
            check_owner(self._aws, uri, self._owner)
        return self._aws.object_store_options() | self._encryption


def _scan(delta: DeltaTable, uri: str, options: dict[str, str]) -> pl.LazyFrame:
    """The rows of a table, with the columns that it has.

    Where the root has `key=value` folders, `pl.scan_delta` takes them for partitions that the table does not know, and
    fails: there its files are named to polars one by one.
    """
    if not partition_keys(uri):
        return pl.scan_delta(delta, storage_options=options or None)
    return _scan_files(delta, delta.file_uris(), uri, options)


def _scan_files(
    delta: DeltaTable, files: Sequence[str], uri: str, options: dict[str, str], include: str | None = None
) -> pl.LazyFrame:
    """The rows of some files of a table, with the columns that it has, and in `include` the file that each stands in.

    `key=value` folders of the root become columns that nobody selects.
    """
    columns = pl.Schema(delta.schema())
    added = [include] if include else []
    if not files:
        return pl.LazyFrame(schema=columns | dict.fromkeys(added, pl.String()))
    partitions = {name: columns[name] for name in delta.metadata().partition_columns}
    return pl.scan_parquet(
        list(files),
        schema={name: dtype for name, dtype in columns.items() if name not in partitions},
        glob=False,
        hive_partitioning=True,
        hive_schema={**dict.fromkeys(partition_keys(uri), pl.String()), **partitions},
        missing_columns="insert",
        include_file_paths=include,
        storage_options=options or None,
    ).select(*columns.names(), *added)


def _commit(entry: dict[str, Any]) -> Commit:
    """A commit as deltalake tells it: the note stands among the log's own keys."""
    at = datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)
    return Commit(entry["version"], at, {key: value for key, value in entry.items() if isinstance(value, str)})


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    """A lost race for a version or a failing store is worth another try of the stage."""
    try:
        with panics_told(f"at {uri}"):
            yield
    except (CommitFailedError, DeltaError, OSError) as error:
        # Not "from error": a traceback would show S3's answer whole, and with it the session token.
        raise StorageUnavailable(f"{uri}: {_one_line(error)}") from None


@contextmanager
def reading_lake() -> Iterator[None]:
    """Around what collects frames of `Lake.scan`: a store that fails there is worth another try of the stage.

    Polars raises what its object store says as an OSError, whose text may repeat S3's whole answer with the signed
    headers: only its first and last line are kept.

    Raises:
        StorageUnavailable: in such an error's place.
    """
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        if not str(error).startswith("object-store error"):
            raise
        raise StorageUnavailable(_one_line(error)) from None


def _one_line(error: Exception) -> str:
    """What failed and why: the first and the last line of delta-rs's coloured tree of causes, and of an answer of S3
    only its code: the rest may repeat the signed headers."""
    cause, _, answer = _COLOUR.sub("", str(error)).partition("<?xml")
    lines = [line.strip(" ↳") for line in cause.partition("<Error>")[0].splitlines()]
    words = [line for line in lines if line] or [type(error).__name__]
    return ": ".join(dict.fromkeys((words[0], words[-1], *_ANSWER_CODE.findall(answer or cause)[:1])))


def _watched(batches: Iterable[pa.RecordBatch], failed: list[Exception]) -> Iterator[pa.RecordBatch]:
    """The batches; an error of theirs is kept, since the Arrow stream that carries them makes a text of it."""
    try:
        with panics_told():
            yield from batches
    except Exception as error:
        failed.append(error)
        raise


@contextmanager
def _source_errors() -> Iterator[list[Exception]]:
    """A source that raised is no failing store: its own error comes out."""
    failed: list[Exception] = []
    try:
        yield failed
    except ModerationError:
        if failed:
            raise failed[0] from None
        raise
