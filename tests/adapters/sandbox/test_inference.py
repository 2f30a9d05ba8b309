"""The sandbox's models: bodies they take and refuse, and answers in each family's own shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from sandbox.bedrock.tokens import count_tokens, cut_to_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bench import Bench

CLAUDE = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "global.amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
GPT_OSS = "openai.gpt-oss-20b-1:0"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "violation": {"type": "boolean"},
        "category": {"type": "string", "enum": ["spam", "none"]},
        "confidence": {"type": "number"},
        "explanation": {"type": "string"},
    },
    "required": ["violation", "category", "confidence", "explanation"],
    "additionalProperties": False,
}
VERDICT_KEYS = list(SCHEMA["properties"])


def with_schema(schema: Mapping[str, Any] = SCHEMA) -> dict[str, Any]:
    """The part of a Claude body that asks for structured output."""
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def nova_body(text: str = "fine", **config: Any) -> dict[str, Any]:
    """A Nova body about one comment."""
    messages = [{"role": "user", "content": [{"text": f"<comment>{text}</comment>"}]}]
    return {"messages": messages, "inferenceConfig": {"maxTokens": 200, **config}}


def assert_like(actual: Any, example: Any) -> None:
    """Every member of a documented example is there, with its JSON type."""
    if isinstance(example, dict):
        assert isinstance(actual, dict)
        assert example.keys() <= actual.keys()
        for key, item in example.items():
            assert_like(actual[key], item)
    elif isinstance(example, list):
        assert isinstance(actual, list)
        assert len(actual) == len(example)
        for one, other in zip(actual, example, strict=True):
            assert_like(one, other)
    else:
        assert type(actual) is type(example)


def test_claude_answers_as_documented(bench: Bench, documented: Mapping[str, Any]) -> None:
    """A Messages body of AWS's own making is taken, and its answer has the documented members."""
    assert_like(bench.invoke(documented["claude_messages_request"]), documented["claude_messages_response"])


def test_structured_output_is_pure_json(bench: Bench) -> None:
    """With output_config every answer is JSON with exactly the schema's properties, in its order."""
    for number in range(30):
        answer = bench.invoke(bench.body(f"bad {number}", **with_schema()))
        verdict = orjson.loads(answer["content"][0]["text"])
        assert list(verdict) == VERDICT_KEYS
        assert verdict["violation"] is True


def test_structured_output_keeps_to_the_enumeration(bench: Bench) -> None:
    """A category that the schema does not have cannot be answered."""
    properties = {**SCHEMA["properties"], "category": {"type": "string", "enum": ["fraud", "none"]}}
    answer = bench.invoke(bench.body("bad", **with_schema({**SCHEMA, "properties": properties})))
    assert orjson.loads(answer["content"][0]["text"])["category"] == "none"


def test_without_a_schema_some_answers_are_fenced(bench: Bench) -> None:
    """About one answer in ten stands in a Markdown fence, always the same ones."""
    answers = [bench.invoke(bench.body(f"comment {number}"))["content"][0]["text"] for number in range(80)]
    assert 1 <= sum(answer.startswith("```json\n") for answer in answers) <= 24
    assert answers[:5] == [bench.invoke(bench.body(f"comment {n}"))["content"][0]["text"] for n in range(5)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"max_tokens": None}, "#: required key [max_tokens] not found", id="no-max-tokens"),
        pytest.param({"anthropic_version": None}, "#: required key [anthropic_version] not found", id="no-version"),
        pytest.param({"anthropic_version": "2023-06-01"}, "anthropic_version", id="other-version"),
        pytest.param({"model": "claude"}, "#: extraneous key [model] is not permitted", id="model-in-body"),
        pytest.param({"top_p": 0.9}, "`temperature` and `top_p` cannot both be specified", id="two-samplers"),
        pytest.param({"temperature": 1.5}, "1.5 is not less or equal to 1", id="temperature"),
        pytest.param({"max_tokens": 0}, "0 is not greater or equal to 1", id="no-tokens"),
        pytest.param({"max_tokens": "9"}, "expected type: Integer, found: String", id="text-for-number"),
        pytest.param({"messages": []}, "at least one message", id="no-messages"),
        pytest.param({"messages": [{"role": "robot", "content": "x"}]}, "not a valid enum value", id="role"),
        pytest.param({"messages": [{"role": "assistant", "content": "x"}]}, "first message", id="starts-as-assistant"),
        pytest.param({"messages": [{"role": "user", "content": " "}]}, "non-empty", id="blank-text"),
        pytest.param({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "type: Field required", id="block"),
        pytest.param(with_schema({"type": "object", "properties": {}}), "additionalProperties", id="open-object"),
        pytest.param(
            with_schema({"type": "number", "minimum": 0, "maximum": 1}),
            "output_config.format.schema: For 'number' type, properties maximum, minimum are not supported",
            id="range",
        ),
        pytest.param(
            with_schema({"type": "string", "maxLength": 9}),
            "output_config.format.schema: For 'string' type, property 'maxLength' is not supported",
            id="length",
        ),
        pytest.param(with_schema({"$ref": "https://example.com/schema"}), "External $ref", id="external-ref"),
        pytest.param(
            with_schema({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}), "Recursive", id="recursion"
        ),
    ],
)
def test_claude_refuses(bench: Bench, changes: dict[str, Any], message: str) -> None:
    """A body that the model does not take is a ValidationException on demand, in AWS's words."""
    error = bench.refused(bench.runtime.invoke_model, modelId=CLAUDE, body=orjson.dumps(bench.body(**changes)))
    assert error.response["Error"]["Code"] == "ValidationException"
    assert message in error.response["Error"]["Message"]


def test_a_body_that_is_no_json_is_malformed(bench: Bench) -> None:
    """Broken JSON in a body is the caller's error."""
    for body in (b"{", b"[]", b""):
        error = bench.refused(bench.runtime.invoke_model, modelId=CLAUDE, body=body)
        assert error.response["Error"]["Code"] == "ValidationException"
        assert "Malformed input request" in error.response["Error"]["Message"]


def test_max_tokens_cuts_the_answer(bench: Bench) -> None:
    """An answer longer than max_tokens is cut there and says so."""
    answer = bench.invoke(bench.body(max_tokens=5))
    assert (answer["stop_reason"], answer["usage"]["output_tokens"]) == ("max_tokens", 5)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(answer["content"][0]["text"])


def test_no_comment_no_verdict(bench: Bench) -> None:
    """A prompt without a comment is answered in prose."""
    answer = bench.invoke(bench.body(messages=[{"role": "user", "content": "Hello"}]))
    assert not answer["content"][0]["text"].startswith("{")


def test_nova_answers_as_documented(bench: Bench, documented: Mapping[str, Any]) -> None:
    """Nova takes its own body and answers in its own shape."""
    assert_like(bench.invoke(documented["nova_request"], NOVA), documented["nova_response"])
    assert_like(bench.invoke(documented["nova_request"], "amazon.nova-lite-v1:0"), documented["nova_response"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"max_tokens": 9}, "#: extraneous key [max_tokens] is not permitted", id="parameter-at-the-top"),
        pytest.param({"inferenceConfig": {"max_tokens": 9}}, "extraneous key [max_tokens]", id="parameter-name"),
        pytest.param({"system": "be kind"}, "expected type: JSONArray, found: String", id="system-text"),
        pytest.param({"messages": [{"role": "user", "content": "x"}]}, "expected type: JSONArray", id="content-text"),
        pytest.param({"messages": None}, "required key [messages] not found", id="no-messages"),
    ],
)
def test_nova_refuses(bench: Bench, changes: dict[str, Any], message: str) -> None:
    """Nova's parameters stand in inferenceConfig, its texts in blocks."""
    body = orjson.dumps({**nova_body(), **changes})
    error = bench.refused(bench.runtime.invoke_model, modelId=NOVA, body=body)
    assert message in error.response["Error"]["Message"]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param({"reasoningConfig": {"type": "disabled"}}, id="at-the-top"),
        pytest.param({"inferenceConfig": {"reasoningConfig": {"type": "disabled"}}}, id="in-inference-config"),
    ],
)
def test_only_nova_2_knows_of_thinking(bench: Bench, place: dict[str, Any]) -> None:
    """AWS's pages for Nova 2 put reasoningConfig in two places: both are taken, and none is Nova 1's."""
    body = {**nova_body(), **place}
    assert bench.invoke(body, NOVA)["stopReason"] == "end_turn"
    error = bench.refused(bench.runtime.invoke_model, modelId="amazon.nova-lite-v1:0", body=orjson.dumps(body))
    assert "extraneous key [reasoningConfig]" in error.response["Error"]["Message"]


def test_a_prefilled_fence_is_continued(bench: Bench) -> None:
    """After an open fence as prefill and its end as stop sequence, the answer is the bare JSON."""
    body = nova_body("bad", stopSequences=["```"])
    body["messages"].append({"role": "assistant", "content": [{"text": "```json"}]})
    answer = bench.invoke(body, NOVA)
    assert answer["stopReason"] == "stop_sequence"
    assert orjson.loads(answer["output"]["message"]["content"][0]["text"])["violation"] is True


def test_llama_answers_as_documented(bench: Bench, documented: Mapping[str, Any]) -> None:
    """Llama takes one formatted prompt and answers a generation."""
    body = {"prompt": "<|begin_of_text|>Judge <comment>fine</comment>", "max_gen_len": 200, "temperature": 0}
    assert_like(bench.invoke(body, LLAMA), documented["llama_response"])
    error = bench.refused(bench.runtime.invoke_model, modelId=LLAMA, body=orjson.dumps(bench.body()))
    assert "required key [prompt] not found" in error.response["Error"]["Message"]
    assert bench.invoke({**body, "max_gen_len": 3}, LLAMA)["stop_reason"] == "length"


def test_gpt_oss_reasons_before_it_answers(bench: Bench, documented: Mapping[str, Any]) -> None:
    """gpt-oss puts its reasoning before the text and pays for it out of the same budget."""
    body = {
        "messages": [
            {"role": "system", "content": "Judge."},
            {"role": "user", "content": "<comment>bad</comment>"},
        ],
        "max_completion_tokens": 300,
    }
    answer = bench.invoke(body, GPT_OSS)
    assert_like(answer, documented["gpt_oss_response"])
    content = answer["choices"][0]["message"]["content"]
    assert content.startswith("<reasoning>")
    assert '"violation"' in content.partition("</reasoning>")[2]
    short = bench.invoke({**body, "max_completion_tokens": 10}, GPT_OSS)
    assert short["choices"][0]["finish_reason"] == "length"
    assert short["choices"][0]["message"]["content"].partition("</reasoning>")[2] == ""


@pytest.mark.parametrize("model_id", [CLAUDE, NOVA, LLAMA, GPT_OSS])
def test_converse_answers_all_families_alike(bench: Bench, documented: Mapping[str, Any], model_id: str) -> None:
    """Converse has one shape for every family; reasoning is a block of its own."""
    answer = bench.runtime.converse(
        modelId=model_id,
        messages=[{"role": "user", "content": [{"text": "<comment>bad</comment>"}]}],
        system=[{"text": "Judge the comment."}],
        inferenceConfig={"maxTokens": 300, "temperature": 0},
    )
    blocks = answer["output"]["message"]["content"]
    assert ("reasoningContent" in blocks[0]) is (model_id == GPT_OSS)
    answer["output"]["message"]["content"] = blocks[-1:]
    assert_like({key: answer[key] for key in documented["converse_response"]}, documented["converse_response"])
    assert '"violation": true' in blocks[-1]["text"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"reasoning_effort": "low"}, None, id="effort"),
        pytest.param({"reasoning_effort": "none"}, "none is not a valid enum value", id="effort-it-does-not-have"),
        pytest.param({"thinking": {"type": "enabled"}}, "Unknown parameter: 'thinking'", id="claude's-field"),
    ],
)
def test_converse_hands_gpt_oss_its_own_fields(bench: Bench, fields: dict[str, Any], message: str | None) -> None:
    """What Converse has no name for goes to the model, which knows its chat body's fields and no others."""
    parameters = converse_input(additionalModelRequestFields=fields)
    if message is None:
        assert bench.runtime.converse(modelId=GPT_OSS, **parameters)["stopReason"] == "end_turn"
    else:
        error = bench.refused(bench.runtime.converse, modelId=GPT_OSS, **parameters)
        assert message in error.response["Error"]["Message"]


def converse_input(text: str = "fine", **changes: Any) -> dict[str, Any]:
    """A Converse body about one comment."""
    return {"messages": [{"role": "user", "content": [{"text": f"<comment>{text}</comment>"}]}], **changes}


def test_converse_jobs_answer_in_converses_shape(bench: Bench, documented: Mapping[str, Any]) -> None:
    """A job of type Converse takes Converse bodies and writes Converse responses."""
    records = [{"recordId": f"r{n}", "modelInput": converse_input(f"bad {n}")} for n in range(100)]
    job = bench.run(records, modelId=LLAMA, modelInvocationType="Converse")
    assert job["successRecordCount"] == 100
    assert_like(bench.lines(job)[0]["modelOutput"], documented["converse_response"])


@pytest.mark.parametrize(
    ("model_input", "message"),
    [
        pytest.param(converse_input(toolConfig={"tools": []}), "toolConfig", id="tools"),
        pytest.param(converse_input(max_tokens=9), "extraneous key [max_tokens]", id="unknown-key"),
        pytest.param(converse_input(modelId=CLAUDE), "extraneous key [modelId]", id="model-id"),
        pytest.param({"messages": [{"role": "user", "content": "text"}]}, "can not be converted", id="content-text"),
        pytest.param({"messages": [{"role": "user", "content": [{}]}]}, "exactly one of", id="empty-block"),
        pytest.param(converse_input(inferenceConfig={"temperature": 2}), "less than or equal to 1", id="temperature"),
        pytest.param(
            converse_input(inferenceConfig={"temperature": 0, "topP": 1}), "cannot both be specified", id="two-samplers"
        ),
        pytest.param({"system": [{"text": "x"}]}, "required key [messages] not found", id="no-messages"),
    ],
)
def test_bad_converse_records_are_error_lines(bench: Bench, model_input: dict[str, Any], message: str) -> None:
    """What Converse would refuse, and tools, are 400 lines of a Converse job."""
    records: list[dict[str, Any]] = [{"recordId": f"r{n}", "modelInput": converse_input()} for n in range(100)]
    records[3]["modelInput"] = model_input
    job = bench.run(records, modelInvocationType="Converse")
    lines = {line["recordId"]: line for line in bench.lines(job)}
    assert job["errorRecordCount"] == 1
    assert lines["r3"]["error"]["errorCode"] == 400
    assert message in lines["r3"]["error"]["errorMessage"]


def text_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Converse's way to ask for structured output: the schema is a string."""
    definition = {"schema": orjson.dumps(schema).decode(), "name": "verdict"}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}


def test_converse_takes_a_schema_as_text(bench: Bench) -> None:
    """outputConfig.textFormat holds Claude to a schema; the subset is the same; Nova 2 Lite has no such output."""
    messages = converse_input("bad")["messages"]
    answer = bench.runtime.converse(modelId=CLAUDE, messages=messages, outputConfig=text_format(SCHEMA))
    assert list(orjson.loads(answer["output"]["message"]["content"][0]["text"])) == VERDICT_KEYS
    ranged = {"type": "number", "minimum": 0}
    error = bench.refused(bench.runtime.converse, modelId=CLAUDE, messages=messages, outputConfig=text_format(ranged))
    assert "property 'minimum' is not supported" in error.response["Error"]["Message"]
    error = bench.refused(bench.runtime.converse, modelId=NOVA, messages=messages, outputConfig=text_format(SCHEMA))
    assert error.response["Error"]["Code"] == "ValidationException"


def test_counted_tokens_are_the_charged_tokens(bench: Bench) -> None:
    """CountTokens of a body is the usage of its answer, structured output included, free of charge."""
    for body in (bench.body("日本語のコメント"), bench.body("plain", **with_schema())):
        counted = bench.runtime.count_tokens(
            modelId="anthropic.claude-haiku-4-5-20251001-v1:0", input={"invokeModel": {"body": orjson.dumps(body)}}
        )
        assert counted["inputTokens"] == bench.invoke(body)["usage"]["input_tokens"]
    conversation = converse_input("日本語", system=[{"text": "Judge."}])
    counted = bench.runtime.count_tokens(
        modelId="anthropic.claude-haiku-4-5-20251001-v1:0", input={"converse": conversation}
    )
    assert counted["inputTokens"] == bench.runtime.converse(modelId=CLAUDE, **conversation)["usage"]["inputTokens"]


@pytest.mark.parametrize("model_id", [CLAUDE, "amazon.nova-2-lite-v1:0", "nobody.knows"])
def test_not_every_model_counts_tokens(bench: Bench, model_id: str) -> None:
    """CountTokens refuses a profile's id and a model that cannot count."""
    body = orjson.dumps(bench.body())
    error = bench.refused(bench.runtime.count_tokens, modelId=model_id, input={"invokeModel": {"body": body}})
    assert error.response["Error"]["Code"] == "ValidationException"


def test_on_demand_bodies_are_counted(bench: Bench) -> None:
    """Each answered InvokeModel body is counted by its hash, refused ones are not."""
    bench.invoke(bench.body("one"))
    bench.invoke(bench.body("one"))
    bench.refused(bench.runtime.invoke_model, modelId=CLAUDE, body=b"{}")
    assert list(bench.bedrock.paid_bodies.values()) == [2]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        pytest.param("", 0, 0, id="nothing"),
        pytest.param("a", 1, 1, id="one-letter"),
        pytest.param("This is plain English text of forty chars", 10, 11, id="english"),
        pytest.param("日本語のコメントです", 10, 12, id="japanese"),
        pytest.param("\ud800", 1, 2, id="lone-surrogate"),
    ],
)
def test_tokens_by_script(text: str, low: int, high: int) -> None:
    """About four ASCII characters a token, and about 1.1 tokens a Japanese character."""
    assert low <= count_tokens(text) <= high


def test_a_cut_fits_its_budget() -> None:
    """A cut text is the longest prefix within its tokens."""
    text = "日本語 and English 混在"
    for limit in range(count_tokens(text) + 1):
        cut = cut_to_tokens(text, limit)
        assert count_tokens(cut) <= limit
        assert cut == text or count_tokens(text[: len(cut) + 1]) > limit
