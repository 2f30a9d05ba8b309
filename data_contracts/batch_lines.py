"""Bedrock's batch lines and the model's answer: the only place, beside the adapter, with AWS's camelCase.

Source: Amazon Bedrock User Guide, "Format and upload your batch inference data" and "View the results of a batch
inference job".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

InvocationType = Literal["InvokeModel", "Converse"]


class Answer(BaseModel):
    """The model's answer to one comment, as the prompt asks for it.

    Strict: a boolean as a string or a confidence outside 0-1 is not an answer. Extra keys are ignored. Where there is
    no violation there is nothing to explain: null says the same there as an empty text, and as no text at all.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    violation: bool
    category: str
    confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    explanation: str = ""

    @model_validator(mode="before")
    @classmethod
    def _explain_nothing(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("violation") is False and value.get("explanation", "") is None:
            return value | {"explanation": ""}
        return value


class OutputError(BaseModel):
    """Why Bedrock did not answer a record; the code is an int in the documents and a string in AWS's samples."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    errorCode: int | str | None = None
    errorMessage: str | None = None


class OutputLine(BaseModel):
    """One line of a `.jsonl.out` file: `modelOutput` or `error`, and an echo of the input that is not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    recordId: str
    modelOutput: dict[str, Any] | None = None
    error: OutputError | None = None


def answer_schema(categories: tuple[str, ...]) -> dict[str, Any]:
    """JSON schema of `Answer` within the subset that Bedrock's structured output accepts.

    No minimum, maximum or maxLength: Bedrock refuses them at once, so the ranges are checked on our side.
    Source: Amazon Bedrock User Guide, "Get validated JSON results from models" (structured output).
    """
    return {
        "type": "object",
        "properties": {
            "violation": {"type": "boolean"},
            "category": {"type": "string", "enum": list(categories)},
            "confidence": {"type": "number"},
            "explanation": {"type": "string"},
        },
        "required": ["violation", "category", "confidence", "explanation"],
        "additionalProperties": False,
    }


def slot_names(size: int) -> tuple[str, ...]:
    """The places of a request with so many comments: s01, s02 and so on."""
    return tuple(f"s{number:02d}" for number in range(1, size + 1))


def pack_schema(categories: tuple[str, ...], size: int) -> dict[str, Any]:
    """JSON schema of the answer to several comments: an object with one required key a slot, each part an `Answer`.

    An object and not a list: of the length of a list the accepted subset says nothing, so comments could be left out.
    """
    slots = slot_names(size)
    return {
        "type": "object",
        "properties": {slot: {"$ref": "#/$defs/answer"} for slot in slots},
        "required": list(slots),
        "additionalProperties": False,
        "$defs": {"answer": answer_schema(categories)},
    }


#: How a deployment may want to ask; `auto` is a model's own body if there is a family for it, else Converse.
InvocationChoice = Literal["auto", "InvokeModel", "Converse"]
