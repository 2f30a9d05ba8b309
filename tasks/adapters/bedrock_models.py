"""What Bedrock tells of a model: its count of a request's tokens, and how long it will live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from data_contracts.batch_lines import InvocationType
from tasks.adapters.aws import UNREADABLE, Aws, error_text, is_transient_error
from tasks.base.errors import BedrockUnavailable
from tasks.base.ports import FactUnavailable, Lifecycle
from tasks.llm.model_ids import is_application_profile, model_of_destinations, parse_model_id

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

    def profiled_model(self, profile_arn: str) -> str:
        """See ModelFacts."""
        with _told("get inference profile"):
            try:
                return _profiled(self._aws, profile_arn, self._aws.bedrock)
            except (ClientError, BotoCoreError) as error:
                if is_transient_error(error):
                    raise BedrockUnavailable(f"get inference profile: {error_text(error)}") from None
                raise


def find_model(aws: Aws, model_id: str) -> str:
    """The foundation model's id behind a model id, a profile's id or an ARN of either.

    The ARN of an application inference profile does not say it: Bedrock is asked, once a process.
    Source: Amazon Bedrock API Reference, GetInferenceProfile.

    Raises:
        FactUnavailable: if Bedrock does not say it.
    """
    if is_application_profile(model_id):
        with _told("get inference profile"):
            model_id = _profiled(aws, model_id, aws.bedrock_in_haste)
    return parse_model_id(model_id).base_id


def _profiled(aws: Aws, profile_arn: str, client: Any) -> str:
    """The model behind an application inference profile, which never changes: it is asked for once a process."""
    if (aws, profile_arn) not in _PROFILED:
        models = client.get_inference_profile(inferenceProfileIdentifier=profile_arn)["models"]
        _PROFILED[aws, profile_arn] = model_of_destinations([model["modelArn"] for model in models])
    return _PROFILED[aws, profile_arn]


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

    def profiled_model(self, profile_arn: str) -> str:
        """See ModelFacts."""
        raise FactUnavailable("get inference profile: not connected")
