"""A day's flips as rows, and what they are flips from: the verdicts that readers had before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from data_contracts.tables.flips import FLIPS
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from tasks.adapters import Adapters
from tasks.base.paths import DayPaths
from tasks.ledger.nights import published_runs
from tasks.verdicts.flips import flip_rows

#: Verdicts of each side in memory at a time; every range is one more pass over both sides.
_RANGE_ROWS = 1_000_000


def ranges(row_count: int) -> Iterator[pl.Expr]:
    """Filters that split comments by a hash of their ids, so that a range of either side fits into memory."""
    range_count = max(1, math.ceil(row_count / _RANGE_ROWS))
    for number in range(range_count):
        yield pl.col("comment_id").hash(seed=1) % range_count == number


def write_flips(before: pl.LazyFrame, after: pl.LazyFrame, row_count: int, run_date: date, target: Path) -> int:
    """Write the rows of FLIPS to a file, range by range, and count them; `row_count` is that of the longer side."""
    count = 0
    with pq.ParquetWriter(target, FLIPS.arrow_schema, compression="zstd") as writer:
        for in_range in ranges(row_count):
            rows = flip_rows(before.filter(in_range), after.filter(in_range), run_date).collect(engine="streaming")
            writer.write_table(rows.sort("comment_id").to_arrow().cast(FLIPS.arrow_schema))
            count += rows.height
    return count


def published_verdicts(outside: Adapters, paths: DayPaths) -> pl.LazyFrame:
    """The verdicts that the day was last published with; no rows if it never was.

    A run that was killed after it had replaced them left its own in the table: what readers were told before is then
    an earlier version. Where an erasure has deleted that one, the present rows stand for it.
    """
    uri, day = paths.lake(VERDICTS.name), pl.col("date") == paths.run_date
    present = outside.lake.scan(uri, VERDICTS).filter(day)
    published_by = published_runs(
        outside.lake.read(paths.lake(NIGHTS.name), NIGHTS), paths.run_date, paths.run_date
    ).get(paths.run_date)
    if published_by is None or present.filter(pl.col("run_id") != published_by).limit(1).collect().is_empty():
        return present
    for commit in reversed(outside.lake.commits(uri)):
        if commit.note.get("run_date") != str(paths.run_date):
            continue
        stored = {item.uri.rsplit("/", 1)[-1] for item in outside.storage.list(paths.lake_day(VERDICTS.name))}
        if not outside.lake.day_files(uri, paths.run_date, commit.version) <= stored:
            break
        earlier = outside.lake.scan_at(uri, VERDICTS, commit.version).filter(day)
        if earlier.select("run_id").unique().collect()["run_id"].to_list() == [published_by]:
            return earlier
    return present
