"""Delta Lake tables: a day is replaced in one commit, a reader sees the old day or the new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from data_contracts.table import Table
from tasks.adapters.aws import Aws
from tasks.errors import StorageUnavailable


class Lake:
    """The Delta tables below one root."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def replace_day(
        self, uri: str, table: Table, run_date: date, batches: Iterable[pa.RecordBatch], note: dict[str, str]
    ) -> int:
        """Replace one day by these batches in one commit and return the table's new version.

        The batches must be of `table.arrow_schema`; they are consumed before the commit is made, so a source that
        raises leaves the day as it was. No batch at all empties the day.
        """
        with _translated(uri):
            delta = self._open_or_create(uri, table)
            write_deltalake(
                delta,
                pa.RecordBatchReader.from_batches(table.arrow_schema, batches),
                mode="overwrite",
                predicate=f"date = '{run_date.isoformat()}'",
                commit_properties=CommitProperties(custom_metadata=note),
            )
            delta.update_incremental()
            return delta.version()

    def append(self, uri: str, table: Table, frame: pl.DataFrame, note: dict[str, str]) -> None:
        """Add rows in one commit."""
        with _translated(uri):
            write_deltalake(
                self._open_or_create(uri, table),
                frame.select(table.names).to_arrow().cast(table.arrow_schema),
                mode="append",
                commit_properties=CommitProperties(custom_metadata=note),
            )

    def scan(self, uri: str, table: Table) -> pl.LazyFrame:
        """The table as it is now; no rows if it does not exist yet."""
        with _translated(uri):
            options = self._options(uri)
            if not DeltaTable.is_deltatable(uri, storage_options=options):
                return table.empty().lazy()
            return pl.scan_delta(uri, storage_options=options or None).select(table.names)

    def _open_or_create(self, uri: str, table: Table) -> DeltaTable:
        return DeltaTable.create(
            uri,
            table.arrow_schema,
            mode="ignore",
            partition_by=["date"],
            name=table.name,
            description=table.meaning,
            storage_options=self._options(uri),
        )

    def _options(self, uri: str) -> dict[str, str]:
        return self._aws.object_store_options() if uri.startswith("s3://") else {}


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    """A lost race for a version or a failing store is worth another try of the stage."""
    try:
        yield
    except (CommitFailedError, DeltaError, OSError) as error:
        raise StorageUnavailable(f"{uri}: {str(error).splitlines()[0]}") from error
