"""Files of labelled comments, CSV, JSON lines or Parquet, read row by row; what is wrong names file and line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.tables.evaluation_sets import ItemSource, Split
from tasks.base.errors import BadRows, WrongUsage
from tasks.base.safe_text import brief

NEEDED = ("text", "violation", "category")
OPTIONAL = (
    "item_id",
    "language",
    "source",
    "stratum",
    "weight",
    "cluster",
    "split",
    "posted_at",
    "comment_id",
    "date",
)
_NO_CATEGORY = "none"
_Choice = TypeVar("_Choice", bound=StrEnum)


class Item(NamedTuple):
    """A labelled comment as a file has it; None where the file leaves something to us."""

    text: str
    violation: bool
    category: str
    item_id: str | None
    language: str | None
    source: ItemSource | None
    stratum: str | None
    weight: float | None
    cluster: str | None
    split: Split | None
    posted_at: datetime | None
    comment_id: str | None
    date: date | None


def read_items(files: Sequence[Path], categories: Collection[str]) -> list[Item]:
    """The items of all files, in order.

    Args:
        files: at least one; by their names CSV (UTF-8, with a header), JSON lines or Parquet.
        categories: of the prompt.

    Raises:
        BadRows: naming file and line (from 1, the header included) of each row that cannot be taken.
        WrongUsage: if there is no such file, or its name says no form.
    """
    items, faults = list[Item](), list[str]()
    for path in files:
        try:
            for place, values in _rows(path):
                try:
                    items.append(_item(values, categories))
                except ValueError as error:
                    faults.append(f"{path} {place}: {error}")
        except _Unreadable as error:
            faults.append(f"{path} {error}")
    if faults:
        raise BadRows(faults)
    if not items:
        raise BadRows([f"{', '.join(map(str, files))}: there is no row"])
    return items


class _Unreadable(ValueError):
    """A place in a file that cannot be read."""


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows, ".parquet": _parquet_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise WrongUsage(f"{path}: its name must end in .csv, .jsonl or .parquet")
    try:
        body = path.read_bytes()
    except OSError as error:
        raise WrongUsage(f"{path}: {error.strerror}") from None
    yield from reader(body)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise _Unreadable(f"line {line}: it is not UTF-8: save it as 'CSV UTF-8'") from None


def _csv_rows(body: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(_text(body), newline=""), strict=True)
    names: list[str] | None = None
    last = 0
    while True:
        place = f"line {last + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise _Unreadable(f"{place}: {error}") from None
        last = reader.line_num
        if names is None:
            names = [cell.strip().lower() for cell in cells]
            _check_columns(set(names), place)
        elif any(cell.strip() for cell in cells):
            if len(cells) != len(names):
                raise _Unreadable(f"{place}: {len(cells)} cells, and the header has {len(names)}")
            yield place, {name: cell or None for name, cell in zip(names, cells, strict=True)}
    if names is None:
        raise _Unreadable("line 1: the file is empty")


def _json_rows(body: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(_text(body).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            raise _Unreadable(f"line {number}: it is no JSON ({error})") from None
        if not isinstance(found, dict):
            raise _Unreadable(f"line {number}: it is no JSON object")
        _check_columns(set(found), f"line {number}")
        yield f"line {number}", found


def _parquet_rows(body: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with pq.ParquetFile(BytesIO(body)) as file:
            names = file.schema_arrow.names
            _check_columns(set(names), "row 1")
            rows = file.read(columns=[name for name in (*NEEDED, *OPTIONAL) if name in names]).to_pylist()
    except (pa.ArrowException, OSError, LookupError) as error:
        raise _Unreadable(f"row 1: it is no readable Parquet file ({type(error).__name__})") from None
    yield from ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _check_columns(names: set[str], place: str) -> None:
    if missing := [name for name in NEEDED if name not in names]:
        raise _Unreadable(f"{place}: there is no {', '.join(missing)}; needed are {', '.join(NEEDED)}")


def _item(values: Mapping[str, Any], categories: Collection[str]) -> Item:
    """Raises ValueError with what is wrong with a row."""
    text = values.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("text is empty" if text in (None, "") or isinstance(text, str) else "text is no text")
    violation, category = _violation(values.get("violation")), _word(values, "category")
    if category not in categories:
        raise ValueError(f"category is {brief(category, 40) or 'empty'}, which is none of {', '.join(categories)}")
    if violation == (category == _NO_CATEGORY):
        raise ValueError(f"violation is {str(violation).lower()}, and category is {category}")
    return Item(
        text=text,
        violation=violation,
        category=category,
        item_id=_word(values, "item_id") or None,
        language=_word(values, "language") or None,
        source=_one_of(ItemSource, _word(values, "source"), "source"),
        stratum=_word(values, "stratum") or None,
        weight=_weight(values.get("weight")),
        cluster=_word(values, "cluster") or None,
        split=_one_of(Split, _word(values, "split"), "split"),
        posted_at=_moment(values.get("posted_at")),
        comment_id=_word(values, "comment_id") or None,
        date=_day(values.get("date")),
    )


def _word(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "" if value is None else str(value).strip()


def _violation(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str) else ""
    if word not in ("true", "false"):
        raise ValueError(f"violation is {brief(value, 40) or 'empty'}: write true or false")
    return word == "true"


def _one_of(choices: type[_Choice], word: str, name: str) -> _Choice | None:
    if not word:
        return None
    if word not in set(choices):
        raise ValueError(f"{name} is {brief(word, 40)}, which is none of {', '.join(choices)}")
    return choices(word)


def _weight(value: Any) -> float | None:
    if value in (None, ""):
        return None
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise ValueError(f"weight is {brief(value, 40)}: write a number above 0")
    return weight


def _moment(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"posted_at is {brief(value, 40)}: write it with a zone, as 2026-11-19T09:30:00+09:00")
    return moment


def _day(value: Any) -> date | None:
    if value in (None, ""):
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(f"date is {brief(value, 40)}: write it as 2026-11-19") from None
