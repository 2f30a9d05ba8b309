"""Local Parquet files in pieces, at the pace of whoever reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.table import Table


def read_batches(path: Path, columns: Sequence[str], batch_rows: int) -> Iterator[pl.DataFrame]:
    """The file's rows in order, `batch_rows` at a time.

    Not LazyFrame.collect_batches: it reads ahead of a slow consumer without a bound (2 GB of a 1 GB file, measured).
    """
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=batch_rows, columns=list(columns)):
            yield pl.DataFrame(batch)


#: Rows of a record batch while a frame is copied into the lake.
_BATCH_ROWS = 50_000


def record_batches(path: Path, table: Table) -> Iterator[pa.RecordBatch]:
    """A local Parquet file in pieces, in the contract's schema."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH_ROWS, columns=table.names):
        yield from pa.Table.from_batches([batch]).cast(table.arrow_schema).to_batches()
