"""Labelled comments of the kinds that the sandbox's marked stand-in knows, and a Bedrock in memory that asks it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
import polars as pl

from data_contracts.batch_lines import InvocationType
from prompts import Prompt
from sandbox.bedrock import catalog
from sandbox.bedrock.inference import Answer, Inference, Request
from sandbox.stand_in_model import NONE
from sandbox.stand_ins.marked_mind import KINDS, MarkedMind
from tasks.adapters.storage import Storage
from tasks.base.ports import Job
from tasks.llm.families.claude import Claude
from tests.fakes import FakeBedrock, Line

MODEL_ID = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
_REGION = "ap-northeast-1"


def labelled(count: int) -> list[dict[str, Any]]:
    """Comments with the fields of a set's file: two of three fine, the rest of each kind in turn; none like another."""
    rows = []
    for number in range(count):
        kind = KINDS[number // 3 % len(KINDS)] if number % 3 == 0 else None
        words = " ".join(hashlib.sha256(f"{number}.{place}".encode()).hexdigest()[:7] for place in range(9))
        category = kind.category if kind else NONE
        text = f"{kind.word if kind else 'parcel'} {words}"
        rows.append({"text": text, "violation": category != NONE, "category": category, "language": "en"})
    return rows


def items(count: int, split: str) -> pl.DataFrame:
    """The same as rows of a set."""
    offset = {"train": 0, "dev": 3000, "test": 6000}[split]
    rows = labelled(offset + count)[offset:]
    ids = [f"{split}-{number:04d}" for number in range(count)]
    return pl.DataFrame(rows).with_columns(
        item_id=pl.Series(ids),
        stratum=pl.lit(None, pl.String),
        cluster=pl.Series(ids),
        weight=pl.lit(1.0),
        text_sha256=pl.Series([hashlib.sha256(row["text"].encode()).hexdigest() for row in rows]),
    )


class MindTrials:
    """Drafts asked of a stand-in in memory, see `tasks.evaluate.optimise.search.Trials`.

    Attributes:
        asked: how many texts each prompt was asked about, by its hash.
    """

    def __init__(self, mind: MarkedMind) -> None:
        self._inference, self.asked = Inference(mind), dict[str, int]()
        self._known: dict[tuple[str, str], dict[str, Any]] = {}

    def ask(self, drafts: Sequence[Prompt], items: pl.DataFrame) -> list[pl.DataFrame]:
        """See Trials."""
        return [self._ask(draft, items) for draft in drafts]

    def _ask(self, draft: Prompt, items: pl.DataFrame) -> pl.DataFrame:
        rows = []
        for text in items["text"]:
            key = (draft.sha256, text)
            if key not in self._known:
                self.asked[draft.sha256] = self.asked.get(draft.sha256, 0) + 1
                self._known[key] = _given(_output(self._inference, MODEL_ID, Claude().body(draft, text)))
            rows.append(self._known[key])
        return items.hstack(pl.DataFrame(rows))


class MindBedrock(FakeBedrock):
    """A Bedrock in memory behind which a stand-in of the sandbox thinks."""

    def __init__(self, storage: Storage, mind: MarkedMind) -> None:
        super().__init__(storage, polls_until_done=1)
        self._inference, self._asked_model = Inference(mind), MODEL_ID

    def _end(self, job: Job) -> None:
        self._asked_model = job.model_id or MODEL_ID
        super()._end(job)

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """See FakeBedrock."""
        super().invoke(model_id, invocation_type, body, limit_s=limit_s)
        return _output(self._inference, model_id, body)

    def _answer(self, record: Line, number: int) -> Line | None:
        self.paid_records[record["recordId"]] += 1
        output = _output(self._inference, self._asked_model, record["modelInput"])
        return {"recordId": record["recordId"], "modelOutput": output}


def _output(inference: Inference, model_id: str, body: dict[str, Any]) -> dict[str, Any]:
    model = catalog.resolve(model_id, _REGION).model
    (answer,) = inference.answer([Request(body, orjson.dumps(body))], model)
    assert isinstance(answer, Answer)
    return answer.body


def _given(output: dict[str, Any]) -> dict[str, Any]:
    """What an output says, with the columns that a draft's answers have."""
    said = orjson.loads(output["content"][0]["text"])
    return {
        "given_status": "judged",
        "given_violation": said["violation"],
        "given_category": said["category"],
        "given_input_tokens": output["usage"]["input_tokens"],
        "given_output_tokens": output["usage"]["output_tokens"],
        "given_cost_usd": 0.0,
    }
