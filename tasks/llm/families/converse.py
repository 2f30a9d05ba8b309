"""Any model by the Converse invocation type: one body for Llama, gpt-oss and, where a deployment asks for it, the rest.

The body is Converse's without `modelId`. It never has `toolConfig`: a batch record with tools is refused (Amazon
Bedrock User Guide, "Process multiple prompts with batch inference"). The answer's object is spelled out by the prompt;
a schema is sent besides only to models that are documented to take one, for the others refuse the whole record.

Source: Amazon Bedrock User Guide, "Format and upload your batch inference data"; API Reference, Converse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import orjson

from data_contracts.batch_lines import InvocationType
from prompts import Prompt
from tasks.llm.families.base import Reply, schema_of
from tasks.llm.families.message import read_message

#: Models with structured output. Source: Amazon Bedrock User Guide, "Get validated JSON results from models" under
#: Claude (Haiku, Sonnet and Opus 4.5, Opus 4.6), and the model card of Sonnet 4.6.
_STRUCTURED = tuple(
    f"anthropic.claude-{name}" for name in ("haiku-4-5", "sonnet-4-5", "opus-4-5", "opus-4-6", "sonnet-4-6")
)

#: Models that think before they answer, whether asked to or not, out of the same `maxTokens`.
_REASONING = "openai.gpt-oss"

#: Of them, those known to take `reasoning_effort`. Source: Amazon Bedrock User Guide, "OpenAI models" (fields beyond
#: Converse's own go to `additionalModelRequestFields`), of these two; tried on Bedrock in anomalyco/opencode pull
#: request 48195. Of the safeguard models nothing is known, and an unknown field refuses every record.
_EFFORT = ("openai.gpt-oss-20b", "openai.gpt-oss-120b")

#: Room for thoughts on top of the prompt's `max_tokens`, which is for the answer alone: without it a model that thinks
#: is cut off before it answers. Several times what a comment takes, since only tokens that are used are paid for.
REASONING_BUDGET_TOKENS = 2_000

#: Thoughts a comment is expected to take, on the high side, for the estimate: a one-word task took some 80 at the
#: default effort (BerriAI/litellm pull request 40775), a guideline of eight categories takes more.
REASONING_TOKENS = 300

#: Thoughts within the text, as gpt-oss writes them outside Converse's own blocks. All up to the last closing tag is
#: thought: a comment that is quoted in it may hold that tag as well. Thoughts that were cut off have none.
#: Source: Amazon Bedrock User Guide, "OpenAI models" (response body).
_THOUGHTS = re.compile(r"\s*<reasoning>(?:.*</reasoning>|.*)", re.DOTALL)


@dataclass(frozen=True)
class Converse:
    """See `tasks.llm.families.base.Family`; what the model can do beside conversing decides the body."""

    name: ClassVar[str] = "converse"
    invocation_type: ClassVar[InvocationType] = "Converse"

    is_structured: bool = False
    is_reasoning: bool = False
    takes_effort: bool = False

    @classmethod
    def of(cls, base_id: str) -> Self:
        """The family as a foundation model needs it; a model that is not known here is asked the plain way."""
        return cls(base_id.startswith(_STRUCTURED), base_id.startswith(_REASONING), base_id.startswith(_EFFORT))

    @property
    def reasoning_tokens(self) -> int:
        """See Family."""
        return REASONING_TOKENS if self.is_reasoning else 0

    def body(self, prompt: Prompt, comment: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
        """See Family."""
        room = REASONING_BUDGET_TOKENS if self.is_reasoning else 0
        body: dict[str, Any] = {
            "system": [{"text": prompt.system}],
            "messages": [{"role": "user", "content": [{"text": prompt.user_text(comment)}]}],
            "inferenceConfig": {"maxTokens": prompt.max_tokens + room, "temperature": prompt.temperature},
        }
        if self.is_structured:
            # Converse wants the schema as text.
            wanted = schema or schema_of(prompt)
            definition = {"name": "answer", "schema": orjson.dumps(wanted).decode()}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}
        if self.takes_effort:
            body["additionalModelRequestFields"] = {"reasoning_effort": "low"}
        return body

    def read(self, output: dict[str, Any]) -> Reply:
        """See Family; thoughts are no part of the text."""
        reply = read_message(output)
        thoughts = _THOUGHTS.match(reply.text)
        return reply._replace(text=reply.text[thoughts.end() :]) if thoughts else reply
