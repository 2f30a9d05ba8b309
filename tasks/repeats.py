"""Rows that repeat an earlier one under some key, found without holding the day in memory."""

from __future__ import annotations

import polars as pl

#: What decides which of several equal rows is the first.
ORDER = ("posted_at", "source_object", "source_row")


def find_repeats(rows: pl.LazyFrame, key: str) -> pl.DataFrame:
    """Every row but the lowest (posted_at, source_object, source_row) of each key.

    Two passes: the first groups 64-bit hashes of the key and keeps those seen more than once (some 20 bytes a row), the
    second looks only at rows with such a hash, by the key itself, so a collision costs time and decides nothing.

    Columns: key, posted_at, source_object, source_row, record_id -> the same plus first_record_id, the record_id of
    the row that stands for it.
    """
    hashed = rows.select(key, *ORDER, "record_id", _hash=pl.col(key).hash(seed=0))
    suspects = hashed.group_by("_hash").len().filter(pl.col("len") > 1).select("_hash")
    return (
        hashed.join(suspects, on="_hash", how="semi")
        .drop("_hash")
        .collect(engine="streaming")
        .sort(key, *ORDER)
        .with_columns(first_record_id=pl.col("record_id").first().over(key))
        .filter(pl.int_range(pl.len()).over(key) > 0)
    )
