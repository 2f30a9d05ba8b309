"""Local Parquet files in pieces, at the pace of whoever reads them."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.tables.table import Table


def read_batches(path: Path, columns: Sequence[str], batch_rows: int) -> Iterator[pl.DataFrame]:
    """The file's rows in order, `batch_rows` at a time.

    Not LazyFrame.collect_batches: it reads ahead of a slow consumer without a bound (2 GB of a 1 GB file, measured).
    """
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=batch_rows, columns=list(columns)):
            yield pl.DataFrame(batch)


def scan_file(path: Path) -> pl.LazyFrame:
    """The columns that a local Parquet file itself has: no folder on its way is a partition, no name a pattern."""
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


#: Rows of a record batch while a frame is copied into the lake.
_BATCH_ROWS = 50_000


def record_batches(path: Path, table: Table) -> Iterator[pa.RecordBatch]:
    """A local Parquet file in pieces, in the contract's schema."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH_ROWS, columns=table.names):
        yield from pa.Table.from_batches([batch]).cast(table.arrow_schema).to_batches()


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A local folder that is gone when the stage is; its name tells whose it is, should a process be killed."""
    return tempfile.TemporaryDirectory(prefix="moderation-")


#: Records of one range: a few hundred bytes each are held while a range is joined.
ROWS = 250_000


#: Record ids are hashes: their first four hex digits spread evenly over this many values.
_DIGITS, _PREFIXES = 4, 16**4


class Bucket(NamedTuple):
    """The records whose id's first four hex digits are in [low, high)."""

    low: int
    high: int

    def holds(self, record_id: pl.Expr) -> pl.Expr:
        """Whether a record id is of this range."""
        prefix = record_id.str.head(_DIGITS).str.to_integer(base=16)
        return (prefix >= self.low) & (prefix < self.high)


def buckets(row_count: int) -> list[Bucket]:
    """Even ranges that together hold every record id, as many as the rows need; one for a small night."""
    count = min(max(1, math.ceil(row_count / ROWS)), _PREFIXES)
    return [Bucket(n * _PREFIXES // count, (n + 1) * _PREFIXES // count) for n in range(count)]
