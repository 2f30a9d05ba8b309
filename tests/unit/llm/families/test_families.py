"""Which family a model belongs to, how Claude is asked, and what every family makes of documented outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import prompts
from data_contracts.batch_lines import InvocationChoice, OutputLine, answer_schema
from tasks.base.errors import PromptInvalid, UnsupportedModel
from tasks.ledger.prices import find_price
from tasks.llm.answer import read_line
from tasks.llm.families import pick_family
from tasks.llm.families.base import Family, NoReply, Reply, StopKind, token_count
from tasks.llm.families.claude import Claude
from tasks.llm.families.converse import Converse
from tasks.llm.families.nova import Nova
from tests import factories

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
APPLICATION_PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
SCOPES = ("us", "eu", "au", "jp", "apac", "global")

#: Model outputs as AWS documents them, each naming its page.
ANSWERS = sorted((Path(__file__).parents[3] / "golden" / "answers").glob("*.json"))


def every_form(model_id: str) -> list[str]:
    """A model's id, those of its inference profiles, and the ARNs of both."""
    profiles = [f"{scope}.{model_id}" for scope in SCOPES]
    arns = [f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{profile}" for profile in profiles]
    return [model_id, *profiles, *arns, f"arn:aws:bedrock:us-east-1::foundation-model/{model_id}"]


@pytest.mark.parametrize(
    ("base_id", "name", "invocation_type"),
    [
        (HAIKU, "claude", "InvokeModel"),
        ("anthropic.claude-opus-5", "claude", "InvokeModel"),
        ("amazon.nova-micro-v1:0", "nova", "InvokeModel"),
        ("amazon.nova-lite-v1:0", "nova", "InvokeModel"),
        ("amazon.nova-pro-v1:0", "nova", "InvokeModel"),
        ("amazon.nova-premier-v1:0", "nova", "InvokeModel"),
        ("amazon.nova-2-lite-v1:0", "nova", "InvokeModel"),
        ("meta.llama3-3-70b-instruct-v1:0", "converse", "Converse"),
        ("meta.llama4-scout-17b-instruct-v1:0", "converse", "Converse"),
        ("openai.gpt-oss-20b-1:0", "converse", "Converse"),
        ("openai.gpt-oss-120b-1:0", "converse", "Converse"),
        ("openai.gpt-oss-safeguard-20b", "converse", "Converse"),
        ("openai.gpt-oss-safeguard-120b", "converse", "Converse"),
    ],
)
def test_a_family_answers_to_every_form_of_an_id(base_id: str, name: str, invocation_type: str) -> None:
    """A family is found by model id, by inference profile and by the ARN of either; the shipped prompt is for all."""
    prompt = prompts.load("comment_review", "v1")
    found = {pick_family(model_id, prompt) for model_id in every_form(base_id)}
    assert {(family.name, family.invocation_type) for family in found} == {(name, invocation_type)}


@pytest.mark.parametrize(
    "model_id",
    [
        pytest.param("cohere.embed-v4:0", id="another-provider"),
        pytest.param("claude-haiku-4-5", id="no-provider"),
        pytest.param("amazon.nova-canvas-v1:0", id="nova-that-paints"),
        pytest.param("amazon.nova-2-multimodal-embeddings-v1:0", id="nova-that-embeds"),
        pytest.param("amazon.nova-sonic-v1:0", id="nova-that-speaks"),
        pytest.param("openai.gpt-5.4", id="closed-openai"),
        pytest.param(APPLICATION_PROFILE, id="arn-that-names-no-model"),
        pytest.param("", id="empty"),
    ],
)
def test_a_model_of_no_family_is_refused(model_id: str) -> None:
    """A model that nobody can ask is wrong usage: the setting is named, and what is supported."""
    with pytest.raises(UnsupportedModel, match="MODERATION_MODEL_ID ") as error:
        pick_family(model_id)
    for known in ("anthropic.claude*", "amazon.nova-2-lite*", "meta.llama*", "openai.gpt-oss*"):
        assert known in str(error.value)


@pytest.mark.parametrize(
    ("model_id", "choice", "name"),
    [
        pytest.param(HAIKU, "InvokeModel", "claude", id="claude-by-its-own-body"),
        pytest.param(HAIKU, "Converse", "converse", id="claude-by-converse"),
        pytest.param("amazon.nova-lite-v1:0", "InvokeModel", "nova", id="nova-by-its-own-body"),
        pytest.param("eu.amazon.nova-lite-v1:0", "Converse", "converse", id="nova-by-converse"),
        pytest.param("meta.llama3-3-70b-instruct-v1:0", "Converse", "converse", id="llama"),
        pytest.param("mistral.mistral-large-3-675b-instruct", "Converse", "converse", id="any-other-model"),
        pytest.param(APPLICATION_PROFILE, "Converse", "converse", id="arn-that-names-no-model"),
    ],
)
def test_a_deployment_may_choose_the_invocation_type(model_id: str, choice: InvocationChoice, name: str) -> None:
    """Converse takes any model; a model's own body takes the models of its family."""
    assert pick_family(model_id, invocation_type=choice).name == name


@pytest.mark.parametrize(
    ("model_id", "choice"),
    [
        pytest.param("meta.llama3-3-70b-instruct-v1:0", "InvokeModel", id="llama-has-no-own-body-here"),
        pytest.param("openai.gpt-oss-20b-1:0", "InvokeModel", id="nor-has-gpt-oss"),
        pytest.param("claude-haiku-4-5", "Converse", id="no-provider"),
        pytest.param("", "Converse", id="empty"),
    ],
)
def test_a_choice_that_a_model_does_not_have_is_refused(model_id: str, choice: InvocationChoice) -> None:
    """A model that cannot be asked in the chosen way is wrong usage, naming the choice."""
    with pytest.raises(UnsupportedModel, match=f"MODERATION_INVOCATION_TYPE={choice}"):
        pick_family(model_id, invocation_type=choice)


@pytest.mark.parametrize(
    "model_id",
    [
        "amazon.nova-micro-v1:0",
        "eu.amazon.nova-lite-v1:0",
        "apac.amazon.nova-pro-v1:0",
        "jp.amazon.nova-2-lite-v1:0",
        "us.meta.llama3-3-70b-instruct-v1:0",
        "openai.gpt-oss-20b-1:0",
        "openai.gpt-oss-120b-1:0",
        "openai.gpt-oss-safeguard-20b",
        "openai.gpt-oss-safeguard-120b",
    ],
)
def test_the_models_of_the_families_have_a_price(model_id: str) -> None:
    """What a family is named for is in the shipped price list: its nights have an estimate and a cost."""
    price = find_price(model_id, "batch")
    assert price is not None
    assert min(price) > 0


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_documented_outputs_are_read(path: Path) -> None:
    """Answers, refusals and broken answers of each family, in the shapes that AWS documents, get their status."""
    case = json.loads(path.read_text(encoding="utf-8"))
    family = pick_family(case["model_id"], invocation_type=case["invocation_type"])
    line = OutputLine(recordId="r1", modelOutput=case["modelOutput"])
    actual = read_line(line, family, ("spam", "none"))
    assert case["expected"] == {
        "status": actual.status,
        "status_detail": actual.status_detail,
        "category": actual.answer.category if actual.answer else None,
        "input_tokens": actual.input_tokens,
        "output_tokens": actual.output_tokens,
    }


def test_only_models_that_think_are_expected_to() -> None:
    """The estimate counts thoughts for gpt-oss alone, however the others are asked."""
    plain: list[Family] = [
        Claude(),
        Nova(),
        *(Converse.of(model) for model in (HAIKU, "amazon.nova-lite-v1:0", "meta.llama3-3-70b")),
    ]
    thinking = [Converse.of(f"openai.gpt-oss-{name}") for name in ("20b-1:0", "120b-1:0", "safeguard-20b")]
    assert {family.reasoning_tokens for family in plain} == {0}
    assert min(family.reasoning_tokens for family in thinking) > 0


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
        ("end_turn", StopKind.FINISHED),
        ("stop_sequence", StopKind.FINISHED),
        ("max_tokens", StopKind.TRUNCATED),
        ("model_context_window_exceeded", StopKind.TRUNCATED),
        ("refusal", StopKind.REFUSED),
        ("tool_use", StopKind.OTHER),
        ("pause_turn", StopKind.OTHER),
        ("something_new", StopKind.OTHER),
    ],
)
def test_stop_reasons_are_four_kinds(stop_reason: str, stop: StopKind) -> None:
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
    ],
)
def test_another_shape_is_no_claude_output(change: dict[str, Any]) -> None:
    """An output without its stop reason, or with content of another kind, is of another shape."""
    with pytest.raises(NoReply, match="no stop_reason, or content that is no list"):
        Claude().read(factories.claude_output() | change)


def test_a_refusal_need_not_hold_any_content() -> None:
    """Why it stopped is looked at first: a refusal without content is one, like a refusal with an empty list."""
    refused = factories.claude_output("", "refusal") | {"content": []}
    expected = Reply(StopKind.REFUSED, "refusal", "", 1000, 50)
    assert Claude().read(refused) == expected
    assert Claude().read(refused | {"content": None}) == expected
    del refused["content"]
    assert Claude().read(refused) == expected


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
