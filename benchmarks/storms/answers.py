"""What the model says about a comment: the truth, and every way to say it badly.

The truth about a comment is a function of the number that stands in its text, so that what is published can be checked
against the input alone.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, NamedTuple

Output = dict[str, Any]

_NUMBER = re.compile(r"No\.(\d+)")


class Kind(StrEnum):
    """How a record is answered."""

    GOOD = "good"
    #: two lines, both good
    TWICE = "twice"
    #: a good line and a broken one
    ALSO_BROKEN = "also broken"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    #: an error line, which costs nothing
    ERROR = "error"
    #: no line at all
    MISSING = "missing"


#: Answers that a verdict can be read from.
JUDGED = frozenset({Kind.GOOD, Kind.TWICE, Kind.ALSO_BROKEN})
#: Answers of a single call: there is one or there is none.
SINGLE = frozenset({Kind.GOOD, Kind.MALFORMED, Kind.TRUNCATED, Kind.REFUSED, Kind.ERROR})


class Truth(NamedTuple):
    """The right verdict."""

    violation: bool
    category: str
    confidence: float


def number_of(text: str) -> int:
    """The number in a text, 0 if there is none."""
    match = _NUMBER.search(text)
    return int(match[1]) if match else 0


def truth(text: str) -> Truth:
    """The right verdict on a text with a number in it."""
    number = number_of(text)
    return (
        Truth(True, "spam", 0.5 + number % 50 / 100)
        if number % 5 == 0
        else Truth(False, "none", number * 37 % 97 / 100)
    )


def asked_text(body: dict[str, Any]) -> str:
    """The comment that a body asks about, as it stands there."""
    asked = str(body["messages"][-1]["content"][-1]["text"])
    start = asked.rfind("<comment>") + len("<comment>")
    return asked[start : asked.rfind("</comment>")]


_PACKED = re.compile(r'<comment id="(s\d\d)">(\n[^<>]*\n)</comment>')


def packed_texts(body: dict[str, Any]) -> dict[str, str]:
    """The comments that a body asks about in a pack, by their places; none in a body of a single comment."""
    return dict(_PACKED.findall(str(body["messages"][0]["content"][-1]["text"])))


def says_of_pack(kind: Kind, texts: dict[str, str]) -> list[Output]:
    """The model's outputs for a pack; of a malformed one the first comment alone has no answer."""
    parts = {}
    for slot, text in texts.items():
        right = truth(text)
        parts[slot] = {**right._asdict(), "explanation": "as the rules say" if right.violation else ""}
    if kind is Kind.MALFORMED:
        parts.pop(min(parts))
    return _outputs(Kind.GOOD if kind is Kind.MALFORMED else kind, "".join(texts.values()), json.dumps(parts))


def says(kind: Kind, text: str) -> list[Output]:
    """The model's outputs for a comment, none for an error or a record that is lost."""
    right = truth(text)
    return _outputs(
        kind, text, json.dumps({**right._asdict(), "explanation": "as the rules say" if right.violation else ""})
    )


def _outputs(kind: Kind, text: str, good: str) -> list[Output]:
    match kind:
        case Kind.GOOD:
            return [_output(text, good)]
        case Kind.TWICE:
            return [_output(text, good), _output(text, good)]
        case Kind.ALSO_BROKEN:
            return [_output(text, "I would rather not say."), _output(text, good)]
        case Kind.MALFORMED:
            return [_output(text, "I would rather not say.")]
        case Kind.TRUNCATED:
            return [_output(text, good[:20], "max_tokens")]
        case Kind.REFUSED:
            return [_output(text, "", "refusal")]
        case Kind.ERROR | Kind.MISSING:
            return []


def tokens(outputs: list[Output]) -> tuple[int, int]:
    """What the outputs say that they used, in and out."""
    return (
        sum(output["usage"]["input_tokens"] for output in outputs),
        sum(output["usage"]["output_tokens"] for output in outputs),
    )


def _output(text: str, answer: str, stop_reason: str = "end_turn") -> Output:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": answer}] if answer else [],
        "stop_reason": stop_reason,
        "usage": {"input_tokens": 100 + len(text), "output_tokens": 5 + len(answer)},
    }
