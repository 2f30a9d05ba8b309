"""Amazon Nova by InvokeModel: its own body, with the answer's object spelled out by the prompt.

Nova has no structured output. Its guide asks for the schema in the prompt, which every prompt for it has to hold, and
for an assistant turn that opens a JSON fence together with a stop sequence that closes it: the answer is then the bare
object, without a preamble. Tools would hold it to a schema too, but cost tokens and let it think aloud first.

Source: Amazon Nova User Guide, "Complete request schema" and "Require structured output"; Amazon Nova 2 User Guide,
"Request and response schema" (the same body; extended thinking is off unless asked for).
"""

from __future__ import annotations

from typing import Any

from data_contracts.batch_lines import InvocationType
from prompts import Prompt
from tasks.llm.families.base import Reply, behind_guardrail
from tasks.llm.families.message import read_message

_FENCE = "```"


class Nova:
    """See `tasks.llm.families.base.Family`."""

    name = "nova"
    invocation_type: InvocationType = "InvokeModel"
    reasoning_tokens = 0

    def body(self, prompt: Prompt, comment: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
        """See Family; Nova takes no schema."""
        del schema
        return {
            "system": [{"text": prompt.system}],
            "messages": [
                {"role": "user", "content": [{"text": prompt.user_text(comment)}]},
                {"role": "assistant", "content": [{"text": f"{_FENCE}json"}]},
            ],
            # Anywhere else Nova refuses them.
            "inferenceConfig": {
                "maxTokens": prompt.max_tokens,
                "temperature": prompt.temperature,
                "stopSequences": [_FENCE],
            },
        }

    def read(self, output: dict[str, Any]) -> Reply:
        """See Family."""
        return behind_guardrail(output, read_message(output))
