"""How many rows a published day has, and of which runs they are: in the lake, and in the plain objects beside it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.tables.comments import REJECTED
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.review import REVIEW
from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.base.errors import InputChanged
from tasks.base.paths import lake
from tasks.base.settings import Settings

#: The tables that a night publishes with a plain object each, and the column of NIGHTS that counts their rows; it is
#: null for a night that was published before the table was.
PUBLISHED: tuple[tuple[Table, str], ...] = (
    (VERDICTS, "valid_count"),
    (REJECTED, "rejected_count"),
    (REVIEW, "review_count"),
    (FLIPS, "flip_count"),
)
#: What `count_plain` raises, beside our own errors, for an object that is no Parquet of ours.
UNREADABLE = (pa.ArrowInvalid, OSError, ValueError)


class Rows(NamedTuple):
    """How many rows a day has somewhere, and of which runs they are."""

    row_count: int
    run_ids: frozenset[str]


def is_as_published(rows: Rows, run_id: str, expected_count: int, erased_count: int) -> bool:
    """Whether a day has the rows that its night published; comments that were erased since may be lacking."""
    return rows.run_ids <= {run_id} and expected_count - erased_count <= rows.row_count <= expected_count


def count_lake(outside: Adapters, settings: Settings, table: Table, days: Collection[date]) -> dict[date, Rows]:
    """The rows of each day in the lake; one small column is read."""
    scan = outside.lake.scan(lake(settings, table.name), table).filter(pl.col("date").is_in(list(days)))
    counts = scan.group_by("date", "run_id").len().collect(engine="streaming")
    rows = {day: Rows(0, frozenset()) for day in days}
    for day, run_id, count in counts.iter_rows():
        rows[day] = Rows(rows[day].row_count + count, rows[day].run_ids | {run_id})
    return rows


def count_plain(storage: Storage, uri: str) -> Rows | None:
    """What the footer of a plain object says: it is small, and the object may be large. None if it is not there.

    Raises:
        UNREADABLE: if it is no Parquet with a run_id.
    """
    try:
        with storage.open(uri) as file:
            parquet = pq.ParquetFile(file).metadata
    except InputChanged:
        return None
    column = parquet.schema.names.index("run_id")
    groups = (parquet.row_group(number).column(column).statistics for number in range(parquet.num_row_groups))
    with_ends = [group for group in groups if group is not None and group.has_min_max]
    return Rows(parquet.num_rows, frozenset(str(end) for group in with_ends for end in (group.min, group.max)))
