"""What Bedrock tells of a model, through boto3: counts, lifecycles, and how little it takes to do without."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from data_contracts.batch_lines import InvocationType
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.bedrock_models import BedrockModels
from tasks.base.errors import BedrockUnavailable
from tasks.base.ports import FactUnavailable, Lifecycle, ModelFacts
from tasks.base.settings import Settings
from tasks.llm.families import pick_family
from tests import factories
from tests.wire import OneTry, Reply, Wire

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.fixture
def models(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> ModelFacts:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return adapters.connect(Settings.load()).models


def body(model_id: str, invocation_type: InvocationType, text: str) -> dict[str, Any]:
    return pick_family(model_id, invocation_type=invocation_type).body(factories.prompt(), text)


@pytest.mark.parametrize("model_id", [HAIKU, f"global.{HAIKU}", f"jp.{HAIKU}"])
@pytest.mark.parametrize("invocation_type", ["InvokeModel", "Converse"])
def test_a_request_is_counted_as_it_will_be_billed(
    model_id: str, invocation_type: InvocationType, models: ModelFacts, sandbox: Sandbox
) -> None:
    """By both ways of asking, through a profile as well: the count is what a call reports to have read."""
    asked = body(model_id, invocation_type, "届くのが早くて助かりました。")
    asked.pop("outputConfig", None)  # by Converse a JSON schema is not counted
    counted = models.count_tokens(model_id, invocation_type, asked)
    answer = adapters.connect(Settings.load()).bedrock.invoke(f"global.{HAIKU}", invocation_type, asked)
    assert counted == answer["usage"]["input_tokens" if invocation_type == "InvokeModel" else "inputTokens"]
    assert sandbox.bedrock.call_counts["CountTokens"] == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param("ACTIVE", Lifecycle(), id="active"),
        pytest.param("LEGACY", Lifecycle(is_legacy=True), id="legacy"),
        pytest.param(
            "LEGACY:2027-01-10",
            Lifecycle(is_legacy=True, ends_at=datetime(2027, 1, 10, tzinfo=UTC)),
            id="legacy-with-a-date",
        ),
    ],
)
def test_a_models_life(fault: str, expected: Lifecycle, models: ModelFacts, sandbox: Sandbox) -> None:
    """Status and end of life of the model behind a profile."""
    sandbox.faults.set("lifecycle", fault)
    assert models.lifecycle(f"jp.{HAIKU}") == expected


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        ("unavailable", "CountTokens,GetFoundationModel"),
        ("throttle", "1.0"),
        ("server_error", "1.0"),
    ],
)
def test_what_is_not_told_is_asked_once(fault: str, value: str, models: ModelFacts, sandbox: Sandbox) -> None:
    """No retries: what is nice to know must not hold a night up."""
    sandbox.faults.set(fault, value)
    with pytest.raises(FactUnavailable, match=r"^count tokens: "):
        models.count_tokens(HAIKU, "InvokeModel", body(HAIKU, "InvokeModel", "x"))
    with pytest.raises(FactUnavailable, match=r"^get foundation model: "):
        models.lifecycle(HAIKU)
    counts = sandbox.bedrock.call_counts
    assert {counts.get(name, 0) for name in ("CountTokens", "GetFoundationModel")} <= {0, 1}


APPLICATION = "arn:aws:bedrock:ap-northeast-1:123456789012:application-inference-profile/a1b2"


def test_an_application_profile_is_looked_up_once(
    sandbox: Sandbox, models: ModelFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ARN says nothing of its model, but Bedrock does: life, count and quotas are those of the model behind it."""
    profile = {
        "inferenceProfileName": "moderation",
        "inferenceProfileArn": APPLICATION,
        "inferenceProfileId": "a1b2",
        "models": [{"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{HAIKU}"} for region in ("x-1", "x-2")],
        "status": "ACTIVE",
        "type": "APPLICATION",
    }
    sandbox.faults.set("lifecycle", "LEGACY")
    with Wire(sandbox.bedrock_url).served() as wire:
        wire.fates.append(Reply(200, json.dumps(profile)))
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", wire.url)
        outside = adapters.connect(Settings.load())
        assert outside.models.lifecycle(APPLICATION) == Lifecycle(is_legacy=True)
        asked = body(HAIKU, "Converse", "x")
        assert outside.models.count_tokens(APPLICATION, "Converse", asked) == models.count_tokens(
            HAIKU, "Converse", asked
        )
        assert outside.quotas.batch_quotas(APPLICATION).jobs_in_flight == 100
        assert sum("inference-profiles" in call.path for call in wire.asked) == 1


def test_what_an_application_profile_stands_for(models: ModelFacts, sandbox: Sandbox) -> None:
    """Its model, with the scope that decides the price; what may pass is another error than what stays."""
    control = sandbox.client("bedrock")
    for prefix in ("global", "jp"):
        source = f"arn:aws:bedrock:ap-northeast-1:123456789012:inference-profile/{prefix}.{HAIKU}"
        made = control.create_inference_profile(inferenceProfileName=prefix, modelSource={"copyFrom": source})
        assert models.profiled_model(made["inferenceProfileArn"]) == f"{prefix}.{HAIKU}"
        assert models.profiled_model(made["inferenceProfileArn"]) == f"{prefix}.{HAIKU}"
    assert sandbox.bedrock.call_counts["GetInferenceProfile"] == 2
    with pytest.raises(FactUnavailable, match=r"^get inference profile: ResourceNotFoundException"):
        models.profiled_model(APPLICATION)
    sandbox.faults.set("throttle", "1.0")
    with pytest.raises(BedrockUnavailable, match=r"^get inference profile: ThrottlingException"):
        BedrockModels(OneTry()).profiled_model(APPLICATION)


def test_an_unknown_model_is_not_told(models: ModelFacts) -> None:
    """A profile that may not be looked up, or is not there, is said plainly to be what is unknown."""
    with pytest.raises(FactUnavailable, match=r"^get inference profile: ResourceNotFoundException"):
        models.lifecycle(APPLICATION)
    with pytest.raises(FactUnavailable, match=r"^get inference profile: ResourceNotFoundException"):
        models.count_tokens(APPLICATION, "Converse", body(HAIKU, "Converse", "x"))


@pytest.mark.parametrize("answer", ["{}", '{"modelDetails": {}}', '{"modelDetails": []}', "null", "<html>Hello</html>"])
def test_an_answer_that_says_nothing_is_not_told(
    answer: str, sandbox: Sandbox, models: ModelFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint that takes any call and answers something else is one that does not tell."""
    with Wire(sandbox.bedrock_url).served() as wire:
        for name in ("AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
            monkeypatch.setenv(name, wire.url)
        facts = adapters.connect(Settings.load()).models
        wire.fates += [Reply(200, answer)] * 2
        with pytest.raises(FactUnavailable, match=r"^get foundation model: the answer does not say it$"):
            facts.lifecycle(HAIKU)
        with pytest.raises(FactUnavailable, match=r"^count tokens: the answer does not say it$"):
            facts.count_tokens(HAIKU, "InvokeModel", body(HAIKU, "InvokeModel", "x"))


def test_denied_access_is_not_told(sandbox: Sandbox, models: ModelFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submitter without the permission goes without: the first line of AWS's words is all that is repeated."""
    with Wire(sandbox.bedrock_url).served() as wire:
        denied = '{"message": "User is not authorized\\nx-amz-security-token:secret"}'
        wire.fates.append(Reply(403, denied, (("x-amzn-ErrorType", "AccessDeniedException"),)))
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", wire.url)
        with pytest.raises(FactUnavailable, match=r"AccessDeniedException: User is not authorized$"):
            adapters.connect(Settings.load()).models.lifecycle(HAIKU)
        assert len(wire.seen) == 1
