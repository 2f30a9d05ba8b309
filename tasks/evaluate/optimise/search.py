"""The search for a better guideline: round by round, until patience, rounds or money end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import polars as pl

from prompts import Prompt
from tasks.base.errors import OverBudget
from tasks.batch.estimate.rates import prompt_tokens
from tasks.evaluate.comparison import lost_categories
from tasks.evaluate.optimise.copying import Copied
from tasks.evaluate.optimise.guideline import GuidelineUnfit, lost_names, read_guideline, with_guideline
from tasks.evaluate.optimise.reflection import COPIED
from tasks.evaluate.optimise.sources import Lesson, Mistake, Proposal, Source, Tried
from tasks.evaluate.optimise.standing import (
    Standing,
    Worth,
    beside,
    cheapest_within_one_error,
    minibatch,
    stand,
)

#: Mistakes that a source is shown.
_MOST_MISTAKES = 20
#: How much longer than the first guideline one may be.
_MOST_GROWTH = 1.5


class Trials(Protocol):
    """What asks drafts about items of the set."""

    def ask(self, drafts: Sequence[Prompt], items: pl.DataFrame) -> list[pl.DataFrame]:
        """The items with what each draft answered, as `stand` wants them; what was asked before is not asked again.

        Raises:
            OverBudget: if that would cost more than is left; nothing was asked.
        """
        ...


class Limits(NamedTuple):
    """When the search ends.

    Attributes:
        rounds: at the most.
        patience: rounds without a gain on dev.
        minibatch: items of train that a draft is tried over before dev.
    """

    rounds: int = 20
    patience: int = 4
    minibatch: int = 40


class Attempt(NamedTuple):
    """A proposal and what came of it.

    Attributes:
        prompt: None where it could not be one.
        dev: None where it did not come so far.
    """

    round: int
    source: str
    note: str
    prompt: Prompt | None
    came_of_it: str
    dev: Standing | None = None


class Search(NamedTuple):
    """What was found.

    Attributes:
        pick: of the drafts, by dev; the first prompt itself if none is as good for less, or better.
        stopped: why it ended, in words.
    """

    pick: Prompt
    standing: Standing
    first: Standing
    attempts: tuple[Attempt, ...]
    stopped: str


class _Draft(NamedTuple):
    round: int
    source: str
    note: str
    prompt: Prompt


class Task(NamedTuple):
    """What is searched.

    Attributes:
        first: the prompt that is to be bettered.
        version: that drafts bear.
        train, dev: items of the set.
        sources: who proposes.
        trials: what asks.
        worth: of F1 and dollars.
        copied: what no guideline may repeat.
        limits: when it ends.
        say: takes a line when there is something to watch.
    """

    first: Prompt
    version: str
    train: pl.DataFrame
    dev: pl.DataFrame
    sources: Sequence[Source]
    trials: Trials
    worth: Worth
    copied: Copied
    limits: Limits = Limits()
    say: Callable[[str], object] = lambda _: None


def search(task: Task) -> Search:
    """Search; the same task with the same answers goes the same way, which is how a search is gone on with.

    Raises:
        OverBudget: if not even the first prompt can be asked.
        WrongUsage: as a source says.
    """
    return _Searcher(task).run()


class _Searcher:
    """One search: what was tried, and how it stands."""

    def __init__(self, task: Task) -> None:
        self._task, self._guideline = task, read_guideline(task.first)
        self._attempts: list[Attempt] = []
        self._tried: list[Tried] = []
        self._best, self._drafts = task.first, {task.first.sha256: task.first}
        self._first = self._stand([task.first], task.dev)[0]
        self._standings = {task.first.sha256: self._first}
        self._on_train = self._stand([task.first], task.train)[0]

    def run(self) -> Search:
        """See `search`."""
        limits, idle = self._task.limits, 0
        stopped = f"{limits.rounds} rounds were made"
        for number in range(1, limits.rounds + 1):
            seen = len(self._attempts)
            try:
                is_gain = self._round(number)
            except OverBudget as error:
                stopped = f"the budget: {error}"
                break
            if len(self._attempts) == seen:
                stopped = "the sources have nothing more to propose"
                break
            idle = 0 if is_gain else idle + 1
            best = self._standings[self._best.sha256]
            self._task.say(f"round {number}: best F1 {best.f1:.1%}, ${best.cost_per_1000_usd:.4f} per 1,000")
            if idle >= limits.patience:
                stopped = f"{idle} rounds without a gain"
                break
        pick = cheapest_within_one_error(self._standings)
        return Search(self._drafts[pick], self._standings[pick], self._first, tuple(self._attempts), stopped)

    def _round(self, number: int) -> bool:
        """Try what the sources propose; whether one of it is a gain on dev."""
        tried = self._on_dev(self._on_minibatch(list(self._propose(number))))
        bar = self._standings[self._best.sha256].objective
        gains = [prompt for prompt in tried if self._standings[prompt.sha256].objective > bar]
        if gains:
            best = max(gains, key=lambda prompt: self._standings[prompt.sha256].objective)
            self._on_train = self._stand([best], self._task.train)[0]
            self._best = best
        return bool(gains)

    def _stand(self, drafts: Sequence[Prompt], items: pl.DataFrame) -> list[Standing]:
        return [stand(answers, self._task.worth) for answers in self._task.trials.ask(drafts, items)]

    def _propose(self, number: int) -> Iterator[_Draft]:
        """What the sources propose and can be tried; the rest is put down as refused."""
        best, mistakes = self._best, _mistakes(self._on_train)
        for source in self._task.sources:
            lesson = Lesson(number, best, read_guideline(best), mistakes, tuple(self._tried))
            for proposal in source.propose(lesson):
                prompt, fault = self._drafted(proposal)
                if prompt is None:
                    shown = "" if fault == COPIED else proposal.guideline
                    note = "" if fault == COPIED else proposal.note
                    self._note(_Draft(number, source.name, note, best), f"refused: {fault}", shown, is_prompt=False)
                else:
                    draft = _Draft(number, source.name, proposal.note, prompt)
                    self._tried.append(Tried(source.name, proposal.guideline, proposal.note, "under trial"))
                    yield draft

    def _drafted(self, proposal: Proposal) -> tuple[Prompt | None, str]:
        """The prompt of a proposal; or why there is none."""
        guideline = proposal.guideline
        if proposal.fault:
            return None, proposal.fault
        if guideline in self._task.copied:
            return None, COPIED
        if lost := lost_names(guideline, self._guideline, self._task.first.categories):
            return None, f"it does not name {', '.join(lost)}"
        if prompt_tokens(guideline) > _MOST_GROWTH * prompt_tokens(self._guideline):
            return None, f"it is over {_MOST_GROWTH:g} times as long as the first"
        if any(tried.guideline == guideline for tried in self._tried) or guideline == self._guideline:
            return None, "it was tried before"
        try:
            return with_guideline(self._task.first, guideline, self._task.version), ""
        except GuidelineUnfit as error:
            return None, str(error)

    def _on_minibatch(self, drafts: Sequence[_Draft]) -> list[_Draft]:
        """Those that do at least as well as the present best, for their price, over a part of train."""
        if not drafts:
            return []
        present = self._on_train
        items = self._task.train.filter(pl.col("item_id").is_in(minibatch(present, self._task.limits.minibatch)))
        there = present.answers.filter(pl.col("item_id").is_in(items["item_id"].to_list()))
        bar = stand(there, self._task.worth).objective
        kept = []
        for draft, standing in zip(drafts, self._stand([draft.prompt for draft in drafts], items), strict=True):
            if standing.objective >= bar:
                kept.append(draft)
            else:
                self._note(draft, f"no better over {items.height} items of train")
        return kept

    def _on_dev(self, drafts: list[_Draft]) -> list[Prompt]:
        """Those that stand on dev now and lose no category; where the budget is short the first ones alone."""
        left = list(drafts)
        while left:
            try:
                standings = self._stand([draft.prompt for draft in left], self._task.dev)
                break
            except OverBudget:
                if len(left) == 1:
                    raise
                left = left[: (len(left) + 1) // 2]
        else:
            return []
        for draft in drafts[len(left) :]:
            self._note(draft, "not tried on dev: the budget is short")
        kept = []
        for draft, standing in zip(left, standings, strict=True):
            figures = f"dev F1 {standing.f1:.1%}, ${standing.cost_per_1000_usd:.4f} per 1,000"
            if lost := lost_categories(beside(self._first.answers, standing.answers).tests):
                self._note(draft, f"refused: it loses {', '.join(lost)}; {figures}", dev=standing)
            else:
                self._standings[draft.prompt.sha256] = standing
                self._drafts[draft.prompt.sha256] = draft.prompt
                self._note(draft, figures, dev=standing)
                kept.append(draft.prompt)
        return kept

    def _note(
        self,
        draft: _Draft,
        came_of_it: str,
        guideline: str | None = None,
        *,
        is_prompt: bool = True,
        dev: Standing | None = None,
    ) -> None:
        """Put down what came of a proposal, for the record and for the sources."""
        shown = read_guideline(draft.prompt) if guideline is None else guideline
        prompt = draft.prompt if is_prompt else None
        self._attempts.append(Attempt(draft.round, draft.source, draft.note, prompt, came_of_it, dev))
        self._tried = [each for each in self._tried if each.guideline != shown or each.came_of_it != "under trial"]
        is_gain = dev is not None and is_prompt and dev.objective > self._standings[self._best.sha256].objective
        self._tried.append(Tried(draft.source, shown, draft.note, came_of_it, is_gain))


def _mistakes(standing: Standing) -> tuple[Mistake, ...]:
    """Some texts that were judged wrongly, as a source is shown them."""
    chosen = minibatch(standing, _MOST_MISTAKES, 1.0)
    wrong = standing.answers.filter(
        pl.col("item_id").is_in(list(chosen)), ~pl.col("given_violation").eq_missing(pl.col("violation"))
    ).sort("item_id")
    rows = wrong.select("text", "category", "given_category").iter_rows()
    return tuple(Mistake(text, category, answered) for text, category, answered in rows)
