"""The tasks as CSV for spreadsheets, and whatever a spreadsheet makes of it.

UTF-8 with a byte order mark, or Excel takes Japanese for something else; every cell in quotes, texts as they are. To a
spreadsheet that opens the file by a double click a text that begins with = is a formula, in quotes or not. Nothing is
put before it all the same: raters would judge another text, and programs would read one. docs/labels.md says how to
open it as text. On the way back texts are not read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.labels.exchange.forms import COLUMNS, BadPlace, Contents, Given, Task, lacking

_DELIMITERS = (",", ";", "\t")
#: A comment may have any length that the settings allow; Python's reader stops at 131,072 characters by itself.
_LONGEST_CELL = 2**31 - 1
_AS_SHIFT_JIS = (
    "it is no UTF-8 and was read as Shift-JIS, as Excel saves plain CSV in Japan: choose 'CSV UTF-8' next time, "
    "letters that Shift-JIS lacks are lost"
)


def write_csv(tasks: Sequence[Task]) -> bytes:
    """The tasks with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, quoting=csv.QUOTE_ALL, restval="")
    writer.writeheader()
    for task in tasks:
        writer.writerow(task._asdict())
    return text.getvalue().encode("utf-8-sig")


def read_csv(body: bytes) -> Contents:
    """Whatever a spreadsheet saves: commas, semicolons or tabs; UTF-8 or UTF-16 with or without mark; Shift-JIS.

    Raises:
        BadPlace: if it is no such thing, or a column is missing.
    """
    text, notices = _decoded(body)
    rows = _records(text)
    first = next(rows, None)
    if first is None:
        raise BadPlace("line 1: the file is empty")
    names = [name.strip().lower() for name in first[1]]
    if fault := lacking(set(names)):
        raise BadPlace(f"line 1: {fault}")
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise BadPlace(f"line 1: column {twice[0]} stands there twice")
    given = []
    for place, cells in rows:
        if any(cell.strip() for cell in cells):
            if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                raise BadPlace(f"{place}: {len(cells)} cells, and the header has {len(names)}")
            given.append(Given(place, _values(names, cells)))
    return Contents(tuple(given), notices=notices)


def _values(names: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    return {name: cell or None for name, cell in zip(names, cells, strict=False)}


def _records(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each record with the line where it begins; where texts have line breaks, with the row that a spreadsheet shows.

    The header decides what cells are divided by: its names hold none of the signs.
    """
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    csv.field_size_limit(_LONGEST_CELL)
    reader, last, row = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 0, 0
    while True:
        line, row = last + 1, row + 1
        place = f"line {line}" if line == row else f"line {line} (row {row})"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadPlace(f"{place}: {error}") from None
        last = reader.line_num
        yield place, cells


def _decoded(body: bytes) -> tuple[str, tuple[str, ...]]:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return body.decode("utf-16"), ()
        except UnicodeDecodeError:
            raise BadPlace("line 1: it begins as UTF-16 and is none") from None
    try:
        return body.decode("utf-8-sig"), ()
    except UnicodeDecodeError as broken:
        try:
            return body.decode("cp932"), (_AS_SHIFT_JIS,)
        except UnicodeDecodeError:
            line = body[: broken.start].count(b"\n") + 1
            raise BadPlace(f"line {line}: it is neither UTF-8 nor Shift-JIS: save it as 'CSV UTF-8'") from None
