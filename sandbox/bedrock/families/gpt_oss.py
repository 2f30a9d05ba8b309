"""OpenAI gpt-oss, the chat-completions body.

The model reasons first: with InvokeModel its thoughts stand as ``<reasoning>...</reasoning>`` before the answer, and
they spend ``max_completion_tokens`` too.

Source: Bedrock User Guide, model-parameters-openai.
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

_ALLOWED = (
    "frequency_penalty", "max_completion_tokens", "max_tokens", "messages", "model", "presence_penalty",
    "reasoning_effort", "response_format", "seed", "stop", "stream", "temperature", "tool_choice", "tools", "top_p",
    "user",
)  # fmt: skip
_EFFORTS = ("low", "medium", "high")
_ROLES = frozenset({"system", "developer", "user", "assistant"})
_DEFAULT_MAX_TOKENS = 4096
_TURN_TOKENS = 4
_DECLINED = "I'm sorry, but I can't help with that."


def read(body: Mapping[str, Any], model: Model) -> Prompt:
    """What a chat body asks.

    Raises:
        BadBody: when the model would refuse it.
    """
    check_keys(body, allowed=_ALLOWED, required=("messages",))
    if body.get("stream"):
        raise BadBody("stream must be false or omitted when using InvokeModel.")
    if body.get("model") not in (None, model.model_id):
        raise BadBody("The model in the request body must match the modelId of the request.")
    max_tokens = body.get("max_completion_tokens", body.get("max_tokens"))
    check_count(max_tokens, "max_completion_tokens")
    check_number(body.get("temperature"), "temperature", 0, 2)
    check_number(body.get("top_p"), "top_p", 0, 1)
    check_effort(body.get("reasoning_effort"))
    check_turns(body["messages"], _ROLES)
    turns = [(turn["role"], _text(turn["content"], n)) for n, turn in enumerate(body["messages"])]
    schema = _schema(body)
    tokens = sum(count_tokens(text) if role in ("user", "assistant") else count_repeated(text) for role, text in turns)
    return Prompt(
        text="\n".join(text for role, text in turns if role == "user"),
        input_tokens=tokens + _TURN_TOKENS * len(turns) + (count_repeated(schema.decode()) if schema else 0),
        max_tokens=max_tokens or _DEFAULT_MAX_TOKENS,
        schema=schema,
        stop_sequences=tuple([body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop") or ()),
        reasons=True,
        system="\n".join(text for role, text in turns if role != "user"),
    )


def check_effort(effort: Any) -> None:
    """Accept an absent effort or one of the three that gpt-oss knows.

    Raises:
        BadBody: naming those.
    """
    if effort is not None and effort not in _EFFORTS:
        raise malformed(f"#/reasoning_effort: {effort} is not a valid enum value {list(_EFFORTS)}")


def check_fields(fields: Any) -> None:
    """Accept what Converse passes on to the model: fields of the chat body that Converse has no name for.

    Source: Bedrock User Guide, model-parameters-openai ("Include any other fields in the additionalModelRequestFields
    object"). The wording for an unknown field is that of OpenAI's models on Bedrock (agentgateway issue 3442).

    Raises:
        BadBody: naming the first field that the chat body does not have.
    """
    check_type(fields, dict, "additionalModelRequestFields")
    for name in fields:
        if name not in _ALLOWED:
            raise BadBody(f"Unknown parameter: '{name}'.")
    check_effort(fields.get("reasoning_effort"))


def write(reply: Reply, model: Model) -> dict[str, Any]:
    """A chat.completion object with the reasoning before the text; a refusal is a polite sentence."""
    text = _DECLINED if reply.stop == "refusal" else reply.text
    reasoning = f"<reasoning>{reply.reasoning}</reasoning>" if reply.reasoning else ""
    return {
        "id": f"chatcmpl-{reply.key[:24]}",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": model.model_id,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": reasoning + text},
                "finish_reason": "length" if reply.stop == "max_tokens" else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": reply.input_tokens,
            "completion_tokens": reply.output_tokens,
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
    }


def _text(content: Any, number: int) -> str:
    check_type(content, (str, list), f"messages/{number}/content")
    if isinstance(content, str):
        return content
    parts = []
    for block in content:
        if not isinstance(block, dict) or not isinstance(block.get("text"), str):
            raise malformed(f"#/messages/{number}/content: every part needs a text")
        parts.append(block["text"])
    return "\n".join(parts)


def _schema(body: Mapping[str, Any]) -> bytes | None:
    form = body.get("response_format")
    if form is None:
        return None
    check_type(form, dict, "response_format")
    match form.get("type"):
        case "json_schema":
            wrapper = form.get("json_schema")
            check_type(wrapper, dict, "response_format/json_schema")
            schema = orjson.dumps(wrapper.get("schema"))
            schemas.check_schema(schema)
            return schema
        case "json_object" | "text":
            return None
        case _:
            raise malformed("#/response_format/type: is not a valid enum value")
