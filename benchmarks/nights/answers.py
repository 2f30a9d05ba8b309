"""What a Bedrock answers to each line of a batch, the same every time: well, or in every bad way at once.

What a record is answered is decided by its text alone, so that it does not depend on the day's folder, the cut into
shards or the order of the lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import orjson

#: One record in so many of a bad day is answered in each of the ways of `_BAD_WAYS`, the others well.
_WAYS = 40
_CONFIDENCES = ("0.99", "0.97", "0.95", "0.93", "0.9", "0.88", "0.8", "0.72", "0.65", "1")
_REASONS = (
    "Insults the seller.",
    "Advertises another shop.",
    "出品者を侮辱しています。",
    "Names a private person and says where they live.",
)
_CATEGORIES = ("harassment", "spam", "privacy", "hate")


def answer_text(digest: int) -> str:
    """The answer to a text with this hash: one in eight is a violation with a reason."""
    confidence = _CONFIDENCES[digest % 10]
    if digest // 10 % 8:
        return f'{{"violation": false, "category": "none", "confidence": {confidence}, "explanation": ""}}'
    place = digest // 80 % 4
    said = json.dumps(_REASONS[place], ensure_ascii=False)
    return (
        f'{{"violation": true, "category": "{_CATEGORIES[place]}", "confidence": {confidence}, "explanation": {said}}}'
    )


def output(text: str, stop_reason: str = "end_turn", tokens: tuple[int, int] = (880, 25)) -> dict[str, Any]:
    """A Claude's output."""
    return {
        "id": "msg_bdrk_01",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": stop_reason,
        "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
    }


def answer_line(line: bytes, between: tuple[bytes, bytes]) -> bytes:
    """A whole line's answer, its echo byte for byte the request's.

    Args:
        line: the request, with its line end.
        between: what stands before and after the comment in every line.
    """
    digest = _digest(_comment(line, between))
    said = orjson.dumps(output(answer_text(digest), tokens=(800 + digest % 97, 25 + digest % 7)))
    return line.rstrip()[:-1] + b',"modelOutput":' + said + b"}\n"


def bad_lines(line: bytes, between: tuple[bytes, bytes]) -> list[bytes]:
    """The lines of one record on a bad day: none, one, or several."""
    comment = _comment(line, between)
    digest = _digest(comment)
    good, way = answer_line(line, between), digest // 320 % _WAYS
    request = orjson.loads(line)
    if way >= len(_BAD_WAYS):
        return [good]
    return _BAD_WAYS[way](request, good, orjson.loads(b'"' + comment + b'"'))


def _line(request: dict[str, Any], said: dict[str, Any]) -> bytes:
    return orjson.dumps({**request, "modelOutput": said}) + b"\n"


def _quoting(comment: str) -> str:
    return json.dumps({"violation": True, "category": "spam", "confidence": 0.9, "explanation": f"It says {comment}"})


def _error(request: dict[str, Any], message: str) -> bytes:
    return orjson.dumps({**request, "error": {"errorCode": 400, "errorMessage": message}}) + b"\n"


def _echoed_otherwise(request: dict[str, Any], comment: str) -> bytes:
    """The same line as another writer puts it: other order, white space, escapes."""
    turned = {"modelOutput": output(_quoting(comment)), "modelInput": request["modelInput"]}
    return json.dumps({**turned, "recordId": request["recordId"]}).encode() + b"\r\n"


_BAD_WAYS: tuple[Callable[[dict[str, Any], bytes, str], list[bytes]], ...] = (
    lambda request, good, comment: [],
    lambda request, good, comment: [_line(request, output("I cannot say."))],
    lambda request, good, comment: [_error(request, "the request is not valid")],
    lambda request, good, comment: [_error(request, f'cannot read "{comment}"')],
    lambda request, good, comment: [good, _line(request, output(_quoting("nothing of it")))],
    lambda request, good, comment: [_line(request, output("{broken")), good, good],
    lambda request, good, comment: [_line(request, output("", "refusal"))],
    lambda request, good, comment: [_line(request, output('{"violation": tr', "max_tokens"))],
    lambda request, good, comment: [_line(request, output(_quoting(comment)))],
    lambda request, good, comment: [_line(request, output(f"```json\n{answer_text(80)}\n```\nDone."))],
    lambda request, good, comment: [_echoed_otherwise(request, comment)],
    lambda request, good, comment: [good, _line(request | {"recordId": "f" * 32}, output(answer_text(7)))],
    lambda request, good, comment: [_line(request, output(_quoting("=1+1\n\x1b[31m 👍 ")))],
    lambda request, good, comment: [_line(request, output(answer_text(80)[:-1] + ', "category": "none"}'))],
    lambda request, good, comment: [_line(request, output(answer_text(81).replace("0.97", "1.5")))],
    lambda request, good, comment: [_line({"recordId": request["recordId"]}, output(_quoting(comment)))],
    lambda request, good, comment: [b"not JSON\n", b"\n", good],
    lambda request, good, comment: [good.replace(b',"modelOutput":', b',"modelOutput":null,"modelOutput":')],
    lambda request, good, comment: [good.rstrip()[:-1] + b',"error":{"errorCode":500,"errorMessage":"late"}}\n'],
)


def _comment(line: bytes, between: tuple[bytes, bytes]) -> bytes:
    """The comment as it stands in the line, in JSON's and the prompt's escapes."""
    before, after = between
    return line[line.index(before) + len(before) : line.rindex(after)]


def _digest(comment: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(comment, digest_size=6).digest())
