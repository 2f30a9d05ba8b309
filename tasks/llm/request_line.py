"""One comment as one line of Bedrock's batch input, byte for byte the same every time."""

from __future__ import annotations

import hashlib
from itertools import chain, repeat
from typing import Any, NamedTuple

import orjson
import polars as pl

import prompts
from prompts import Prompt
from tasks.llm.families.base import Family

#: Stands for the comment while the constant part of a line is made; no escaping touches it.
_MARK = "COMMENT-GOES-HERE"

_START = b'{"recordId":"'

#: What JSON lets stand as it is and some readers of lines take for a line end: U+0085, U+2028, U+2029.
_LINE_ENDS = tuple((sign.encode(), f"\\u{ord(sign):04x}".encode()) for sign in "\x85\u2028\u2029")


def comment_json(comment: str) -> bytes:
    """The escaped comment as it stands within a line's JSON text: on one line, whatever reads it."""
    text = orjson.dumps(prompts.escape(comment))[1:-1]
    for sign, escaped in _LINE_ENDS:
        text = text.replace(sign, escaped)
    return text


def _escapes() -> dict[str, str]:
    """What `comment_json` makes of each character that it does not leave as it is."""
    signs = [*map(chr, range(0x20)), *'"\\&<>', *(sign.decode() for sign, _ in _LINE_ENDS)]
    return {sign: comment_json(sign).decode() for sign in signs}


_ESCAPES = _escapes()


def comments_json(comments: pl.Expr) -> pl.Expr:
    """`comment_json` of a column: string -> string of the same bytes, null for null."""
    return comments.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))


class Echo(NamedTuple):
    """An output line, taken apart where it repeats its request.

    Attributes:
        record_id: of the request.
        comment: as it was asked about.
        rest: what the line says beside the echo, a JSON object.
    """

    record_id: str
    comment: str
    rest: bytes


class RequestTemplate:
    """A request line with everything but the record id and the comment rendered once.

    A body holds the escaped comment exactly once, as JSON text, so a line is five pieces put together: some two
    microseconds a record where rendering the whole body takes thirty.
    """

    def __init__(self, family: Family, prompt: Prompt) -> None:
        body = orjson.dumps(family.body(prompt, _MARK))
        if body.count(_MARK.encode()) != 1:
            raise ValueError(f"a {family.name} body must hold the comment exactly once")
        before, self._after = body.split(_MARK.encode())
        self._middle = b'","modelInput":' + before
        self._end = self._after + b"}\n"

    def line(self, record_id: str, comment: str) -> bytes:
        """The line for one record, with its line end."""
        return self.around(record_id, comment_json(comment))

    def around(self, record_id: str, inner: bytes) -> bytes:
        """The line around what is asked about, which is JSON text by now."""
        return _START + record_id.encode() + self._middle + inner + self._end

    def lines(self, records: pl.DataFrame) -> bytes:
        """The lines of many records, one after another; no step of Python's own is taken for each.

        Columns: record_id, text.
        """
        rendered = records.select(pl.col("record_id").cast(pl.Binary), comments_json(pl.col("text")).cast(pl.Binary))
        ids, comments = (column.to_list() for column in rendered)
        parts = zip(repeat(_START), ids, repeat(self._middle), comments, repeat(self._end), strict=False)
        return b"".join(chain.from_iterable(parts))

    def comment_of(self, record_id: str, line: bytes, *, is_plain: bool = False) -> str:
        """The comment that a line asks about; the whole text, of a line that has no comment marked.

        Args:
            is_plain: leave it escaped, as it stands in the prompt.
        """
        start = _START + record_id.encode() + self._middle
        if line.startswith(start) and line.endswith(self._end):
            text: str = orjson.loads(b'"' + line[len(start) : -len(self._end)] + b'"')
            return text if is_plain else prompts.unescape(text)
        return line.decode() if is_plain else prompts.unescape(line.decode())

    def read_echo(self, line: bytes) -> Echo | None:
        """An output line that begins with its request byte for byte, so that nine tenths of it need no decoding.

        None for any other line, however it says the same. What is returned is what reading the whole line as JSON
        gives: before and after the comment stand the template's own bytes, no comment holds the quotation mark that
        ends it, and the comment and the rest are each read as JSON.
        """
        quote = line.find(b'"', len(_START))
        begin = quote + len(self._middle)
        if not line.startswith(_START) or not line.startswith(self._middle, quote):
            return None
        end = line.find(self._after, begin)
        rest = end + len(self._after)
        if end < 0 or line[rest : rest + 1] != b",":
            return None
        record_id, comment = line[len(_START) : quote], _string(line[begin:end])
        if comment is None or not record_id.isalnum():
            return None
        return Echo(record_id.decode(), prompts.unescape(comment), b"{" + line[rest + 1 :])

    def comment_in(self, body: Any) -> str | None:
        """The comment in a `modelInput` as this template makes it, None in any other."""
        rendered = b'","modelInput":' + orjson.dumps(body)
        if not rendered.startswith(self._middle) or not rendered.endswith(self._after):
            return None
        comment = _string(rendered[len(self._middle) : -len(self._after)])
        return None if comment is None else prompts.unescape(comment)

    @property
    def shape(self) -> str:
        """Hash of the request with everything but the comment, lower hex."""
        return hashlib.sha256(self._middle + self._end).hexdigest()

    @property
    def constant_bytes(self) -> int:
        """Bytes of a line beside the comment's own, for a record id of 32 characters."""
        return len(self.line("0" * 32, ""))


def _string(inner: bytes) -> str | None:
    """The string that stands between two quotation marks in JSON, if it is one."""
    try:
        text: str = orjson.loads(b'"' + inner + b'"')
    except orjson.JSONDecodeError:
        return None
    return text
