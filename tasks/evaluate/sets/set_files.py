"""Files of labelled comments, CSV, JSON lines or Parquet, read row by row; what is wrong names file and line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from data_contracts.tables.evaluation_sets import ItemSource, Split
from tasks.base.errors import BadRows, WrongUsage
from tasks.base.safe_text import brief
from tasks.labels.exchange.forms import BadPlace, Contents, Given, lacking
from tasks.labels.exchange.row_forms import read_jsonl, read_parquet

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
        except BadPlace as error:
            faults.append(f"{path} {error}")
    if faults:
        raise BadRows(faults)
    if not items:
        raise BadRows([f"{', '.join(map(str, files))}: there is no row"])
    return items


def _rows(path: Path) -> Sequence[Given]:
    readers: dict[str, Callable[[bytes], Contents]] = {
        ".csv": _read_csv,
        ".jsonl": partial(read_jsonl, needed=NEEDED),
        ".ndjson": partial(read_jsonl, needed=NEEDED),
        ".parquet": partial(read_parquet, read=(*NEEDED, *OPTIONAL), needed=NEEDED),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise WrongUsage(f"{path}: its name must end in .csv, .jsonl or .parquet")
    try:
        return reader(path.read_bytes()).rows
    except OSError as error:
        raise WrongUsage(f"{path}: {error.strerror}") from None


def _read_csv(body: bytes) -> Contents:
    """UTF-8 with a header, commas and full rows: no guessing, unlike what raters' spreadsheets may send.

    Raises:
        BadPlace: if it is not that, or a column is missing.
    """
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(_text(body), newline=""), strict=True)
    names, given, last = list[str](), list[Given](), 0
    while True:
        place = f"line {last + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise BadPlace(f"{place}: {error}") from None
        last = reader.line_num
        if not names:
            names = [cell.strip().lower() for cell in cells]
            if fault := lacking(set(names), NEEDED):
                raise BadPlace(f"{place}: {fault}")
        elif any(cell.strip() for cell in cells):
            if len(cells) != len(names):
                raise BadPlace(f"{place}: {len(cells)} cells, and the header has {len(names)}")
            given.append(Given(place, {name: cell or None for name, cell in zip(names, cells, strict=True)}))
    if not names:
        raise BadPlace("line 1: the file is empty")
    return Contents(tuple(given))


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise BadPlace(f"line {line}: it is not UTF-8: save it as 'CSV UTF-8'") from None


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
