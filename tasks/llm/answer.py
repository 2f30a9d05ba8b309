"""What a model's output means: a status, and a verdict only if the contract accepts the answer.

A refusal, a broken answer or an error is never read as "fine".
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError

from data_contracts.batch_lines import Answer, OutputLine
from data_contracts.tables.verdicts import MAX_EXPLANATION_CHARS, Status
from tasks.llm.families.base import Family, NoReply, StopKind

#: A moderation answer is some 60 tokens; nothing longer is worth a search for JSON.
MAX_ANSWER_CHARS = 20_000

_MAX_DETAIL_CHARS = 200

#: Controls, formats, lone surrogates, private characters and what is none; line and paragraph separators.
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")

#: What a spreadsheet takes for the beginning of a formula, and the white space that it looks behind.
_FORMULA_SIGNS = "=+-@＝＋－＠ \u00a0\u3000"

#: Braces around words of prose, which are no attempt at an object.
_PROSE = re.compile(r"""\{[^{}"']*\}""")

_GAP = r"[ \t\n\r]*"
#: An answer as the schema orders it, without escapes: nearly every answer is one, and says the same to every reader of
#: JSON. All others take the long way.
_USUAL = re.compile(
    r"[^{]*\{@\"violation\"@:@(true|false)@,@\"category\"@:@\"([^\"\\]*)\"@,"
    r"@\"confidence\"@:@(0|1|0\.[0-9]+|1\.0+)@,@\"explanation\"@:@\"([^\"\\]*)\"@\}[^{]*".replace("@", _GAP)
)


class Verdict(NamedTuple):
    """An answer that the contract accepts; the fields are those of `data_contracts.batch_lines.Answer`."""

    violation: bool
    category: str
    confidence: float
    explanation: str


class Outcome(NamedTuple):
    """What one output line says about its record."""

    status: Status
    status_detail: str | None = None
    answer: Verdict | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class MalformedAnswer(ValueError):
    """The answer breaks the contract; the text says how and quotes nothing of it."""


def read_line(
    line: OutputLine, family: Family, categories: tuple[str, ...], keep: Callable[[str], None] | None = None
) -> Outcome:
    """What a line says: `stop_reason` first, then the tolerant reader, then the contract.

    Args:
        keep: takes the text of a finished answer in place of the reader: the outcome is judged, without a verdict.
    """
    if line.modelOutput is None:
        error = line.error
        detail = f"{error.errorCode}: {error.errorMessage}" if error else "neither output nor error"
        return Outcome(Status.ERROR, _storable(detail)[:_MAX_DETAIL_CHARS])
    return read_output(line.modelOutput, family, categories, keep)


def read_output(
    output: dict[str, Any], family: Family, categories: tuple[str, ...], keep: Callable[[str], None] | None = None
) -> Outcome:
    """What a model's output says, as `read_line` reads it."""
    try:
        reply = family.read(output)
    except NoReply as error:
        detail = f"not a {family.name} output: {error}"
        return Outcome(Status.MALFORMED, detail, None, error.input_tokens, error.output_tokens)
    tokens = (reply.input_tokens, reply.output_tokens)
    match reply.stop:
        case StopKind.REFUSED:
            return Outcome(Status.REFUSED, f"stop_reason {reply.stop_reason}", None, *tokens)
        case StopKind.TRUNCATED:
            return Outcome(Status.MALFORMED, f"cut off: stop_reason {reply.stop_reason}", None, *tokens)
        case StopKind.OTHER:
            detail = _storable(f"unexpected stop_reason {reply.stop_reason}")[:_MAX_DETAIL_CHARS]
            return Outcome(Status.MALFORMED, detail, None, *tokens)
        case StopKind.FINISHED if keep is not None:
            keep(reply.text)
            return Outcome(Status.JUDGED, None, None, *tokens)
        case StopKind.FINISHED:
            try:
                return Outcome(Status.JUDGED, None, read_answer(reply.text, categories), *tokens)
            except MalformedAnswer as error:
                return Outcome(Status.MALFORMED, str(error), None, *tokens)


def read_answer(text: str, categories: tuple[str, ...]) -> Verdict:
    """The one JSON object in the text, fences and prose around it stripped, if the contract accepts it.

    Raises:
        MalformedAnswer: if there is no object, or more than one, or it breaks the contract.
    """
    _check_length(text)
    usual = _USUAL.fullmatch(text)
    return _checked(_usual_answer(*usual.groups()) if usual else _answer_of(_only(text)), categories)


def one_object(text: str) -> dict[str, Any]:
    """The one JSON object in the text, fences and prose around it stripped, whatever it says.

    Raises:
        MalformedAnswer: if there is no object, or more than one, or it cannot be read.
    """
    _check_length(text)
    return _only(text)


def read_verdict(value: Any, categories: tuple[str, ...]) -> Verdict:
    """The verdict that a JSON value is, if the contract accepts it.

    Raises:
        MalformedAnswer: if it does not.
    """
    return _checked(_answer_of(value), categories)


def _check_length(text: str) -> None:
    if len(text) > MAX_ANSWER_CHARS:
        raise MalformedAnswer(f"the answer is over {MAX_ANSWER_CHARS} characters long")


def _checked(answer: Verdict, categories: tuple[str, ...]) -> Verdict:
    if answer.category not in categories:
        raise MalformedAnswer("category is not one of the prompt's")
    if answer.violation != (answer.category != "none"):
        raise MalformedAnswer("violation is at odds with category")
    return answer


def _usual_answer(violation: str, category: str, confidence: str, explanation: str) -> Verdict:
    """The verdict of these parts, which the contract accepts by their form."""
    return Verdict(violation == "true", category, float(confidence), _explanation(explanation))


def _only(text: str) -> dict[str, Any]:
    objects = list(_objects(text))
    if len(objects) != 1:
        raise MalformedAnswer("no JSON object in the answer" if not objects else "several JSON objects in the answer")
    return objects[0]


def _answer_of(value: Any) -> Verdict:
    try:
        answer = Answer.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise MalformedAnswer(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return Verdict(answer.violation, answer.category, answer.confidence, _explanation(answer.explanation))


def _explanation(text: str) -> str:
    return _storable(text)[:MAX_EXPLANATION_CHARS]


def _storable(text: str) -> str:
    """One line that any table, log or page can hold: no control characters, nor lone surrogates that JSON can spell.

    Nor does it begin like a formula: somebody will open an export in a spreadsheet.
    Source: OWASP, "CSV Injection" (its list of signs, the full-width ones included).
    """
    # Printable, as Python has it, is what is of none of these kinds; no other space than the plain one is either.
    line = text if text.isprintable() else _visible(text)
    return line.lstrip(_FORMULA_SIGNS)


def _visible(text: str) -> str:
    return "".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in text)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object in the text, in order.

    Raises:
        MalformedAnswer: at one that cannot be read: what stands inside or beside it may be quoted from the comment.
    """
    # Not strict: models write line breaks into a string as they are; nothing else of the object reads otherwise by it.
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats, strict=False)
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except MalformedAnswer:
            raise
        except (ValueError, RecursionError):  # a number of too many digits is no JSONDecodeError
            prose = _PROSE.match(text, position)
            if prose is None:
                raise MalformedAnswer("broken JSON in the answer") from None
            end = prose.end()
        else:
            yield value
        position = text.find("{", end)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless it says two things under one name."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedAnswer("a key stands twice in the answer")
    return value
