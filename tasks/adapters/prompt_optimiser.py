"""Bedrock's OptimizePrompt through boto3."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import EventStreamError

from tasks.adapters.aws import TRANSIENT_CODES, UNREADABLE, Aws, error_code, translated
from tasks.base.errors import BedrockRefused, BedrockUnavailable


class NoPromptOptimiser:
    """Where there is none; see `tasks.base.ports.PromptOptimiser`."""

    def optimise(self, text: str, target_model_id: str) -> str:
        """See PromptOptimiser."""
        raise BedrockRefused("optimize prompt: there is no such thing here")


class BedrockPromptOptimiser:
    """See `tasks.base.ports.PromptOptimiser`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def optimise(self, text: str, target_model_id: str) -> str:
        """See PromptOptimiser."""
        with translated("optimize prompt", BedrockUnavailable, BedrockRefused):
            try:
                answer = self._aws.bedrock_agent_runtime.optimize_prompt(
                    input={"textPrompt": {"text": text}}, targetModelId=target_model_id
                )
                return "".join(map(_text, answer["optimizedPrompt"]))
            except EventStreamError as error:
                code = error_code(error)
                is_transient = code in TRANSIENT_CODES or code.lower().startswith(("internal", "throttling", "bad"))
                raise (BedrockUnavailable if is_transient else BedrockRefused)(f"optimize prompt: {code}") from None
            except UNREADABLE:
                raise BedrockRefused("optimize prompt: the answer cannot be read") from None


def _text(event: dict[str, Any]) -> str:
    """The prompt in an event; nothing where the event only tells how far it is."""
    text: str = event.get("optimizedPromptEvent", {}).get("optimizedPrompt", {}).get("textPrompt", {}).get("text", "")
    return text
