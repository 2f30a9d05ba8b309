"""One line of a job's output, read: which record it is of, what it says, and the comment that it was said about."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any, NamedTuple

import orjson

from data_contracts.batch_lines import OutputLine
from tasks.llm.answer import Outcome, read_line, read_output
from tasks.llm.families.base import Family
from tasks.llm.pack_answer import PackAnswer, read_pack_line
from tasks.llm.pack_template import PackTemplate
from tasks.llm.request_line import RequestTemplate

#: A line with more objects and lists than this beside its echo takes the long way, which tells whether it can be
#: written again.
_MAX_BRACKETS = 100


class AnswerLine(NamedTuple):
    """A line that could be read.

    Attributes:
        record_id: whatever record it names.
        outcome: what it says.
        has_output: whether the model said anything.
        comment: what it was said about, by the echo; None where the echo is not of this template's requests.
        source: what is compared of several lines for one record, made whole by `said_by` when it is needed.
    """

    record_id: str
    outcome: Outcome
    has_output: bool
    comment: str | None
    source: bytes

    @property
    def said(self) -> bytes:
        """See `said_by`."""
        return said_by(self.source)


def said_by(source: bytes) -> bytes:
    """The bytes by which one of several lines is chosen: output and error, without the echo of the input."""
    if source.startswith(b"["):
        return source
    return _written(orjson.loads(source)["modelOutput"], None)


class LineReader(NamedTuple):
    """Reads the lines of one job.

    Attributes:
        family: how the model's output is read.
        categories: those of the prompt.
        template: of the job's requests; None where their comments are not needed.
        asked: the records that were asked.
    """

    family: Family
    categories: tuple[str, ...]
    template: RequestTemplate | None
    asked: Container[str]

    def read(self, raw: bytes) -> AnswerLine | None:
        """The line, or None if it is no output line at all."""
        return self._read_rest(raw) or self._read_whole(raw)

    def _read_rest(self, raw: bytes) -> AnswerLine | None:
        """The line by what follows its echo, if that is a model's output and nothing else."""
        echo = self.template.read_echo(raw) if self.template else None
        if echo is None or echo.record_id not in self.asked:
            return None
        if echo.rest.count(b"{") + echo.rest.count(b"[") > _MAX_BRACKETS:
            return None
        try:
            rest = orjson.loads(echo.rest)
        except orjson.JSONDecodeError:
            return None
        output = rest.get("modelOutput")
        if len(rest) != 1 or not isinstance(output, dict):
            return None
        outcome = read_output(output, self.family, self.categories)
        return AnswerLine(echo.record_id, outcome, True, echo.comment, echo.rest)

    def _read_whole(self, raw: bytes) -> AnswerLine | None:
        """The line, decoded from its first byte to its last."""
        try:
            value = _json(raw)
            line = OutputLine.model_validate(value)
            said = _written(line.modelOutput, line.error.model_dump() if line.error else None)
        except (ValueError, RecursionError):
            return None
        outcome = read_line(line, self.family, self.categories)
        comment = self._echoed(value) if line.recordId in self.asked else None
        return AnswerLine(line.recordId, outcome, line.modelOutput is not None, comment, said)

    def _echoed(self, value: dict[str, Any]) -> str | None:
        """The comment that a decoded line repeats."""
        if self.template is None or not isinstance(value.get("modelInput"), dict):
            return None
        try:
            return self.template.comment_in(value["modelInput"])
        except (TypeError, ValueError, RecursionError):  # what orjson does not write again: half a character
            return None


class PackReader(NamedTuple):
    """Reads the lines of a job whose requests are packs.

    Attributes:
        family: how the model's output is read.
        categories: those of the prompt.
        template: of the job's requests.
    """

    family: Family
    categories: tuple[str, ...]
    template: PackTemplate

    def read(self, raw: bytes) -> AnswerLine | None:
        """The line, whose outcome is the pack's; or None if it is no output line at all."""
        try:
            line = OutputLine.model_validate(_json(raw))
            said = _written(line.modelOutput, line.error.model_dump() if line.error else None)
        except (ValueError, RecursionError):
            return None
        outcome = self._answer(line).outcome
        return AnswerLine(line.recordId, outcome, line.modelOutput is not None, None, said)

    def answer_of(self, source: bytes) -> PackAnswer:
        """What a line says of each comment, by its `source`."""
        output, error = json.loads(source)
        return self._answer(OutputLine(recordId="", modelOutput=output, error=error))

    def _answer(self, line: OutputLine) -> PackAnswer:
        return read_pack_line(line, self.family, self.categories, self.template.size)


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)  # it takes the lone surrogates that JSON can spell


def _written(output: dict[str, Any] | None, error: dict[str, Any] | None) -> bytes:
    return json.dumps([output, error]).encode()
