"""Anthropic Claude, the Messages body.

Source: Bedrock User Guide, model-parameters-anthropic-claude-messages-request-response.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from sandbox.bedrock.catalog import Model
from sandbox.bedrock.families import schemas
from sandbox.bedrock.families.base import (
    BadBody,
    Prompt,
    Reply,
    check_count,
    check_keys,
    check_number,
    check_turns,
    check_type,
    malformed,
)
from sandbox.bedrock.tokens import count_repeated, count_tokens

VERSION = "bedrock-2023-05-31"
_REQUIRED = ("anthropic_version", "max_tokens", "messages")
_ALLOWED = (
    *_REQUIRED,
    "anthropic_beta",
    "metadata",
    "stop_sequences",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
)
_STRUCTURED = ("output_config", "output_format")  # the second one is deprecated
_TURN_TOKENS = 4
_STOPS = {"end": "end_turn", "max_tokens": "max_tokens", "stop_sequence": "stop_sequence", "refusal": "refusal"}


def read(body: Mapping[str, Any], model: Model) -> Prompt:
    """What a Messages body asks.

    Raises:
        BadBody: when the model would refuse it.
    """
    check_keys(body, allowed=(*_ALLOWED, *_STRUCTURED) if model.structured else _ALLOWED, required=_REQUIRED)
    if body["anthropic_version"] != VERSION:
        raise malformed(f"#/anthropic_version: {body['anthropic_version']} is not a valid enum value")
    check_count(body["max_tokens"], "max_tokens")
    check_number(body.get("temperature"), "temperature", 0, 1)
    check_number(body.get("top_p"), "top_p", 0, 1)
    if model.one_sampler and body.get("temperature") is not None and body.get("top_p") is not None:
        raise BadBody("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    check_turns(body["messages"])
    if body["messages"][0]["role"] != "user":
        raise BadBody('messages: first message must use the "user" role')
    system = _texts(body.get("system", ""), "system", may_be_empty=True)
    turns = [
        (turn["role"], _texts(turn["content"], f"messages.{n}.content")) for n, turn in enumerate(body["messages"])
    ]
    schema = _schema(body)
    tokens = sum(map(count_repeated, system)) + sum(count_tokens(text) for _, texts in turns for text in texts)
    prefill = "\n".join(turns[-1][1]) if turns[-1][0] == "assistant" else ""
    return Prompt(
        text="\n".join(text for role, texts in turns if role == "user" for text in texts) or "\n".join(system),
        input_tokens=tokens + _TURN_TOKENS * len(turns) + (count_repeated(schema.decode()) if schema else 0),
        max_tokens=body["max_tokens"],
        schema=schema,
        prefill=prefill,
        stop_sequences=tuple(body.get("stop_sequences", ())),
        system="\n".join(system),
    )


def write(reply: Reply, model: Model) -> dict[str, Any]:
    """A Messages response; a refusal has no content, and ``stop_details`` may be null."""
    refused = reply.stop == "refusal"
    response: dict[str, Any] = {
        "model": model.model_id.removeprefix("anthropic.").removesuffix("-v1:0"),
        "id": f"msg_bdrk_01{reply.key[:22]}",
        "type": "message",
        "role": "assistant",
        "content": [] if refused else [{"type": "text", "text": reply.text}],
        "stop_reason": _STOPS[reply.stop],
        "stop_sequence": reply.stop_sequence,
        "usage": {
            "input_tokens": reply.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": reply.output_tokens,
        },
    }
    if refused:
        details = {"type": "refusal", "category": None, "explanation": None}
        response["stop_details"] = details if int(reply.key[:2], 16) % 2 else None
    return response


def _texts(content: Any, at: str, *, may_be_empty: bool = False) -> list[str]:
    """The texts of a content: a string, or a list of blocks."""
    check_type(content, (str, list), at.replace(".", "/"))
    if isinstance(content, str):
        if not content.strip() and not may_be_empty:
            raise BadBody(f"{at}: text content must be non-empty")
        return [content]
    texts = []
    for number, block in enumerate(content):
        check_type(block, dict, f"{at}.{number}".replace(".", "/"))
        if "type" not in block:
            raise BadBody(f"{at}.{number}.type: Field required")
        if block["type"] == "text":
            text = block.get("text")
            if not isinstance(text, str):
                raise BadBody(f"{at}.{number}.text.text: Field required")
            if not text.strip():
                raise BadBody(f"{at.partition('.')[0]}: text content blocks must be non-empty")
            texts.append(text)
    return texts


def _schema(body: Mapping[str, Any]) -> bytes | None:
    config = body.get("output_config")
    if config is not None:
        check_type(config, dict, "output_config")
        check_keys(config, allowed=("format", "effort"), at="#/output_config")
        form = config.get("format")
    else:
        form = body.get("output_format")
    if form is None:
        return None
    check_type(form, dict, "output_config/format")
    check_keys(form, allowed=("type", "schema"), required=("type", "schema"), at="#/output_config/format")
    if form["type"] != "json_schema":
        raise BadBody("output_config.format.type: Input should be 'json_schema'")
    schema = orjson.dumps(form["schema"])
    schemas.check_schema(schema)
    return schema
