"""Where a comment can still be read: in raw bytes, in the rows of Parquet files, in the lines of batch files.

Ids and texts are looked for in every spelling that this project writes: plain, inside JSON, escaped for a prompt or a
page. The same words may be somebody else's too, so a text counts only where no other comment's id stands beside it.
"""

from __future__ import annotations

import html
import json
import mmap
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

import prompts
from tasks.llm.request_line import comment_json

#: A shorter text is not looked for by itself: pages and reports say such words too.
MIN_TEXT_BYTES = 16
#: A shorter id is not looked for in a Parquet file's raw bytes, where compressed data makes any short run by chance.
MIN_RAW_ID_BYTES = 8

_BATCH_ROWS = 50_000
#: Columns that say whose a row is.
ID_COLUMNS = ("comment_id", "record_id", "judged_as")
#: What an id may be part of without being meant.
_WORD = rb"[0-9A-Za-z_-]"


class Sought(BaseModel):
    """One comment as it may stand anywhere: its id, the ids of its records by day, and its texts as far as known."""

    model_config = ConfigDict(frozen=True)

    comment_id: str
    record_ids: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    #: of requests that it was asked in with others: of batch files alone, elsewhere they stand for the others too
    pack_ids: frozenset[str] = frozenset()

    @property
    def ids(self) -> frozenset[str]:
        """Every id that the comment goes by."""
        return self.record_ids | {self.comment_id}

    @cached_property
    def long_texts(self) -> list[str]:
        """The texts that are long enough to be looked for."""
        return sorted(text for text in self.texts if len(text.encode()) >= MIN_TEXT_BYTES)

    @cached_property
    def id_pattern(self) -> re.Pattern[bytes]:
        """An id that is no part of a longer one."""
        return re.compile(b"(?<!%b)(?:%b)(?!%b)" % (_WORD, _any(self.ids), _WORD))

    @cached_property
    def pack_pattern(self) -> re.Pattern[bytes] | None:
        """The id of a request that it was asked in with others."""
        return re.compile(_any(self.pack_ids)) if self.pack_ids else None

    @cached_property
    def raw_id_pattern(self) -> re.Pattern[bytes] | None:
        """The same of the ids that are long enough for raw bytes."""
        long_ids = [one for one in self.ids if len(one.encode()) >= MIN_RAW_ID_BYTES]
        return re.compile(b"(?<!%b)(?:%b)(?!%b)" % (_WORD, _any(long_ids), _WORD)) if long_ids else None

    @cached_property
    def text_pattern(self) -> re.Pattern[bytes] | None:
        """A text."""
        return re.compile(_any(self.long_texts)) if self.long_texts else None


def spellings(value: str) -> set[bytes]:
    """How a value looks in the files: as it is, in JSON and in JSON inside JSON, with and without escaped tags."""
    spelt = set[bytes]()
    for plain in {value, prompts.escape(value), html.escape(value)}:
        inner = orjson.dumps(plain)[1:-1]
        spelt |= {plain.encode(), inner, orjson.dumps(inner.decode())[1:-1], json.dumps(plain)[1:-1].encode()}
    return spelt | {comment_json(value)}


def count_traces(path: Path, name: str, sought: Sought) -> int:
    """How many rows, lines or places of a local file still hold the comment.

    Args:
        name: the object's name, whose ending says what kind of file it is.
    """
    if path.stat().st_size == 0:
        return 0
    if name.endswith(".parquet"):
        return _in_parquet(path, sought)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
        by_id = sum(1 for _ in sought.id_pattern.finditer(body))
        if name.endswith((".jsonl", ".jsonl.out")) and sought.pack_pattern is not None:
            by_id += sum(1 for _ in sought.pack_pattern.finditer(body))
        if by_id or sought.text_pattern is None or sought.text_pattern.search(body) is None:
            return by_id
    if name.endswith((".jsonl", ".jsonl.out")):
        return _in_lines(path, sought, sought.text_pattern)
    return 1


def _any(values: Iterable[str]) -> bytes:
    every = {spelling for value in values for spelling in spellings(value)}
    return b"|".join(re.escape(spelling) for spelling in sorted(every, key=lambda each: (-len(each), each)))


def _in_lines(path: Path, sought: Sought, pattern: re.Pattern[bytes]) -> int:
    """Lines with the text, but for those that another record's id stands in."""
    with path.open("rb") as file:
        return sum(1 for line in file if pattern.search(line) and not _is_of_another(line, sought))


def _is_of_another(line: bytes, sought: Sought) -> bool:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    record = document.get("recordId") if isinstance(document, dict) else None
    return isinstance(record, str) and record not in sought.record_ids


def _in_parquet(path: Path, sought: Sought) -> int:
    """Rows with an id or the text; if no row has any, places in the raw bytes: footers keep smallest and largest."""
    own = others = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            for is_mine in _rows(batch, sought):
                own, others = own + is_mine, others + (not is_mine)
    if own:
        return own
    patterns = [sought.raw_id_pattern, None if others else sought.text_pattern]
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as body:
        return sum(1 for pattern in patterns if pattern for _ in pattern.finditer(body))


def _rows(batch: pa.RecordBatch, sought: Sought) -> Iterator[bool]:
    """Whether it is the comment's own, for each row that has an id or the text of the comment in any column."""
    strings, nested = [], []
    for field in batch.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            strings.append(field.name)
        elif pa.types.is_nested(kind):
            nested.append(field.name)
    if nested:  # a table's checkpoint: few rows, whose statistics are JSON in structs in maps
        yield from (True for row in batch.select(nested).to_pylist() if _says(row, sought))
    if not strings:
        return
    frame = pl.DataFrame(batch.select(strings)).cast(pl.String)
    needles = sorted(needle for value in (*sought.ids, *sought.long_texts) for needle in _plain_spellings(value))
    near = frame.filter(pl.any_horizontal(pl.all().str.contains_any(needles)))
    for row in near.iter_rows(named=True):
        values = [value.encode() for value in row.values() if value]
        if any(map(sought.id_pattern.search, values)):
            yield True
        elif sought.text_pattern and any(map(sought.text_pattern.search, values)):
            yield all(row.get(name) is None for name in ID_COLUMNS)


def _plain_spellings(value: str) -> set[str]:
    return {spelling.decode() for spelling in spellings(value)}


def _says(row: dict[str, Any], sought: Sought) -> bool:
    body = json.dumps(row, default=str, ensure_ascii=False).encode()
    return bool(sought.id_pattern.search(body) or (sought.text_pattern and sought.text_pattern.search(body)))
