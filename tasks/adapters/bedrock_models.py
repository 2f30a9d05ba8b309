"""What Bedrock tells of a model: its count of a request's tokens, and how long it will live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from data_contracts.batch_lines import InvocationType
from tasks.adapters.aws import UNREADABLE, Aws, error_text
from tasks.base.ports import FactUnavailable, Lifecycle
from tasks.llm.model_ids import parse_model_id

#: The parts of a Converse request that CountTokens takes; a JSON schema is not among them.
#: Source: botocore service model of bedrock-runtime, ConverseTokensRequest.
_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")

#: The models of application inference profiles, as far as they were asked for.
_PROFILED: dict[tuple[Aws, str], str] = {}


class BedrockModels:
    """See `tasks.base.ports.ModelFacts`. Both calls want a foundation model's id, not a profile's."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def count_tokens(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> int:
        """See ModelFacts."""
        if invocation_type == "Converse":
            counted: dict[str, Any] = {"converse": {name: body[name] for name in _COUNTED if name in body}}
        else:
            counted = {"invokeModel": {"body": json.dumps(body).encode()}}
        base_id = find_model(self._aws, model_id)
        with _told("count tokens"):
            answer = self._aws.bedrock_runtime_in_haste.count_tokens(modelId=base_id, input=counted)
            return int(answer["inputTokens"])

    def lifecycle(self, model_id: str) -> Lifecycle:
        """See ModelFacts."""
        base_id = find_model(self._aws, model_id)
        with _told("get foundation model"):
            answer = self._aws.bedrock_in_haste.get_foundation_model(modelIdentifier=base_id)
            life = answer["modelDetails"]["modelLifecycle"]
            return Lifecycle(is_legacy=life["status"] == "LEGACY", ends_at=life.get("endOfLifeTime"))


def find_model(aws: Aws, model_id: str) -> str:
    """The foundation model's id behind a model id, a profile's id or an ARN of either.

    The ARN of an application inference profile does not say it: Bedrock is asked, once a process.
    Source: Amazon Bedrock API Reference, GetInferenceProfile (`models`: one model, in one Region or several).

    Raises:
        FactUnavailable: if Bedrock does not say it.
    """
    base_id = parse_model_id(model_id).base_id
    if ":application-inference-profile/" not in base_id:
        return base_id
    if (aws, model_id) not in _PROFILED:
        with _told("get inference profile"):
            models = aws.bedrock_in_haste.get_inference_profile(inferenceProfileIdentifier=model_id)["models"]
            _PROFILED[aws, model_id] = parse_model_id(models[0]["modelArn"]).base_id
    return _PROFILED[aws, model_id]


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn a refusal into FactUnavailable, and an answer that does not say it: some endpoints take any call."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise FactUnavailable(f"{what}: {error_text(error)}") from None
    except UNREADABLE:
        raise FactUnavailable(f"{what}: the answer does not say it") from None


class NoModelFacts:
    """A Bedrock that tells nothing."""

    def count_tokens(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> int:
        """See ModelFacts."""
        raise FactUnavailable("count tokens: not connected")

    def lifecycle(self, model_id: str) -> Lifecycle:
        """See ModelFacts."""
        raise FactUnavailable("get foundation model: not connected")
