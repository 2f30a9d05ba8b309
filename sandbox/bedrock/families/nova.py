"""Amazon Nova, its own body.

Sources: Amazon Nova User Guide, complete-request-schema; Amazon Nova 2 User Guide, request-response-schema (where
``reasoningConfig`` stands in ``inferenceConfig``) and core-inference (where it stands at the top).
"""

from collections.abc import Mapping
from typing import Any

from sandbox.bedrock.catalog import Model
from sandbox.bedrock.families.base import (
    Prompt,
    Reply,
    check_count,
    check_keys,
    check_number,
    check_turns,
    check_type,
    texts_of_blocks,
)
from sandbox.bedrock.tokens import count_repeated, count_tokens

_ALLOWED = ("schemaVersion", "system", "messages", "inferenceConfig", "toolConfig")
_CONFIG = ("maxTokens", "max_new_tokens", "temperature", "topP", "top_p", "topK", "top_k", "stopSequences")
_DEFAULT_MAX_TOKENS = 5000
_TURN_TOKENS = 3
_STOPS = {
    "end": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "refusal": "content_filtered",
}
BLOCKED = "The generated text has been blocked by our content filters."


def read(body: Mapping[str, Any], model: Model) -> Prompt:
    """What a Nova body asks; parameters stand inside ``inferenceConfig`` or are refused.

    Raises:
        BadBody: when the model would refuse it.
    """
    reasoning = ("reasoningConfig",) if "nova-2" in model.model_id else ()
    check_keys(body, allowed=(*_ALLOWED, *reasoning), required=("messages",))
    config = body.get("inferenceConfig", {})
    check_type(config, dict, "inferenceConfig")
    check_keys(config, allowed=(*_CONFIG, *reasoning), at="#/inferenceConfig")
    max_tokens = config.get("maxTokens", config.get("max_new_tokens"))
    check_count(max_tokens, "inferenceConfig/maxTokens")
    check_number(config.get("temperature"), "inferenceConfig/temperature", 0, 1)
    check_number(config.get("topP", config.get("top_p")), "inferenceConfig/topP", 0, 1)
    check_turns(body["messages"])
    system = texts_of_blocks(body.get("system", []), "system")
    turns = [
        (turn["role"], texts_of_blocks(turn["content"], f"messages/{number}/content"))
        for number, turn in enumerate(body["messages"])
    ]
    tokens = sum(map(count_repeated, system)) + sum(count_tokens(text) for _, texts in turns for text in texts)
    return Prompt(
        text="\n".join(text for role, texts in turns if role == "user" for text in texts),
        input_tokens=tokens + _TURN_TOKENS * len(turns),
        max_tokens=max_tokens or _DEFAULT_MAX_TOKENS,
        prefill="\n".join(turns[-1][1]) if turns[-1][0] == "assistant" else "",
        stop_sequences=tuple(config.get("stopSequences", ())),
        system="\n".join(system),
    )


def write(reply: Reply, model: Model) -> dict[str, Any]:
    """A Nova response; a refusal is filtered content."""
    text = BLOCKED if reply.stop == "refusal" else reply.text
    return {
        "output": {"message": {"content": [{"text": text}], "role": "assistant"}},
        "stopReason": _STOPS[reply.stop],
        "usage": {
            "inputTokens": reply.input_tokens,
            "outputTokens": reply.output_tokens,
            "totalTokens": reply.input_tokens + reply.output_tokens,
            "cacheReadInputTokenCount": 0,
            "cacheWriteInputTokenCount": 0,
        },
    }
