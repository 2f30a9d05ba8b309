"""Judges a sample of a night's explanations, each by itself, and says whether the judge can be believed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import orjson
import polars as pl

from data_contracts.documents.evaluation.judgement import ExplanationJudgement, ShareFigure
from data_contracts.tables.verdicts import VERDICTS, DecidedBy, Status
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.figures import dollars
from tasks.base.paths import EvaluationPaths
from tasks.base.ports import ModelFacts
from tasks.base.settings import Settings
from tasks.evaluate.judge.criteria import PAIR, POINT, POINT_SCHEMA, Explained, point_question, read_point, rule_of
from tasks.evaluate.judge.figures import criteria_shares, gate
from tasks.evaluate.judge.ratings import RATINGS, read_ratings, write_sheet
from tasks.evaluate.optimise.guideline import GuidelineUnfit, read_guideline
from tasks.evaluate.questions.ask_questions import Inquiry, ask_questions
from tasks.labels.comment_texts import read_texts
from tasks.ledger.asker import Asker, find_profiled
from tasks.llm.model_ids import parse_model_id
from tasks.llm.prompt import load_prompt
from tasks.llm.quotes import REMOVED


class JudgeWish(NamedTuple):
    """What a person wants judged.

    Attributes:
        model_id: the judge; None: JUDGE_MODEL_ID.
        sample: explanations at the most.
        ratings: people's files.
        sheet: where the sample goes for people to rate; nothing is asked then.
    """

    model_id: str | None = None
    sample: int = 300
    ratings: tuple[Path, ...] = ()
    sheet: Path | None = None


class Sample(NamedTuple):
    """Explanations of a night, who gave them, and how many had quoted and were replaced."""

    explained: tuple[Explained, ...]
    run_id: str
    model_ids: tuple[str, ...]
    removed_count: int


@reading_lake()
def judge_explanations(
    settings: Settings, run_date: date, wish: JudgeWish, max_cost_usd: float, now: Callable[[], datetime]
) -> ExplanationJudgement | int:
    """Have a model of another family judge a sample of a published night's explanations, and keep what it says.

    What was asked before is not asked again: the same call after a crash goes on.

    Returns:
        The judgement; of a sheet how many explanations it has.

    Raises:
        WrongUsage: if the day has no explanation, a file is none, or the judge is none or of the judged model's family.
        BadRows: if a rating cannot be taken.
        OverBudget: if the estimate is over the budget; nothing was asked.
        DayInUse, DeadlinePassed, BedrockRefused, BedrockUnavailable, LeaseLost: as `runs.settle` says.
    """
    if not 0 < max_cost_usd < math.inf or wish.sample < 1:
        raise WrongUsage("the budget and the sample must be above 0")
    ratings = read_ratings(wish.ratings) if wish.ratings else RATINGS.to_frame()
    outside = adapters.connect(settings)
    paths = EvaluationPaths(settings, run_date, f"explanations.{run_date}")
    sample = draw_sample(outside, paths, wish.sample)
    if wish.sheet is not None:
        write_sheet(wish.sheet, sample.explained)
        return len(sample.explained)
    asker = judge_asker(settings, wish.model_id, sample.model_ids, outside.models)
    run_id = f"judge-{now():%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
    inquiry = Inquiry(outside, settings, paths, asker, POINT_SCHEMA, read_point, run_id, now)
    questions = {one.comment_id: point_question(asker.model_id, one) for one in sample.explained}
    replies = ask_questions(inquiry, list({each.record_id: each for each in questions.values()}.values()), max_cost_usd)
    values = {record: orjson.loads(value) for record, value in replies.select("record_id", "value").rows() if value}
    judged = {name: values[each.record_id] for name, each in questions.items() if each.record_id in values}
    lengths = [len(one.explanation) for one in sample.explained if one.comment_id in judged]
    judgement = ExplanationJudgement(
        id=str(run_date),
        date=run_date,
        verdicts_run_id=sample.run_id,
        judge_model_id=asker.model_id,
        judged_model_ids=sample.model_ids,
        prompt_sha256=asker.prompt.sha256,
        n=len(judged),
        unanswered_count=len(questions) - len(judged),
        removed_count=sample.removed_count,
        mean_characters=sum(lengths) / len(lengths) if lengths else None,
        criteria=tuple(criteria_shares(list(judged.values()))),
        gate=gate(ratings, judged),
        cost_usd=cost_of(replies),
        judged_at=now(),
    )
    outside.storage.put(paths.judgement(judgement.id), judgement.model_dump_json(indent=1).encode())
    return judgement


def judge_asker(
    settings: Settings, model_id: str | None, judged: Sequence[str], models: ModelFacts, *, pairs: bool = False
) -> Asker:
    """The judge; who is of a judged model's family is none: a model likes what its like has written.

    Raises:
        WrongUsage: if no judge is named, or it is of the family of a judged model, or that cannot be seen.
        UnsupportedModel: if no family answers to it, or Bedrock does not say which model a profile is of.
    """
    chosen = model_id or settings.judge_model_id
    if chosen is None:
        raise WrongUsage("no judge is named: set MODERATION_JUDGE_MODEL_ID, or give --model")
    for other in judged:
        makers = _maker(models, chosen), _maker(models, other)
        if None in makers:
            raise WrongUsage(f"of {chosen} and {other} one does not name its maker: a judge must be of another family")
        if makers[0] == makers[1]:
            raise WrongUsage(
                f"{chosen} is of the family of {other}, which it would judge: name a model of another maker"
            )
    return Asker.with_prompt(settings, chosen, PAIR if pairs else POINT, models)


def _maker(models: ModelFacts, model_id: str) -> str | None:
    """Who makes a model, as its id says, or that of the model behind a profile: `anthropic`; None if it does not."""
    base_id = parse_model_id(find_profiled(models, model_id) or model_id).base_id
    return None if base_id.startswith("arn:") or "." not in base_id else base_id.partition(".")[0]


def cost_of(replies: pl.DataFrame) -> float | None:
    """What replies cost together; None if one is unknown."""
    return None if replies["cost_usd"].null_count() else float(replies["cost_usd"].sum())


def draw_sample(outside: Adapters, paths: EvaluationPaths, count: int) -> Sample:
    """The sample: by hash of the comment's id, so that the same day gives the same one.

    Raises:
        WrongUsage: if the day has no explanation.
    """
    verdicts = outside.lake.scan(paths.lake(VERDICTS.name), VERDICTS).filter(
        pl.col("date") == paths.run_date,
        pl.col("status") == Status.JUDGED,
        "violation",
        pl.col("decided_by") == DecidedBy.MODEL,
        pl.col("explanation").fill_null("") != "",
    )
    columns = ("comment_id", "category", "explanation", "prompt_name", "prompt_version", "model_id", "run_id")
    rows = verdicts.select(columns).collect(engine="streaming")
    shown = rows.filter(pl.col("explanation") != REMOVED)
    if shown.is_empty():
        raise WrongUsage(f"{paths.run_date} has no published verdict with an explanation")
    ranked = sorted(shown.iter_rows(), key=lambda row: _rank(paths.run_date, row[0]))[:count]
    texts = read_texts(outside, paths, [row[0] for row in ranked])
    rules = {key: _guideline(*key) for key in {(row[3], row[4]) for row in ranked}}
    explained = tuple(
        Explained(row[0], texts[row[0]], row[1], rule_of(rules[row[3], row[4]], row[1]), row[2])
        for row in ranked
        if row[0] in texts
    )
    models = tuple(sorted({str(row[5]) for row in ranked}))
    return Sample(explained, str(ranked[0][6]), models, rows.height - shown.height)


def _rank(run_date: date, comment_id: str) -> str:
    return hashlib.sha256(f"explanation\x1f{run_date}\x1f{comment_id}".encode()).hexdigest()


def _guideline(name: str, version: str) -> str:
    """The guideline that a prompt of the catalog has; empty where it has none."""
    try:
        return read_guideline(load_prompt(name, version))
    except GuidelineUnfit:
        return ""


def describe_judgement(judgement: ExplanationJudgement) -> list[str]:
    """What the judge says, for a terminal; whether that is worth anything comes first."""
    lines = [
        f"{judgement.date}: {judgement.n} explanations, judged by {judgement.judge_model_id}",
        "VALIDATED: " + judgement.gate.reason if judgement.gate.is_validated else judgement.gate.reason,
        *(f"  {figure.name:20}{describe_share(figure)}" for figure in judgement.criteria),
    ]
    gate_ = judgement.gate
    for who, kappa, low, high in (
        ("people with each other", gate_.people_kappa, gate_.people_low, gate_.people_high),
        ("judge with people", gate_.judge_kappa, gate_.judge_low, gate_.judge_high),
    ):
        if kappa is not None:
            lines.append(f"  kappa, {who}: {kappa:.2f} ({low:.2f} to {high:.2f})")
    if judgement.unanswered_count or judgement.removed_count:
        lines.append(
            f"  {judgement.unanswered_count} without a reply; {judgement.removed_count} had quoted and were replaced"
        )
    lines.append(f"  {dollars(judgement.cost_usd)} in all")
    return lines


def describe_share(figure: ShareFigure) -> str:
    """A share with its interval, for a terminal."""
    if figure.share is None or figure.ci_low is None or figure.ci_high is None:
        return "none"
    return f"{figure.share:6.1%} ({figure.ci_low:.1%} to {figure.ci_high:.1%}) of {figure.n}"
