"""Local Parquet files in pieces, at the pace of whoever reads them."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
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
ROWS = 50_000


#: Record ids are hashes: their first four hex digits spread evenly over this many values.
_DIGITS, _PREFIXES = 4, 16**4
#: Rows of a row group in a frame that lies range by range: what a reader of one range may read in vain at each end.
GROUP_ROWS = 25_000
#: Rows that are dealt out to the ranges at once.
_DEALT_ROWS = 100_000


class Bucket(NamedTuple):
    """The records whose id's first four hex digits are in [low, high)."""

    low: int
    high: int

    def holds(self, record_id: pl.Expr) -> pl.Expr:
        """Whether a record id is of this range.

        Bare comparisons, so that a scan passes over the row groups whose least and greatest ids are outside it.
        """
        above = record_id >= f"{self.low:0{_DIGITS}x}"
        return above if self.high == _PREFIXES else above & (record_id < f"{self.high:0{_DIGITS}x}")


def buckets(row_count: int) -> list[Bucket]:
    """Even ranges that together hold every record id, as many as the rows need; one for a small night."""
    count = min(max(1, math.ceil(row_count / ROWS)), _PREFIXES)
    return [Bucket(n * _PREFIXES // count, (n + 1) * _PREFIXES // count) for n in range(count)]


def lay_by_range(source: Path, target: Path, row_count: int, folder: Path) -> None:
    """Copy a file of records so that each range of `buckets` lies together, its rows in the order that they had.

    Two passes, however many ranges there are: whoever reads a range then reads little else.

    Args:
        source: with a column record_id.
        target: what is written.
        row_count: rows of the source.
        folder: for files of single ranges, which are deleted.
    """
    ranges = buckets(row_count)
    if len(ranges) == 1:
        os.replace(source, target)
        return
    parts = [folder / f"range-{bucket.low:05d}.parquet" for bucket in ranges]
    with pq.ParquetFile(source) as whole, ExitStack() as writers:
        schema = whole.schema_arrow
        dealt = [
            writers.enter_context(pq.ParquetWriter(part, schema, compression="lz4", use_dictionary=False))
            for part in parts
        ]
        for batch in whole.iter_batches(batch_size=_DEALT_ROWS):
            rows = pl.DataFrame(batch)
            for bucket, writer in zip(ranges, dealt, strict=True):
                some = rows.filter(bucket.holds(pl.col("record_id")))
                writer.write_table(some.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema))
    pl.scan_parquet(parts, glob=False, hive_partitioning=False).sink_parquet(target, row_group_size=GROUP_ROWS)
    for part in parts:
        part.unlink()
