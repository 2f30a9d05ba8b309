"""What the families share: the prompt that is read out of a body, the reply that is written, and the checks.

The wording of the errors is that of the JSON Schema check before a model on Bedrock, as public reports quote it
("Malformed input request: #: extraneous key [max_tokens] is not permitted, please reformat your input and try
again.").
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

Stop = Literal["end", "max_tokens", "stop_sequence", "refusal"]


class BadBody(Exception):
    """The model refuses the body: 400 on demand, an error line in a batch."""


class Prompt(NamedTuple):
    """What a body asks, whatever its family."""

    text: str
    input_tokens: int
    max_tokens: int
    schema: bytes | None = None  # structured output: the JSON schema that the answer must fit
    prefill: str = ""  # the assistant's turn that the answer continues
    stop_sequences: tuple[str, ...] = ()
    reasons: bool = False  # the model thinks before it answers, out of the same token budget
    system: str = ""  # what the model is told apart from the conversation


class Reply(NamedTuple):
    """What the model says, before it takes its family's shape."""

    text: str
    stop: Stop
    input_tokens: int
    output_tokens: int
    key: str  # hex: the request's hash, from which ids are made
    reasoning: str = ""
    stop_sequence: str | None = None


def malformed(detail: str) -> BadBody:
    """The sentence of the schema check around its finding."""
    return BadBody(f"Malformed input request: {detail}, please reformat your input and try again.")


def check_keys(body: Mapping[str, Any], *, allowed: Iterable[str], required: Iterable[str] = (), at: str = "#") -> None:
    """Accept a body that has every required key and no other than the allowed.

    Raises:
        BadBody: naming every key, as the schema check does.
    """
    allowed = frozenset(allowed)
    findings = [f"{at}: required key [{key}] not found" for key in required if body.get(key) is None]
    findings += [f"{at}: extraneous key [{key}] is not permitted" for key in body if key not in allowed]
    if findings:
        raise malformed("".join(findings))


def check_type(value: Any, kind: type | tuple[type, ...], at: str) -> None:
    """Accept a value of a JSON type; a boolean is no number.

    Raises:
        BadBody: naming the place, what was expected and what was found.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        wanted = ", ".join(_JSON_NAMES[each] for each in kinds)
        raise malformed(f"#/{at}: expected type: {wanted}, found: {_JSON_NAMES.get(type(value), 'Null')}")


_JSON_NAMES: dict[type, str] = {
    str: "String",
    dict: "JSONObject",
    list: "JSONArray",
    int: "Integer",
    float: "Number",
    bool: "Boolean",
    type(None): "Null",
}


def check_number(value: Any, at: str, low: float, high: float | None = None) -> None:
    """Accept an absent value or a number within its range.

    Raises:
        BadBody: naming the place and the bound.
    """
    if value is None:
        return
    check_type(value, (int, float), at)
    if value < low:
        raise malformed(f"#/{at}: {value} is not greater or equal to {low:g}")
    if high is not None and value > high:
        raise malformed(f"#/{at}: {value} is not less or equal to {high:g}")


def check_count(value: Any, at: str) -> None:
    """Accept an absent value or a whole number from 1.

    Raises:
        BadBody: naming the place.
    """
    if value is not None:
        check_type(value, int, at)
        check_number(value, at, 1)


def check_turns(messages: Any, roles: frozenset[str] = frozenset({"user", "assistant"})) -> None:
    """Accept a conversation: a list of turns with a known role and content, the first one the user's.

    Raises:
        BadBody: naming the first turn that is wrong.
    """
    check_type(messages, list, "messages")
    if not messages:
        raise BadBody("messages: at least one message is required")
    for number, turn in enumerate(messages):
        check_type(turn, dict, f"messages/{number}")
        check_keys(turn, allowed=("role", "content"), required=("role", "content"), at=f"#/messages/{number}")
        if turn["role"] not in roles:
            raise malformed(f"#/messages/{number}/role: {turn['role']} is not a valid enum value")


def texts_of_blocks(blocks: Any, at: str) -> list[str]:
    """The texts of ``[{"text": ...}, ...]``, as Nova and Converse write content.

    Raises:
        BadBody: when a block is no object or has an empty text.
    """
    check_type(blocks, list, at)
    texts = []
    for number, block in enumerate(blocks):
        check_type(block, dict, f"{at}/{number}")
        if "text" in block:
            check_type(block["text"], str, f"{at}/{number}/text")
            if not block["text"].strip():
                raise BadBody(f"The text field in the ContentBlock object at {at}.{number} is blank.")
            texts.append(block["text"])
    return texts
