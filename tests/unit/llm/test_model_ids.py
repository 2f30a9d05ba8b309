"""The model behind an id."""

from __future__ import annotations

import pytest

from tasks.llm.model_ids import ModelRef, Scope, is_application_profile, model_of_destinations, parse_model_id

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.mark.parametrize(
    ("model_id", "base_id", "scope"),
    [
        pytest.param(HAIKU, HAIKU, "global", id="model-id"),
        pytest.param(f"global.{HAIKU}", HAIKU, "global", id="global"),
        pytest.param(f"us.{HAIKU}", HAIKU, "regional", id="us"),
        pytest.param(f"us-gov.{HAIKU}", HAIKU, "regional", id="us-gov"),
        pytest.param(f"eu.{HAIKU}", HAIKU, "regional", id="eu"),
        pytest.param(f"au.{HAIKU}", HAIKU, "regional", id="au"),
        pytest.param(f"jp.{HAIKU}", HAIKU, "regional", id="jp"),
        pytest.param(f"apac.{HAIKU}", HAIKU, "regional", id="apac"),
        pytest.param(f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}", HAIKU, "global", id="arn-of-a-model"),
        pytest.param(
            f"arn:aws:bedrock:ap-northeast-1:123456789012:inference-profile/jp.{HAIKU}",
            HAIKU,
            "regional",
            id="arn-of-a-regional-profile",
        ),
        pytest.param(
            f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.{HAIKU}",
            HAIKU,
            "global",
            id="arn-of-a-global-profile",
        ),
        pytest.param(
            f"arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.{HAIKU}",
            HAIKU,
            "regional",
            id="arn-of-another-partition",
        ),
        pytest.param(
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
            "global",
            id="application-profile-names-no-model",
        ),
    ],
)
def test_a_model_id_is_a_model_and_a_scope(model_id: str, base_id: str, scope: Scope) -> None:
    """Profiles and ARNs lead to the foundation model; geographic ones are regional."""
    assert parse_model_id(model_id) == ModelRef(base_id, scope)


def destinations(*regions: str, model: str = HAIKU) -> list[str]:
    return [f"arn:aws:bedrock:{region}::foundation-model/{model}" for region in regions]


@pytest.mark.parametrize(
    ("regions", "model_id"),
    [
        pytest.param(["ap-northeast-1"], HAIKU, id="one-region"),
        pytest.param(["ap-northeast-1", ""], f"global.{HAIKU}", id="no-region-is-everywhere"),
        pytest.param(["ap-northeast-1", "ap-northeast-3"], f"jp.{HAIKU}", id="jp"),
        pytest.param(["ap-southeast-4", "ap-southeast-2"], f"au.{HAIKU}", id="au"),
        pytest.param(["ap-northeast-1", "ap-south-1"], f"apac.{HAIKU}", id="apac"),
        pytest.param(["eu-west-1", "eu-central-1"], f"eu.{HAIKU}", id="eu"),
        pytest.param(["us-west-2", "ca-central-1"], f"us.{HAIKU}", id="us"),
        pytest.param(["us-gov-west-1", "us-gov-east-1"], f"us-gov.{HAIKU}", id="us-gov"),
        pytest.param(["xx-north-1", "xx-north-2"], f"us.{HAIKU}", id="a-new-geography-has-the-dearer-price"),
    ],
)
def test_what_an_application_profile_is_made_of(regions: list[str], model_id: str) -> None:
    """Its destinations tell the model, and whether its price is that of a geographic profile."""
    assert model_of_destinations(destinations(*regions)) == model_id


@pytest.mark.parametrize(
    "arns",
    [
        pytest.param([], id="none"),
        pytest.param(["arn:aws:s3:::bucket"], id="not-of-a-model"),
        pytest.param([*destinations("us-east-1"), *destinations("us-east-2", model="other")], id="two-models"),
    ],
)
def test_destinations_that_say_no_model(arns: list[str]) -> None:
    with pytest.raises(ValueError, match="not the ARNs of one model"):
        model_of_destinations(arns)


def test_only_an_application_profile_hides_its_model() -> None:
    assert not is_application_profile(f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{HAIKU}")
    assert not is_application_profile(HAIKU)
    assert is_application_profile("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2")
