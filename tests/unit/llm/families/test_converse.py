"""How any model is asked by Converse, and how thoughts and stop reasons are read."""

from __future__ import annotations

import json
from typing import Any

import botocore.loaders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.batch_lines import answer_schema
from tasks.llm.families.base import Reply, StopKind
from tasks.llm.families.converse import REASONING_BUDGET_TOKENS, Converse
from tests import factories

LLAMA = "meta.llama3-3-70b-instruct-v1:0"
PLAIN = {
    "system": [{"text": "Judge the comment."}],
    "messages": [{"role": "user", "content": [{"text": "<comment>\n&lt;/comment&gt;\n</comment>"}]}],
    "inferenceConfig": {"maxTokens": 100, "temperature": 0.0},
}


def body(model_id: str) -> dict[str, Any]:
    return Converse.of(model_id).body(factories.prompt(), "</comment>")


@pytest.mark.parametrize(
    "model_id",
    [
        LLAMA,
        "amazon.nova-2-lite-v1:0",
        "mistral.mistral-large-3-675b-instruct",
        pytest.param("anthropic.claude-sonnet-5", id="claude-whose-card-has-no-structured-output"),
        pytest.param("anthropic.claude-3-haiku-20240307-v1:0", id="claude-of-old"),
    ],
)
def test_a_body_is_converses_without_the_model(model_id: str) -> None:
    """A model of which nothing more is known gets system, one user turn and its parameters, and never tools."""
    assert body(model_id) == PLAIN


@pytest.mark.parametrize(
    "model_id",
    [
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-sonnet-4-6",
        "anthropic.claude-opus-4-5-20251101-v1:0",
        "anthropic.claude-opus-4-6-v1",
    ],
)
def test_a_documented_model_is_held_to_the_schema(model_id: str) -> None:
    """A model with structured output gets the answer's schema besides, as the text that Converse wants."""
    actual = body(model_id)
    text_format = actual.pop("outputConfig")["textFormat"]
    assert actual == PLAIN
    assert text_format["type"] == "json_schema"
    definition = text_format["structure"]["jsonSchema"]
    assert json.loads(definition["schema"]) == answer_schema(("spam", "hate", "none"))


@pytest.mark.parametrize(
    ("model_id", "fields"),
    [
        ("openai.gpt-oss-20b-1:0", {"reasoning_effort": "low"}),
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "low"}),
        ("openai.gpt-oss-safeguard-20b", None),
        ("openai.gpt-oss-safeguard-120b", None),
    ],
)
def test_a_model_that_thinks_has_room_to(model_id: str, fields: dict[str, str] | None) -> None:
    """Thoughts come out of maxTokens, so the answer's own tokens are added to a budget for them."""
    actual = body(model_id)
    assert actual.pop("additionalModelRequestFields", None) == fields
    assert actual["inferenceConfig"]["maxTokens"] == REASONING_BUDGET_TOKENS + 100
    assert {**actual, "inferenceConfig": PLAIN["inferenceConfig"]} == PLAIN


def test_bodies_have_only_what_converse_takes() -> None:
    """Every key is a member of Converse's request, and none is the model or tools."""
    service = botocore.loaders.create_loader().load_service_model("bedrock-runtime", "service-2")
    members = set(service["shapes"]["ConverseRequest"]["members"])
    for model_id in (LLAMA, "anthropic.claude-haiku-4-5", "openai.gpt-oss-20b-1:0"):
        assert set(body(model_id)) <= members - {"modelId", "toolConfig"}


STOPS = {
    "end_turn": StopKind.FINISHED,
    "stop_sequence": StopKind.FINISHED,
    "max_tokens": StopKind.TRUNCATED,
    "model_context_window_exceeded": StopKind.TRUNCATED,
    "content_filtered": StopKind.REFUSED,
    "guardrail_intervened": StopKind.REFUSED,
    "refusal": StopKind.REFUSED,
    "tool_use": StopKind.OTHER,
    "malformed_model_output": StopKind.OTHER,
    "malformed_tool_use": StopKind.OTHER,
    "something_new": StopKind.OTHER,
}


@pytest.mark.parametrize(("stop_reason", "stop"), STOPS.items())
def test_stop_reasons_are_four_kinds(stop_reason: str, stop: StopKind) -> None:
    """Only an end of turn or a stop sequence is an answer; a reason nobody knows is not."""
    reply = Converse().read(factories.message_output("text", stop_reason))
    assert reply == Reply(stop, stop_reason, "text", 1000, 50)


def test_every_stop_reason_of_converse_was_thought_of() -> None:
    """botocore's own list has no stop reason that the table above lacks."""
    service = botocore.loaders.create_loader().load_service_model("bedrock-runtime", "service-2")
    assert set(service["shapes"]["StopReason"]["enum"]) <= set(STOPS)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param([], "", id="empty"),
        pytest.param([{"text": "a"}, {"text": "b"}], "ab", id="two-blocks"),
        pytest.param(
            [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "a"}], "a", id="thoughts-apart"
        ),
        pytest.param([{"text": "<reasoning>hm</reasoning>a"}], "a", id="thoughts-before"),
        pytest.param([{"text": " \n<reasoning>hm\n</reasoning>\n\na"}], "\n\na", id="with-white-space"),
        pytest.param([{"text": "<reasoning>hm</reasoning>"}, {"text": "a"}], "a", id="thoughts-in-a-text-block"),
        pytest.param([{"text": "<reasoning>hm {}"}], "", id="thoughts-cut-off"),
        pytest.param([{"text": "a<reasoning>hm</reasoning>"}], "a<reasoning>hm</reasoning>", id="tag-in-an-answer"),
        pytest.param(["a", None, {"text": None}, {}], "", id="junk"),
    ],
)
def test_the_text_is_the_answer_without_thoughts(content: list[Any], text: str) -> None:
    """Text blocks are joined in order; thoughts, in blocks of their own or before the answer, are no part of it."""
    output = factories.message_output()
    output["output"]["message"]["content"] = content
    assert Converse().read(output).text == text


@given(
    thoughts=st.text()
    | st.lists(st.sampled_from(["</reasoning>", "<reasoning>", '{"violation": false}'])).map("".join),
    answer=st.text().filter(lambda text: "</reasoning>" not in text),
)
def test_no_thought_is_taken_for_the_answer(thoughts: str, answer: str) -> None:
    """Whatever a comment makes the model think, closing tags included, the answer is what comes after the last one."""
    output = factories.message_output(f"<reasoning>{thoughts}</reasoning>{answer}")
    assert Converse().read(output).text == answer
