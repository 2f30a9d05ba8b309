"""Asks a model questions, each once: in a batch job where there are enough, else one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import polars as pl

import prompts
from data_contracts.documents.ledger import LedgerEntry, Mode
from data_contracts.tables.verdicts import REQUESTS
from tasks.adapters import Adapters
from tasks.base.errors import OverBudget
from tasks.base.figures import dollars
from tasks.base.frames import scratch
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.batch.estimate.rates import Estimate, constant_rates, prompt_tokens
from tasks.batch.send_shards import send_shard
from tasks.batch.shards import Shard
from tasks.evaluate.questions.replies import Reader, collect_replies, read_replies
from tasks.evaluate.runs.intent import evaluation_intent
from tasks.evaluate.runs.run_candidates import held, next_shard
from tasks.evaluate.runs.settle import ask_singly, wait_for_jobs
from tasks.ledger.asker import Asker
from tasks.ledger.entries import read_ledger, write_intent
from tasks.ledger.lease import check_held, read_term
from tasks.ledger.moves import intended
from tasks.llm.masking import mask


class Question(NamedTuple):
    """What is asked.

    Attributes:
        record_id: 32 lower hex characters; the same question has the same one, another question another.
        text: what stands in the prompt's place for a comment.
    """

    record_id: str
    text: str


def question_id(*parts: str) -> str:
    """The record id of the question that these parts make up."""
    return hashlib.sha256("\x1f".join(("question", *parts)).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Inquiry:
    """Who is asked, and where that is kept.

    Attributes:
        paths: of a set whose name no person can give, such as `reviews.optimise`.
        asker: the model, and what it is told beside the question.
        schema: JSON schema of the reply's object.
        read: what is kept of a reply.
    """

    outside: Adapters
    settings: Settings
    paths: EvaluationPaths
    asker: Asker
    schema: dict[str, Any]
    read: Reader
    run_id: str
    now: Callable[[], datetime]


def ask_questions(inquiry: Inquiry, questions: Sequence[Question], max_cost_usd: float) -> pl.DataFrame:
    """Ask what was not asked yet, and give the replies to all of these questions, as `read_replies` has them.

    A question that no model answered is asked again by the next call; a refusal and a broken reply are answers.

    Args:
        inquiry: who is asked.
        questions: each with an id of its own.
        max_cost_usd: most that this call may cost, by an estimate that errs upwards.

    Raises:
        OverBudget: if the estimate is over the budget, or there is no price; nothing was asked.
        DayInUse: if another run asks here.
        DeadlinePassed, BedrockRefused, BedrockUnavailable, LeaseLost: as `runs.settle` says.
    """
    outside, paths, now = inquiry.outside, inquiry.paths, inquiry.now
    ids = [question.record_id for question in questions]
    with held(outside, paths, inquiry.run_id):
        _settle(inquiry)
        known = set(read_replies(outside, paths)["record_id"])
        wanted = [question for question in questions if question.record_id not in known]
        if inquiry.settings.mask:  # a question repeats comments
            wanted = [question._replace(text=mask(question.text)) for question in wanted]
        if wanted:
            _check_budget(inquiry, wanted, max_cost_usd)
            outside.storage.put_if_absent(
                paths.prompt(inquiry.asker.prompt.sha256), prompts.render(inquiry.asker.prompt).encode()
            )
            with scratch() as temporary:
                folder = Path(temporary)
                shard = _shard(inquiry, wanted, folder)
                entry = _entry(inquiry, next_shard(read_ledger(outside.storage, paths)), shard, now())
                send_shard(outside.storage, entry, shard, folder)
                term = read_term(outside.storage, paths, inquiry.run_id)
                write_intent(outside.storage, paths, intended(entry, term))
            _settle(inquiry)
    return read_replies(outside, paths).filter(pl.col("record_id").is_in(ids))


def expected_cost(inquiry: Inquiry, questions: Sequence[Question]) -> Estimate:
    """What asking all of these would use, on the high side; None dollars if there is no price."""
    asker = inquiry.asker
    fixed = prompt_tokens(asker.prompt_text)
    read = sum(fixed + prompt_tokens(question.text) for question in questions)
    thoughts = asker.family.reasoning_tokens
    written = len(questions) * (asker.prompt.max_tokens + thoughts)
    price = asker.prices[_mode(inquiry, questions)]
    return Estimate(read, written, price.cost_usd(read, written) if price else None)


def _mode(inquiry: Inquiry, questions: Sequence[Question]) -> Mode:
    return "batch" if len(questions) >= inquiry.settings.min_job_records else "on_demand"


def _check_budget(inquiry: Inquiry, questions: Sequence[Question], max_cost_usd: float) -> None:
    expected, model_id = expected_cost(inquiry, questions).cost_usd, inquiry.asker.model_id
    if expected is None:
        raise OverBudget(f"{model_id} has no known price: add it to prices.toml; nothing was asked")
    if expected > max_cost_usd:
        raise OverBudget(
            f"about {dollars(expected)} for {len(questions):,} questions to {model_id}, and {dollars(max_cost_usd)} "
            "are left; nothing was asked"
        )


def _settle(inquiry: Inquiry) -> None:
    """Bring what is on record to its end, and keep the replies; the batch files of it are deleted."""
    outside, settings, paths, now = inquiry.outside, inquiry.settings, inquiry.paths, inquiry.now

    def still_ours() -> None:
        check_held(outside.storage, paths, inquiry.run_id)

    wait_for_jobs(outside, settings, paths, still_ours, now)
    ask_singly(outside, settings, paths, still_ours, now)
    still_ours()
    collect_replies(outside, settings, paths, inquiry.asker, inquiry.read, now())
    still_ours()
    outside.storage.delete([item.uri for item in outside.storage.list(paths.batch)])


def _shard(inquiry: Inquiry, questions: Sequence[Question], folder: Path) -> Shard:
    """The input file of these questions, in order of their ids."""
    asker, path = inquiry.asker, folder / "shard-00000.jsonl"
    ordered = sorted(questions)
    lines = [
        orjson.dumps(
            {"recordId": each.record_id, "modelInput": asker.family.body(asker.prompt, each.text, inquiry.schema)}
        )
        for each in ordered
    ]
    body = b"".join(line + b"\n" for line in lines)
    path.write_bytes(body)
    asked = pl.LazyFrame(
        {
            "record_id": [each.record_id for each in ordered],
            "text_sha256": [hashlib.sha256(each.text.encode()).hexdigest() for each in ordered],
            "attempt": [1] * len(ordered),
        }
    )
    requests = REQUESTS.conform(REQUESTS.widen(asked)).collect()
    input_tokens = expected_cost(inquiry, questions).input_tokens
    return Shard(path, hashlib.sha256(body).hexdigest(), len(body), requests, requests.height, input_tokens)


def _entry(inquiry: Inquiry, number: int, shard: Shard, now: datetime) -> LedgerEntry:
    settings, asker = inquiry.settings, inquiry.asker
    mode: Mode = "batch" if shard.record_count >= settings.min_job_records else "on_demand"
    price, written = asker.prices[mode], shard.record_count * asker.prompt.max_tokens
    used = Estimate(shard.input_tokens, written, price.cost_usd(shard.input_tokens, written) if price else None)
    source = constant_rates("", 0).source
    return evaluation_intent(
        settings,
        inquiry.paths,
        asker,
        shard,
        used,
        source,
        number=number,
        run_id=inquiry.run_id,
        now=now,
        mode=mode,
    )
