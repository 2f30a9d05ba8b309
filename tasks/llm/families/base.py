"""What every model family offers: a request body for a comment, and a reading of the model's output."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from data_contracts.batch_lines import InvocationType, answer_schema, pack_schema
from prompts import PackPrompt, Prompt


class StopKind(StrEnum):
    """Why the model stopped, looked at before its text."""

    FINISHED = "finished"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    #: a stop that a moderation answer should never have
    OTHER = "other"


class Reply(NamedTuple):
    """A model's output, whatever family it came from; token counts are None when not reported."""

    stop: StopKind
    stop_reason: str
    text: str
    input_tokens: int | None
    output_tokens: int | None


class NoReply(ValueError):
    """The output is not of the family's shape; the tokens that it reports were paid for all the same."""

    def __init__(self, message: str, input_tokens: int | None = None, output_tokens: int | None = None) -> None:
        super().__init__(message)
        self.input_tokens, self.output_tokens = input_tokens, output_tokens


class Family(Protocol):
    """One way of asking; every method is pure.

    Attributes:
        name: what a prompt's `families` call it.
        invocation_type: the type of its batch jobs.
        reasoning_tokens: output tokens that its model is expected to think with before an answer, for the estimate.
    """

    @property
    def name(self) -> str: ...
    @property
    def invocation_type(self) -> InvocationType: ...
    @property
    def reasoning_tokens(self) -> int: ...

    def body(self, prompt: Prompt, comment: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
        """The `modelInput` for one comment, which stands in it once as text: the same input, the same body.

        Args:
            schema: of the answer's object, where the prompt asks for another one than a verdict.
        """
        ...

    def read(self, output: dict[str, Any]) -> Reply:
        """The reply in a `modelOutput`, without text where it has no content; NoReply if it has another shape."""
        ...


def schema_of(prompt: Prompt) -> dict[str, Any]:
    """JSON schema of what a prompt asks for: one answer, or one a comment of a pack."""
    if isinstance(prompt, PackPrompt):
        return pack_schema(prompt.categories, prompt.size)
    return answer_schema(prompt.categories)


def token_count(usage: Any, key: str) -> int | None:
    """A token count out of a usage object, or None when it is not a count."""
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def behind_guardrail(output: dict[str, Any], reply: Reply) -> Reply:
    """The reply, refused if a guardrail stepped in: its stop reason and text look like any other answer's then.

    A batch job names no guardrail, but an account may enforce one on every call.
    Source: Amazon Bedrock User Guide, "Use a guardrail with the InvokeModel operations"
    (`amazon-bedrock-guardrailAction`).
    """
    if output.get("amazon-bedrock-guardrailAction") != "INTERVENED":
        return reply
    return reply._replace(stop=StopKind.REFUSED, stop_reason="guardrail_intervened")
