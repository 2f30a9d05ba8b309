"""One comment as one line of Bedrock's batch input, byte for byte the same every time."""

from __future__ import annotations

import orjson

import prompts
from prompts import Prompt
from tasks.families.base import Family

#: Stands for the comment while the constant part of a line is made; no escaping touches it.
_MARK = "COMMENT-GOES-HERE"


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
        text = orjson.dumps(prompts.escape(comment))[1:-1]
        return b'{"recordId":"' + record_id.encode() + self._middle + text + self._end

    @property
    def constant_bytes(self) -> int:
        """Bytes of a line beside the comment's own, for a record id of 32 characters."""
        return len(self.line("0" * 32, ""))
