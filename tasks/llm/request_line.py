"""One comment as one line of Bedrock's batch input, byte for byte the same every time."""

from __future__ import annotations

import hashlib

import orjson

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


class RequestTemplate:
    """A request line with everything but the record id and the comment rendered once.

    A body holds the escaped comment exactly once, as JSON text, so a line is five pieces put together: some two
    microseconds a record where rendering the whole body takes thirty.
    """

    def __init__(self, family: Family, prompt: Prompt) -> None:
        body = orjson.dumps(family.body(prompt, _MARK))
        if body.count(_MARK.encode()) != 1:
            raise ValueError(f"a {family.name} body must hold the comment exactly once")
        before, after = body.split(_MARK.encode())
        self._middle = b'","modelInput":' + before
        self._end = after + b"}\n"

    def line(self, record_id: str, comment: str) -> bytes:
        """The line for one record, with its line end."""
        return _START + record_id.encode() + self._middle + comment_json(comment) + self._end

    def comment_of(self, record_id: str, line: bytes) -> str:
        """The comment that a line asks about; the whole text, of a line that has no comment marked."""
        start = _START + record_id.encode() + self._middle
        if line.startswith(start) and line.endswith(self._end):
            text: str = orjson.loads(b'"' + line[len(start) : -len(self._end)] + b'"')
            return prompts.unescape(text)
        return prompts.unescape(line.decode())

    @property
    def shape(self) -> str:
        """Hash of the request with everything but the comment, lower hex."""
        return hashlib.sha256(self._middle + self._end).hexdigest()

    @property
    def constant_bytes(self) -> int:
        """Bytes of a line beside the comment's own, for a record id of 32 characters."""
        return len(self.line("0" * 32, ""))
