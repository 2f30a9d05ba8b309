"""A pack: several comments in one request, each in a place of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson
import polars as pl

import prompts
from data_contracts.batch_lines import slot_names
from prompts import PackPrompt
from tasks.llm.families.base import Family
from tasks.llm.request_line import RequestTemplate, comment_json

#: No comment holds one of these signs: all of them are escaped.
_COMMENT = re.compile(r'<comment id="s\d\d">\n([^<>]*)\n</comment>')


def _json(text: str) -> str:
    """The text as it stands between quotation marks in JSON."""
    return orjson.dumps(text)[1:-1].decode()


#: Between a comment's text and the next comment.
_CLOSE = _json("\n</comment>\n")
#: Bytes that a place adds to a line, beside its comment.
PLACE_BYTES = len(_json('<comment id="s01">\n')) + len(_CLOSE)


class PackTemplate(RequestTemplate):
    """A request line for so many comments, with everything but the record id and the comments rendered once."""

    def __init__(self, family: Family, prompt: PackPrompt) -> None:
        super().__init__(family, prompt)
        self.size = prompt.size
        self._openings = [_json(f'<comment id="{slot}">\n') for slot in slot_names(prompt.size)]

    @property
    def shared_bytes(self) -> int:
        """Bytes of a line beside the comments and their places, for a record id of 32 characters."""
        return self.constant_bytes - self.size * PLACE_BYTES

    def line(self, record_id: str, comment: str) -> bytes:
        """A line with one comment in the first place and nothing in the others: what is counted."""
        return self.pack_line(record_id, [comment, *[""] * (self.size - 1)])

    def pack_line(self, record_id: str, comments: Sequence[str]) -> bytes:
        """The line for a pack, with its line end."""
        return self._line(record_id, [comment_json(comment).decode() for comment in comments])

    def lines(self, records: pl.DataFrame) -> bytes:
        """The lines of whole packs, their comments one after another in their places.

        Columns: record_id (of the pack), text.
        """
        ids, texts = records["record_id"].to_list(), [comment_json(text).decode() for text in records["text"]]
        return b"".join(
            self._line(ids[first], texts[first : first + self.size]) for first in range(0, len(ids), self.size)
        )

    def comments_of(self, record_id: str, line: bytes) -> list[str]:
        """The comments that a line asks about, in order of their places."""
        return [prompts.unescape(text) for text in _COMMENT.findall(self.comment_of(record_id, line, is_plain=True))]

    def _line(self, record_id: str, comments: Sequence[str]) -> bytes:
        parts = zip(self._openings, comments, strict=True)
        inner = _CLOSE.join(opening + comment for opening, comment in parts) + _CLOSE.removesuffix("\\n")
        return self.around(record_id, inner.encode())
