"""Rows that repeat an earlier one under some key, found without holding the day in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

#: What decides which of several equal rows is the first.
ORDER = ("posted_at", "source_object", "source_row")


def find_repeats(rows: pl.LazyFrame, key: str, keep: tuple[str, ...] = ()) -> pl.DataFrame:
    """Every row but the lowest (posted_at, source_object, source_row) of each key.

    Two passes: the first sorts 64-bit hashes of the key and keeps those seen more than once (16 bytes a row, where a
    streaming group_by took 160), the second looks only at rows with such a hash, by the key itself, so a collision
    costs time and decides nothing.

    Columns: key, posted_at, source_object, source_row, record_id and those to `keep` -> the same plus
    first_record_id, the record_id of the row that stands for it.
    """
    hashed = pl.col(key).hash(seed=0)
    hashes = np.sort(rows.select(hashed).collect(engine="streaming").to_series().to_numpy())
    suspects = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    return (
        rows.select(key, *ORDER, "record_id", *keep)
        .filter(hashed.map_batches(lambda some: _among(some, suspects), pl.Boolean, is_elementwise=True))
        .collect(engine="streaming")
        .sort(key, *ORDER)
        .with_columns(first_record_id=pl.col("record_id").first().over(key))
        .filter(pl.int_range(pl.len()).over(key) > 0)
    )


def _among(values: pl.Series, wanted: npt.NDArray[np.uint64]) -> pl.Series:
    """Whether each value stands in a sorted array."""
    if not wanted.size:
        return pl.Series(values.name, np.zeros(len(values), dtype=bool))
    nearest = wanted[np.minimum(np.searchsorted(wanted, values.to_numpy()), wanted.size - 1)]
    return pl.Series(values.name, nearest == values.to_numpy())


def find_duplicates(valid: pl.LazyFrame) -> pl.DataFrame:
    """Comments whose text another comment, the first of its kind, is judged for.

    Columns: text_sha256, posted_at, source_object, source_row, record_id -> record_id, judged_as (the record_id of the
    lowest posted_at, object, row with that text).
    """
    return find_repeats(valid, "text_sha256").select("record_id", judged_as="first_record_id")
