"""The tasks as JSON lines and as Parquet, for scripts and notebooks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.tables.table import UTC_MICROSECONDS
from tasks.labels.exchange.forms import COLUMNS, NEEDED, BadPlace, Contents, Given, Task, lacking

_SCHEMA = dict.fromkeys(COLUMNS, pl.String()) | {
    "date": pl.Date(),
    "violation": pl.Boolean(),
    "labeled_at": UTC_MICROSECONDS,
}
#: What an answer may say; texts and notes are not taken back.
_READ = tuple(name for name in (*COLUMNS, "source") if name not in ("text", "note"))


def write_jsonl(tasks: Sequence[Task]) -> bytes:
    """An object a line, with every column."""
    empty = dict.fromkeys(COLUMNS)
    lines = (
        json.dumps(empty | task._asdict() | {"date": str(task.date)}, ensure_ascii=False, separators=(",", ":"))
        for task in tasks
    )
    return "".join(f"{line}\n" for line in lines).encode()


def read_jsonl(body: bytes, needed: Sequence[str] = NEEDED) -> Contents:
    """Objects, one a line, each with the needed keys; blank lines are passed over.

    Raises:
        BadPlace: at the first line that is no object, or lacks a column.
    """
    given = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip(b" \t\r\xef\xbb\xbf"):
            continue
        try:
            found = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise BadPlace(f"line {number}: it is no UTF-8") from None
        except ValueError as error:
            raise BadPlace(f"line {number}: it is no JSON ({error})") from None
        if not isinstance(found, dict):
            raise BadPlace(f"line {number}: it is no JSON object")
        if fault := lacking(set(found), needed):
            raise BadPlace(f"line {number}: {fault}")
        given.append(Given(f"line {number}", found))
    return Contents(tuple(given))


def write_parquet(tasks: Sequence[Task]) -> bytes:
    """The columns with types of their own: date, text, boolean, time."""
    rows = [dict.fromkeys(COLUMNS) | task._asdict() for task in tasks]
    body = BytesIO()
    pq.write_table(pl.DataFrame(rows, schema=_SCHEMA).to_arrow(compat_level=pl.CompatLevel.oldest()), body)
    return body.getvalue()


def read_parquet(body: bytes, read: Sequence[str] = _READ, needed: Sequence[str] = NEEDED) -> Contents:
    """Rows by their number, from 1; of the columns those in `read`, where they are there.

    Raises:
        BadPlace: if it is no Parquet file, or lacks a column.
    """
    try:
        with pq.ParquetFile(BytesIO(body)) as file:
            names = file.schema_arrow.names
            if fault := lacking(set(names), needed):
                raise BadPlace(f"row 1: {fault}")
            rows = file.read(columns=[name for name in read if name in names]).to_pylist()
    except (pa.ArrowException, OSError, LookupError) as error:
        raise BadPlace(f"row 1: it is no readable Parquet file ({type(error).__name__})") from None
    return Contents(tuple(Given(f"row {number}", row) for number, row in enumerate(rows, start=1)))
