"""Anthropic's Claude by InvokeModel: the Messages body with a JSON schema for the answer.

Source: Amazon Bedrock User Guide, "Anthropic Claude Messages API" and "Get validated JSON results from models".
"""

from __future__ import annotations

from typing import Any

from data_contracts.batch_lines import InvocationType
from prompts import Prompt
from tasks.llm.families.base import NoReply, Reply, StopKind, behind_guardrail, schema_of, token_count

_STOPS = {
    "end_turn": StopKind.FINISHED,
    "stop_sequence": StopKind.FINISHED,
    "max_tokens": StopKind.TRUNCATED,
    "model_context_window_exceeded": StopKind.TRUNCATED,
    "refusal": StopKind.REFUSED,
}


class Claude:
    """See `tasks.llm.families.base.Family`."""

    name = "claude"
    invocation_type: InvocationType = "InvokeModel"
    reasoning_tokens = 0

    def body(self, prompt: Prompt, comment: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
        """See Family."""
        return {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": prompt.max_tokens,
            # Claude 4.5 and later take temperature or top_p, not both.
            "temperature": prompt.temperature,
            "system": prompt.system,
            "messages": [{"role": "user", "content": [{"type": "text", "text": prompt.user_text(comment)}]}],
            "output_config": {"format": {"type": "json_schema", "schema": schema or schema_of(prompt)}},
        }

    def read(self, output: dict[str, Any]) -> Reply:
        """See Family; "Branch on stop_reason, not on stop_details", as the guide says."""
        stop_reason = output.get("stop_reason")
        content = output.get("content")
        usage = output.get("usage")
        tokens = token_count(usage, "input_tokens"), token_count(usage, "output_tokens")
        if not isinstance(stop_reason, str) or not isinstance(content, list | None):
            raise NoReply("no stop_reason, or content that is no list", *tokens)
        blocks = [block for block in content or () if isinstance(block, dict) and block.get("type") == "text"]
        reply = Reply(
            stop=_STOPS.get(stop_reason, StopKind.OTHER),
            stop_reason=stop_reason,
            text="".join([str(block.get("text", "")) for block in blocks]),
            input_tokens=tokens[0],
            output_tokens=tokens[1],
        )
        return behind_guardrail(output, reply)
