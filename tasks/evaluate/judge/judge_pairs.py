"""Shows a judge the explanations of two candidates beside each other, in both orders."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import orjson
import polars as pl

from data_contracts.documents.evaluation.judgement import PairJudgement
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.figures import dollars
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.judge.criteria import PAIR_SCHEMA, Pair, pair_questions, read_pair
from tasks.evaluate.judge.figures import pair_figures
from tasks.evaluate.judge.judge_explanations import cost_of, describe_share, judge_asker
from tasks.evaluate.questions.ask_questions import Inquiry, ask_questions
from tasks.evaluate.runs.bench import OpenSet, SplitChoice, open_set
from tasks.evaluate.runs.candidates import Candidate, read_candidate
from tasks.evaluate.runs.experiments import answers_of, read_experiments
from tasks.llm.quotes import REMOVED


class PairWish(NamedTuple):
    """Which explanations are compared.

    Attributes:
        champion, challenger: as `read_candidate` takes them.
        model_id: the judge; None: JUDGE_MODEL_ID.
        sample: pairs at the most.
    """

    champion: str
    challenger: str
    split: SplitChoice = "dev"
    model_id: str | None = None
    sample: int = 300


@reading_lake()
def judge_pairs(
    settings: Settings, name: str, wish: PairWish, max_cost_usd: float, now: Callable[[], datetime]
) -> PairJudgement:
    """Have a judge say which of two candidates explains better, over comments of a set that both call violations.

    Each pair is asked twice, in both orders; only a win in both is one. Explanations that are the same are not asked.

    Raises:
        WrongUsage: if the set, a candidate or the judge is none, or no comment has two explanations.
        OverBudget, and others: as `judge_explanations`.
    """
    if not 0 < max_cost_usd < math.inf or wish.sample < 1:
        raise WrongUsage("the budget and the sample must be above 0")
    opened = open_set(settings, name, now())
    candidates = read_candidate(settings, wish.champion), read_candidate(settings, wish.challenger)
    judged = [one.asker.model_id for one in candidates]
    asker = judge_asker(settings, wish.model_id, judged, opened.outside.models, pairs=True)
    pairs, identical_count = _draw(opened, *candidates, wish)
    paths = EvaluationPaths(settings, opened.paths.run_date, f"{name}.pairs")
    run_id = f"judge-{now():%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
    inquiry = Inquiry(opened.outside, settings, paths, asker, PAIR_SCHEMA, read_pair, run_id, now)
    questions = [(pair, *pair_questions(asker.model_id, pair)) for pair in pairs]
    every = {each.record_id: each for _, *both in questions for each in both}
    replies = ask_questions(inquiry, list(every.values()), max_cost_usd)
    said = {
        record: orjson.loads(value)["better"] for record, value in replies.select("record_id", "value").rows() if value
    }
    answered = [
        (pair, said[first.record_id], said[second.record_id])
        for pair, first, second in questions
        if first.record_id in said and second.record_id in said
    ]
    figures = pair_figures(answered)
    parts = (name, str(opened.version), wish.split, *(one.name for one in candidates), asker.model_id)
    judgement = PairJudgement(
        id=hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16],
        set=name,
        set_version=opened.version,
        split=wish.split,
        champion=candidates[0].name,
        challenger=candidates[1].name,
        judge_model_id=asker.model_id,
        prompt_sha256=asker.prompt.sha256,
        n=len(answered),
        identical_count=identical_count,
        unanswered_count=len(pairs) - len(answered),
        **figures._asdict(),
        is_validated=False,
        cost_usd=cost_of(replies),
        judged_at=now(),
    )
    opened.outside.storage.put(opened.paths.judgement(judgement.id), judgement.model_dump_json(indent=1).encode())
    return judgement


def _draw(opened: OpenSet, champion: Candidate, challenger: Candidate, wish: PairWish) -> tuple[list[Pair], int]:
    """The pairs that are asked, by hash of the item; and how many more are the same to the letter.

    Raises:
        WrongUsage: if there is no pair.
    """
    items = opened.items if wish.split == "all" else opened.items.filter(pl.col("split") == wish.split)
    experiments = read_experiments(opened.outside, opened.paths)
    both = items.select("item_id", "text", "text_sha256")
    for role, candidate in (("champion", champion), ("challenger", challenger)):
        explained = answers_of(experiments, candidate).filter(
            pl.col("violation"), pl.col("explanation").fill_null("") != "", pl.col("explanation") != REMOVED
        )
        both = both.join(
            explained.select("text_sha256", **{f"{role}_category": "category", f"{role}_words": "explanation"}),
            on="text_sha256",
        )
    found = list(_pairs(both))
    different = [pair for pair in found if pair.champion[1] != pair.challenger[1]]
    if not found:
        raise WrongUsage(
            f"no comment of {opened.paths.set_name} in {wish.split} has an explanation of both: ask both first "
            "(evaluate run)"
        )
    ranked = sorted(different, key=lambda pair: hashlib.sha256(f"pair\x1f{pair.item_id}".encode()).hexdigest())
    return ranked[: wish.sample], len(found) - len(different)


def _pairs(both: pl.DataFrame) -> Iterator[Pair]:
    for row in both.sort("item_id").iter_rows(named=True):
        yield Pair(
            row["item_id"],
            row["text"],
            (row["champion_category"], row["champion_words"]),
            (row["challenger_category"], row["challenger_words"]),
        )


def describe_pairs(judgement: PairJudgement) -> list[str]:
    """What the judge says, for a terminal."""
    where = f"{judgement.set} v{judgement.set_version}, {judgement.split}"
    return [
        f"{where}: {judgement.n} pairs of explanations, judged by {judgement.judge_model_id}",
        "not validated: no person has rated pairs",
        f"  champion   {judgement.champion_wins:5}  {judgement.champion}",
        f"  challenger {judgement.challenger_wins:5}  {judgement.challenger}",
        f"  ties       {judgement.tie_count:5}, and {judgement.identical_count} pairs are the same to the letter",
        f"  same reply in both orders: {describe_share(judgement.position_consistency)}",
        f"  the challenger wins {describe_share(judgement.win_rate)}",
        f"  were the longer one always better it would win {describe_share(judgement.longer_win_rate)}",
        f"  the longer one won {describe_share(judgement.follows_length)}",
        f"  {dollars(judgement.cost_usd)} in all",
    ]
