"""What Bedrock tells of a model: its count of a request's tokens, and how long it will live."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from data_contracts.batch_lines import InvocationType
from tasks.adapters.aws import Aws, error_text
from tasks.models import parse_model_id
from tasks.ports import FactUnavailable, Lifecycle

#: The parts of a Converse request that CountTokens takes; a JSON schema is not among them.
#: Source: botocore service model of bedrock-runtime, ConverseTokensRequest.
_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")


class BedrockModels:
    """See `tasks.ports.ModelFacts`. Both calls want a foundation model's id, not a profile's."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def count_tokens(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> int:
        """See ModelFacts."""
        if invocation_type == "Converse":
            counted: dict[str, Any] = {"converse": {name: body[name] for name in _COUNTED if name in body}}
        else:
            counted = {"invokeModel": {"body": json.dumps(body).encode()}}
        try:
            answer = self._aws.bedrock_runtime_in_haste.count_tokens(
                modelId=parse_model_id(model_id).base_id, input=counted
            )
        except (ClientError, BotoCoreError) as error:
            raise FactUnavailable(f"count tokens: {error_text(error)}") from None
        return int(answer["inputTokens"])

    def lifecycle(self, model_id: str) -> Lifecycle:
        """See ModelFacts."""
        try:
            answer = self._aws.bedrock_in_haste.get_foundation_model(modelIdentifier=parse_model_id(model_id).base_id)
        except (ClientError, BotoCoreError) as error:
            raise FactUnavailable(f"get foundation model: {error_text(error)}") from None
        found = answer["modelDetails"].get("modelLifecycle", {})
        return Lifecycle(is_legacy=found.get("status") == "LEGACY", ends_at=found.get("endOfLifeTime"))


class NoModelFacts:
    """A Bedrock that tells nothing."""

    def count_tokens(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> int:
        """See ModelFacts."""
        raise FactUnavailable("count tokens: not connected")

    def lifecycle(self, model_id: str) -> Lifecycle:
        """See ModelFacts."""
        raise FactUnavailable("get foundation model: not connected")
