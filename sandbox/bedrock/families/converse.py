"""The Converse body: one shape for every family, validated by botocore's own model of it.

Source: Bedrock API Reference, Converse; Bedrock User Guide, batch-inference-data and structured-output.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.bedrock.catalog import Model
from sandbox.bedrock.errors import ServiceError
from sandbox.bedrock.families import gpt_oss, schemas
from sandbox.bedrock.families.base import BadBody, Prompt, Reply, check_keys, texts_of_blocks
from sandbox.bedrock.families.nova import BLOCKED
from sandbox.bedrock.model import from_json, input_shape, validate
from sandbox.bedrock.tokens import count_repeated, count_tokens

_DEFAULT_MAX_TOKENS = 4096
_TURN_TOKENS = 4
_PREFIX = "The model returned the following errors: "
_STOPS = {
    "end": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    # Converse has no stop reason of its own for a model's refusal; this one is the nearest of its enumeration.
    "refusal": "content_filtered",
}


def read_json(body: Mapping[str, Any]) -> dict[str, Any]:
    """The modelInput of a batch record as Converse parameters.

    Raises:
        BadBody: for what Converse would refuse, and for tools, which batch inference does not take with Converse
            (Bedrock User Guide, batch-inference: records that include toolConfig fail with a 400 error).
    """
    shape = input_shape("Converse")
    check_keys(body, allowed=frozenset(shape.members) - {"modelId"}, required=("messages",))
    if "toolConfig" in body:
        raise BadBody("toolConfig is not supported for batch inference with the Converse invocation type.")
    try:
        parameters: dict[str, Any] = from_json(shape, body, "")
        validate(shape, parameters, ignore=frozenset({"modelId"}))
    except ServiceError as error:
        raise BadBody(error.message) from None
    return parameters


def read(body: Mapping[str, Any], model: Model) -> Prompt:
    """What valid Converse parameters ask.

    Raises:
        BadBody: when the model would refuse them.
    """
    messages = body.get("messages") or []
    if not messages or messages[0]["role"] != "user":
        raise BadBody("A conversation must start with a user message. Try again with a conversation that does so.")
    config = body.get("inferenceConfig", {})
    if model.one_sampler and "temperature" in config and "topP" in config:
        clash = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        raise BadBody(_PREFIX + clash)
    system = texts_of_blocks(body.get("system", []), "system")
    turns = [
        (turn["role"], texts_of_blocks(turn["content"], f"messages.{number}.content"))
        for number, turn in enumerate(messages)
    ]
    if model.family == "gpt-oss":
        _check_fields(body)
    schema = _schema(body, model)
    tokens = sum(map(count_repeated, system)) + sum(count_tokens(text) for _, texts in turns for text in texts)
    return Prompt(
        text="\n".join(text for role, texts in turns if role == "user" for text in texts),
        input_tokens=tokens + _TURN_TOKENS * len(turns) + (count_repeated(schema.decode()) if schema else 0),
        max_tokens=config.get("maxTokens", _DEFAULT_MAX_TOKENS),
        schema=schema,
        prefill="\n".join(turns[-1][1]) if turns[-1][0] == "assistant" else "",
        stop_sequences=tuple(config.get("stopSequences", ())),
        reasons=model.family == "gpt-oss",
        system="\n".join(system),
    )


def write(reply: Reply, model: Model) -> dict[str, Any]:
    """A Converse response."""
    content: list[dict[str, Any]] = []
    if reply.reasoning:
        content.append({"reasoningContent": {"reasoningText": {"text": reply.reasoning}}})
    if reply.stop != "refusal":
        content.append({"text": reply.text})
    elif model.family != "claude":
        content.append({"text": BLOCKED})
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _STOPS[reply.stop],
        "usage": {
            "inputTokens": reply.input_tokens,
            "outputTokens": reply.output_tokens,
            "totalTokens": reply.input_tokens + reply.output_tokens,
        },
        "metrics": {"latencyMs": 300 + 8 * reply.output_tokens},
    }


def _check_fields(body: Mapping[str, Any]) -> None:
    try:
        gpt_oss.check_fields(body.get("additionalModelRequestFields", {}))
    except BadBody as error:
        raise BadBody(_PREFIX + str(error)) from None


def _schema(body: Mapping[str, Any], model: Model) -> bytes | None:
    form = body.get("outputConfig", {}).get("textFormat")
    if form is None:
        return None
    if not model.structured:
        raise BadBody("This model doesn't support the outputConfig.textFormat field. Remove outputConfig.textFormat.")
    definition = form["structure"].get("jsonSchema", {})
    schema: bytes = definition.get("schema", "").encode("utf-8", "surrogatepass")
    try:
        schemas.check_schema(schema)
    except BadBody as error:
        raise BadBody(_PREFIX + str(error)) from None
    return schema
