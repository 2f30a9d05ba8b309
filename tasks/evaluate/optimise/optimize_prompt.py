"""Bedrock's own OptimizePrompt as a source: it sees the guideline alone, no label and no mistake.

It is documented for English and short prompts, and knows nothing of what a token costs here: a source of candidates,
no more. Bedrock does not tell what a call used, so that it is booked at the most: a token a byte, read and written, at
the price that prices.toml has for `amazon.bedrock-optimize-prompt`; without one it is not asked.

Source: Amazon Bedrock API Reference, OptimizePrompt; User Guide, "Optimize a prompt".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from data_contracts.batch_lines import InvocationType
from prompts import COMMENT_MARK, Prompt
from tasks.adapters import Adapters
from tasks.base.errors import BedrockRefused
from tasks.base.ports import BatchInference, PromptOptimiser, RecordFailed
from tasks.base.settings import Settings
from tasks.evaluate.optimise.sources import Lesson, Proposal
from tasks.evaluate.questions.ask_questions import Inquiry, Question, ask_questions, question_id
from tasks.ledger.asker import MODES, Asker
from tasks.ledger.prices import find_price
from tasks.llm.families.base import NoReply, Reply, StopKind

#: What the ledger and prices.toml call it.
MODEL_ID = "amazon.bedrock-optimize-prompt"
#: Most bytes of an answer that are booked where it was lost: several times a guideline.
_MOST_BYTES = 20_000

_PROMPT = Prompt(
    id="optimize_prompt",
    version="v1",
    language="en",
    families=("optimize-prompt",),
    max_tokens=_MOST_BYTES,
    temperature=0.0,
    categories=("guideline", "none"),
    system="(none)",
    user=COMMENT_MARK,
)


@dataclass(frozen=True)
class _Family:
    """See `tasks.llm.families.base.Family`; the body is the call's own, plus what bounds an answer."""

    target_model_id: str
    name: str = "optimize-prompt"
    invocation_type: InvocationType = "InvokeModel"
    reasoning_tokens: int = 0

    def body(self, prompt: Prompt, comment: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
        """See Family."""
        del schema
        return {"text": comment, "targetModelId": self.target_model_id, "max_tokens": prompt.max_tokens}

    def read(self, output: dict[str, Any]) -> Reply:
        """See Family."""
        text, asked_bytes = output.get("text"), output.get("askedBytes")
        if not isinstance(text, str) or not isinstance(asked_bytes, int):
            raise NoReply("no text")
        said = json.dumps({"guideline": text, "why": ""})
        return Reply(StopKind.FINISHED, "optimized", said, asked_bytes, len(text.encode()))


@dataclass(frozen=True)
class _Calls:
    """OptimizePrompt in the place of a model's single calls: they are put on record and booked as those are."""

    optimiser: PromptOptimiser

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """See BatchInference."""
        del model_id, invocation_type, limit_s
        try:
            text = self.optimiser.optimise(body["text"], body["targetModelId"])
        except BedrockRefused as error:  # it knows few models: the other sources go on
            raise RecordFailed("BedrockRefused", str(error)) from None
        return {"text": text, "askedBytes": len(body["text"].encode())}


@dataclass
class OptimizePrompt:
    """See Source; one proposal for each best guideline.

    Attributes:
        inquiry: of `optimise_asker`, the outside being that of `with_optimiser`.
        target_model_id: the foundation model that is to understand the prompt.
        left_usd: dollars that are left, looked at before each call.
    """

    inquiry: Inquiry
    target_model_id: str
    left_usd: Callable[[], float]
    name: str = "optimize-prompt"

    def propose(self, lesson: Lesson) -> Sequence[Proposal]:
        """See Source."""
        record = question_id(self.name, self.target_model_id, lesson.guideline)
        note = f"rewritten by Bedrock, {record[:8]}"
        if any(tried.note == note for tried in lesson.tried):
            return ()
        replies = ask_questions(self.inquiry, [Question(record, lesson.guideline)], self.left_usd())
        values = replies["value"].drop_nulls()
        if values.is_empty():
            return [Proposal("", note, "it gave no guideline")]
        kept = orjson.loads(values[0])
        return [Proposal(kept["guideline"], note, kept["fault"])]


def optimise_asker(settings: Settings, target_model_id: str) -> Asker:
    """Whom the ledger names as asked."""
    prices = {mode: find_price(MODEL_ID, mode, settings.prices) for mode in MODES}
    return Asker(MODEL_ID, _PROMPT, _Family(target_model_id), prices)


def with_optimiser(outside: Adapters) -> Adapters:
    """The outside, OptimizePrompt in the place of single calls."""
    return replace(outside, bedrock=cast("BatchInference", _Calls(outside.prompt_optimiser)))
