"""The model behind an id."""

from __future__ import annotations

import pytest

from tasks.llm.model_ids import ModelRef, Scope, parse_model_id

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
