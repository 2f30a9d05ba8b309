"""A table of three columns, enough to try the lake with."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pyarrow as pa

from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table

THINGS = Table(
    name="things",
    meaning="Things that happened.",
    columns=(
        Column("id", pl.String(), "The thing."),
        Column("date", pl.Date(), "Its day."),
        Column("at", UTC_MICROSECONDS, "When."),
        Column("attempt", pl.Int32(), "Which attempt."),
        Column("score", pl.Float64(), "How much.", nullable=True),
    ),
)


DAY, NEXT_DAY = date(2026, 11, 19), date(2026, 11, 20)


NOTE = {"run_id": "run-1"}


def things(day: date, *ids: str) -> pl.DataFrame:
    rows = [{"id": name, "date": day, "at": AT, "attempt": 1, "score": None} for name in ids]
    return pl.DataFrame(rows, schema=THINGS.polars_schema)


def batches(frame: pl.DataFrame, table: Table = THINGS) -> list[pa.RecordBatch]:
    found: list[pa.RecordBatch] = frame.to_arrow().cast(table.arrow_schema).to_batches()
    return found


AT = datetime(2026, 11, 19, 12, 30, 0, 123456, tzinfo=UTC)
