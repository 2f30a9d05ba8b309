"""What a table promises: its columns, their types, whether they may be null, what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import polars as pl
import pyarrow as pa

UTC_MICROSECONDS = pl.Datetime("us", "UTC")
FIRST_VERSION = "0.1.0"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its name, fixed for every reader.
        dtype: its polars type.
        meaning: one sentence for the person who queries it.
        nullable: whether null is a legal value, and then `null_when` says when.
        unit: what one unit of the value is, where it has one.
        null_when: when the value is null, as the end of "null when ..." .
        since: the first version that wrote it; earlier days have null.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    nullable: bool = False
    unit: str | None = None
    null_when: str | None = None
    since: str = FIRST_VERSION


@dataclass(frozen=True)
class Table:
    """A named, ordered set of columns, and the key that makes a row unique.

    `key` is unique within a day, or in the whole table where it holds `date`. A table never changes, so its schemas are
    made once: a night asks for them some hundred times.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    @cached_property
    def polars_schema(self) -> pl.Schema:
        """The polars schema, in column order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema with nullability, as it is written to Parquet and Delta."""
        empty = self._empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        return pa.schema(
            pa.field(column.name, _plain(empty.field(column.name).type), nullable=column.nullable)
            for column in self.columns
        )

    def empty(self) -> pl.DataFrame:
        """A frame with every column and no row."""
        return self._empty.clone()

    @cached_property
    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.polars_schema)

    def widen(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Add the nullable columns that a frame of an earlier version lacks, as nulls."""
        present = set(frame.collect_schema())
        return frame.with_columns(
            pl.lit(None, dtype=column.dtype).alias(column.name)
            for column in self.columns
            if column.nullable and column.name not in present
        )

    def conform(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Keep this table's columns, in order and cast to their types.

        Raises:
            polars.exceptions.ColumnNotFoundError: when collected, if a column is missing.
        """
        return frame.select(pl.col(column.name).cast(column.dtype) for column in self.columns)


def _plain(dtype: pa.DataType) -> pa.DataType:
    """Arrow's small string type, which every Parquet and Delta reader knows."""
    return pa.string() if pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype) else dtype
