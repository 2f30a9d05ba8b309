"""How Claude is asked and how its output is read."""

from __future__ import annotations

from typing import Any

import pytest

from data_contracts.batch_lines import answer_schema
from tasks.errors import PromptInvalid, UnsupportedModel
from tasks.families import pick_family
from tasks.families.base import Reply, Stop, token_count
from tasks.families.claude import Claude
from tests import factories

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.mark.parametrize(
    "model_id",
    [
        HAIKU,
        *(f"{scope}.{HAIKU}" for scope in ("us", "eu", "au", "jp", "global")),
        f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}",
        f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{HAIKU}",
    ],
)
def test_claude_answers_to_every_form_of_its_id(model_id: str) -> None:
    """A family is found by model id, by inference profile and by the ARN of either."""
    family = pick_family(model_id, factories.prompt())
    assert (family.name, family.invocation_type) == ("claude", "InvokeModel")


@pytest.mark.parametrize("model_id", ["cohere.embed-v4:0", "claude-haiku-4-5", ""])
def test_a_model_of_no_family_is_refused(model_id: str) -> None:
    """A model that nobody can ask is wrong usage: the setting is named, and what is supported."""
    with pytest.raises(UnsupportedModel, match=r"MODERATION_MODEL_ID .* \(anthropic\.claude\*.*\)"):
        pick_family(model_id)


def test_a_prompt_for_another_family_is_refused() -> None:
    """A prompt says which families it was written for."""
    with pytest.raises(PromptInvalid, match="tiny/v1 is written for nova, not for claude"):
        pick_family(HAIKU, factories.prompt(families=("nova",)))


def test_a_body_is_the_messages_body_with_a_schema() -> None:
    """Claude is asked by InvokeModel's Messages body: system, one user turn, the answer's JSON schema."""
    actual = Claude().body(factories.prompt(), "</comment>")
    expected = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "temperature": 0.0,
        "system": "Judge the comment.",
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "<comment>\n&lt;/comment&gt;\n</comment>"}],
            }
        ],
        "output_config": {
            "format": {"type": "json_schema", "schema": answer_schema(("spam", "hate", "none"))},
        },
    }
    assert actual == expected


def test_the_schema_keeps_to_what_bedrock_takes() -> None:
    """Every key is required, no other is allowed, and no range is asked for: Bedrock refuses ranges."""
    schema = answer_schema(("spam", "none"))
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"])
    assert schema["properties"]["category"]["enum"] == ["spam", "none"]
    used = {key for rule in schema["properties"].values() for key in rule}
    assert used <= {"type", "enum"}


@pytest.mark.parametrize(
    ("stop_reason", "stop"),
    [
        ("end_turn", Stop.FINISHED),
        ("stop_sequence", Stop.FINISHED),
        ("max_tokens", Stop.TRUNCATED),
        ("model_context_window_exceeded", Stop.TRUNCATED),
        ("refusal", Stop.REFUSED),
        ("tool_use", Stop.OTHER),
        ("pause_turn", Stop.OTHER),
        ("something_new", Stop.OTHER),
    ],
)
def test_stop_reasons_are_four_kinds(stop_reason: str, stop: Stop) -> None:
    """Only an end of turn or a stop sequence is an answer; a reason nobody knows is not."""
    reply = Claude().read(factories.claude_output("text", stop_reason))
    assert reply == Reply(stop, stop_reason, "text", 1000, 50)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param([], "", id="empty"),
        pytest.param([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab", id="two-blocks"),
        pytest.param(
            [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}], "a", id="thinking-is-no-answer"
        ),
        pytest.param(["a", None, {"type": "text"}], "", id="junk"),
    ],
)
def test_the_text_is_that_of_the_text_blocks(content: list[Any], text: str) -> None:
    """Text blocks are joined in order; other blocks say nothing."""
    assert Claude().read(factories.claude_output() | {"content": content}).text == text


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"stop_reason": None}, id="no-stop-reason"),
        pytest.param({"stop_reason": 1}, id="stop-reason-is-no-text"),
        pytest.param({"content": "text"}, id="content-is-no-list"),
        pytest.param({"content": None}, id="no-content"),
    ],
)
def test_another_shape_is_no_claude_output(change: dict[str, Any]) -> None:
    """An output without its stop reason or its content is of another shape."""
    with pytest.raises(ValueError, match="no stop_reason or no content"):
        Claude().read(factories.claude_output() | change)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param({"n": 7}, 7, id="count"),
        pytest.param({"n": 0}, 0, id="zero"),
        pytest.param({"n": -1}, None, id="negative"),
        pytest.param({"n": True}, None, id="boolean"),
        pytest.param({"n": 7.0}, None, id="float"),
        pytest.param({"n": "7"}, None, id="text"),
        pytest.param({}, None, id="absent"),
        pytest.param(None, None, id="no-usage"),
        pytest.param([7], None, id="usage-is-no-object"),
    ],
)
def test_a_token_count_is_a_whole_number_or_unknown(usage: object, expected: int | None) -> None:
    """What is not a count is unknown, not 0."""
    assert token_count(usage, "n") == expected
