"""Looks for a better or a shorter guideline over a set, and drafts it; a person adds and freezes what is drafted."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import polars as pl

from data_contracts.documents.evaluation.comparison import Comparison
from data_contracts.documents.evaluation.optimisation import Optimisation
from data_contracts.documents.ledger import Mode
from data_contracts.tables.evaluation_sets import ItemSource
from prompts import Prompt
from tasks.adapters.lake import reading_lake
from tasks.base.errors import OverBudget, WrongUsage
from tasks.base.settings import Settings
from tasks.evaluate.compare_candidates import compare_pair
from tasks.evaluate.optimise.copying import Copied
from tasks.evaluate.optimise.drafts import keep_draft
from tasks.evaluate.optimise.guideline import GuidelineUnfit, next_version, read_guideline
from tasks.evaluate.optimise.optimize_prompt import OptimizePrompt, optimise_asker, with_optimiser
from tasks.evaluate.optimise.reflection import INSTRUCTIONS, SCHEMA, Reflection, reader
from tasks.evaluate.optimise.search import Limits, Task, search
from tasks.evaluate.optimise.sources import PersonsFile, Shortening, Source
from tasks.evaluate.optimise.standing import Worth
from tasks.evaluate.optimise.trials import PaidTrials, Purse
from tasks.evaluate.questions.ask_questions import Inquiry
from tasks.evaluate.runs.bench import open_set
from tasks.evaluate.runs.candidates import Candidate, read_candidate
from tasks.ledger.asker import Asker, find_profiled
from tasks.ledger.champion import serving
from tasks.llm.model_ids import parse_model_id

REFLECT, SHORTEN, OPTIMIZE_PROMPT = "reflect", "shorten", "optimize-prompt"
#: Who proposes unless a person says otherwise.
SOURCES = (REFLECT, SHORTEN)
_KNOWN = (*SOURCES, OPTIMIZE_PROMPT)

#: How much dearer than the first prompt the draft may come over the test split, for what is kept back.
_MOST_GROWTH = 1.6


class Wish(NamedTuple):
    """What a person wants to have optimised.

    Attributes:
        candidate: what to start from, as `read_candidate` takes it; empty: what the settings name.
        sources: reflect, shorten, optimize-prompt.
        files: guidelines that people wrote.
        model_id: the model that reflects; None: JUDGE_MODEL_ID, else the candidate's own.
        usd_per_point: dollars per 1,000 comments that a point of F1 is worth.
    """

    candidate: str = ""
    sources: tuple[str, ...] = SOURCES
    files: tuple[Path, ...] = ()
    model_id: str | None = None
    usd_per_point: float = 0.10
    limits: Limits = Limits()


@reading_lake()
def optimise_prompt(
    settings: Settings,
    name: str,
    wish: Wish,
    max_cost_usd: float,
    now: Callable[[], datetime],
    say: Callable[[str], object] = lambda _: None,
    extra: Sequence[Source] = (),
) -> tuple[Optimisation, str | None]:
    """Search over the newest version of a set, and write a draft if one is better or as good for less.

    A call that was killed is gone on with by the same call: what was asked is on record, and the search takes the same
    way by the same answers. So the budget is of all its calls together.

    Args:
        name: of the set, which needs labelled violations in train and dev; test is looked at once, at the end.
        wish: what is wanted.
        max_cost_usd: most that this optimisation may cost, of all its calls, by estimate; the look at test included.
        now: the time.
        say: takes a line when there is something to watch.
        extra: further sources.

    Returns:
        What was found, and the draft as a prompt's file; None where nothing was better.

    Raises:
        WrongUsage: if the set, the candidate, a source or the budget is none, or the set is too small.
        OverBudget: if not even the first prompt can be asked about the set within the budget.
        DayInUse, DeadlinePassed, BedrockRefused, BedrockUnavailable, LeaseLost: as `run_candidates`.
    """
    _check(wish, max_cost_usd)
    opened = open_set(settings, name, now())
    present = serving(settings)
    first = read_candidate(present, wish.candidate or f"prompt={present.prompt}/{present.prompt_version}")
    train = opened.items.filter(split="train")
    # What a model made teaches, and decides nothing.
    of_people = opened.items.filter(pl.col("source") != ItemSource.MODEL)
    dev, test = (of_people.filter(split=split) for split in ("dev", "test"))
    for split, items in (("train", train), ("dev", dev)):
        if not items["violation"].sum():
            raise WrongUsage(f"{name} v{opened.version} has no labelled violation in {split}")
    token = f"optimise-{hashlib.sha256(f'{name}/{opened.version}/{first.identity}'.encode()).hexdigest()[:12]}"
    purse = Purse(opened, token, max_cost_usd)
    trials = PaidTrials(opened, purse, first.asker.model_id, f"{token}-{uuid4().hex[:8]}", now)
    trials.ask([first.asker.prompt], opened.items)
    trials.kept_back_usd = _cost_of_look(trials, first, test)
    copied = _copied(opened.items, first)
    found = search(
        Task(
            first=first.asker.prompt,
            version=next_version(first.asker.prompt.id),
            train=train,
            dev=dev,
            sources=[*_sources(wish, trials, copied), *extra],
            trials=trials,
            worth=_worth(first, wish),
            copied=copied,
            limits=wish.limits,
            say=say,
        )
    )
    comparison = _look(trials, first, found.pick, test, now())
    return keep_draft(opened, first, found, comparison, purse, now())


def _check(wish: Wish, max_cost_usd: float) -> None:
    if not 0 < max_cost_usd < math.inf:
        raise WrongUsage("the budget must be an amount above 0")
    if unknown := set(wish.sources) - set(_KNOWN):
        raise WrongUsage(f"{sorted(unknown)[0]} is no source: there are {', '.join(_KNOWN)}")
    if not 0 < wish.usd_per_point < math.inf:
        raise WrongUsage("what a point of F1 is worth must be an amount above 0")


def _copied(items: pl.DataFrame, first: Candidate) -> Copied:
    """Raises WrongUsage if the prompt has no guideline."""
    try:
        return Copied(items["text"], read_guideline(first.asker.prompt))
    except GuidelineUnfit as error:
        raise WrongUsage(str(error)) from None


def _worth(first: Candidate, wish: Wish) -> Worth:
    price = first.asker.prices["batch"]
    if price is None:
        raise OverBudget(f"{first.asker.model_id} has no known price: add it to prices.toml; nothing was asked")
    return Worth(price, wish.usd_per_point)


def _sources(wish: Wish, trials: PaidTrials, copied: Copied) -> Iterator[Source]:
    """A person's guidelines first, so that the others go on from them."""
    yield from (PersonsFile(path) for path in wish.files)
    settings, outside, read = trials.opened.settings, trials.opened.outside, reader(copied)

    def left_usd() -> float:
        return trials.purse.left_usd(trials.kept_back_usd)

    if REFLECT in wish.sources:
        model_id = wish.model_id or settings.judge_model_id or trials.model_id
        asker = Asker.with_prompt(settings, model_id, INSTRUCTIONS, outside.models)
        paths = trials.purse.questions[0]
        yield Reflection(Inquiry(outside, settings, paths, asker, SCHEMA, read, trials.run_id, trials.now), left_usd)
    if OPTIMIZE_PROMPT in wish.sources:
        asked = find_profiled(outside.models, trials.model_id) or trials.model_id
        target, paths = parse_model_id(asked).base_id, trials.purse.questions[1]
        asker, rewriter = optimise_asker(settings, target), with_optimiser(outside)
        inquiry = Inquiry(rewriter, settings, paths, asker, {}, read, trials.run_id, trials.now)
        yield OptimizePrompt(inquiry, target, left_usd)
    if SHORTEN in wish.sources:
        yield Shortening()


def _cost_of_look(trials: PaidTrials, first: Candidate, test: pl.DataFrame) -> float:
    """The most that asking a draft about the test split should cost, by what the first prompt took there."""
    mode: Mode = "batch" if test.height >= trials.opened.settings.min_job_records else "on_demand"
    price = first.asker.prices[mode]
    if price is None or test.is_empty():
        return 0.0
    (given,) = trials.ask([first.asker.prompt], test)
    read, written = (int(given[f"given_{name}_tokens"].sum()) for name in ("input", "output"))
    return price.cost_usd(read, written) * _MOST_GROWTH


def _look(trials: PaidTrials, first: Candidate, pick: Prompt, test: pl.DataFrame, now: datetime) -> Comparison | None:
    """The one look at the test split; None where nothing is drafted or there is none."""
    if pick.sha256 == first.asker.prompt.sha256 or test.is_empty():
        return None
    trials.kept_back_usd = 0.0
    trials.ask([pick], test)
    return compare_pair(trials.opened, first, trials.candidate(pick), "test", now)
