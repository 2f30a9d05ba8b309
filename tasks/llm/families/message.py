"""The output that Amazon Nova's own body and Converse share: a message of blocks, a stop reason, a usage.

Source: Amazon Bedrock API Reference, Converse (response); Amazon Nova User Guide, "Using the Invoke API".
"""

from __future__ import annotations

from typing import Any

from tasks.llm.families.base import NoReply, Reply, StopKind, token_count

#: Reasons that are not here, `tool_use` and `malformed_model_output` among them, are no way to end an answer.
_STOPS = {
    "end_turn": StopKind.FINISHED,
    "stop_sequence": StopKind.FINISHED,
    "max_tokens": StopKind.TRUNCATED,
    "model_context_window_exceeded": StopKind.TRUNCATED,
    "content_filtered": StopKind.REFUSED,
    "guardrail_intervened": StopKind.REFUSED,
    # Converse's enumeration lacks it, and no document says what it makes of a refusal of Claude's.
    "refusal": StopKind.REFUSED,
}


def read_message(output: dict[str, Any]) -> Reply:
    """The reply with the text of its text blocks; what the model thought stands in blocks of another kind.

    Raises:
        NoReply: if the output has no stop reason, or content of another shape.
    """
    stop_reason = output.get("stopReason")
    usage = output.get("usage")
    tokens = token_count(usage, "inputTokens"), token_count(usage, "outputTokens")
    content = _inside(_inside(output.get("output"), "message"), "content")
    if not isinstance(stop_reason, str) or not isinstance(content, list | None):
        raise NoReply("no stopReason, or content that is no list", *tokens)
    texts = (block.get("text") for block in content or () if isinstance(block, dict))
    return Reply(
        stop=_STOPS.get(stop_reason, StopKind.OTHER),
        stop_reason=stop_reason,
        text="".join(text for text in texts if isinstance(text, str)),
        input_tokens=tokens[0],
        output_tokens=tokens[1],
    )


def _inside(value: Any, key: str) -> Any:
    """What an object holds under a key, None for none; anything but an object is of another shape."""
    return None if value is None else value.get(key) if isinstance(value, dict) else "of another shape"
