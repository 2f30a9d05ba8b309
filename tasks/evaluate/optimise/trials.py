"""Drafts asked about items of a set, within what is left of the budget of the whole optimisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import polars as pl

from data_contracts.documents.ledger import EntryState, LedgerEntry
from prompts import Prompt
from tasks.base.errors import OverBudget
from tasks.base.paths import EvaluationPaths
from tasks.evaluate.runs.bench import OpenSet
from tasks.evaluate.runs.candidates import Candidate, with_prompt
from tasks.evaluate.runs.experiments import UNANSWERED, answers_of, read_experiments
from tasks.evaluate.runs.run_candidates import ask_candidates
from tasks.ledger.entries import read_ledger

_ANSWER = ("status", "violation", "category", "input_tokens", "output_tokens", "cost_usd")


@dataclass(frozen=True)
class Purse:
    """The budget of an optimisation: what every call of it has paid, killed ones too, and what is kept back.

    Attributes:
        token: begins the run id of each of its calls.
        max_cost_usd: of the whole optimisation.
    """

    opened: OpenSet
    token: str
    max_cost_usd: float

    @cached_property
    def questions(self) -> tuple[EvaluationPaths, EvaluationPaths]:
        """Where questions to a model that reflects, and calls of OptimizePrompt, are kept.

        A set's name has no dot, so that none is ever mixed up.
        """
        paths = self.opened.paths
        reflect, rewrite = (f"{paths.set_name}.{kind}" for kind in ("optimise", "optimize-prompt"))
        return (
            EvaluationPaths(paths.settings, paths.run_date, reflect),
            EvaluationPaths(paths.settings, paths.run_date, rewrite),
        )

    def spent_usd(self) -> float:
        """What was paid, by the ledgers; what is under way counts as estimated.

        Raises:
            OverBudget: if a cost is unknown: then nobody can say what is left.
        """
        storage = self.opened.outside.storage
        entries = [entry for paths in (self.opened.paths, *self.questions) for entry in read_ledger(storage, paths)]
        costs = [_cost(entry) for entry in entries if entry.run_id.startswith(self.token)]
        known = [cost for cost in costs if cost is not None]
        if len(known) < len(costs):
            raise OverBudget("a part of what was paid is unknown, and with it what is left")
        return sum(known)

    def left_usd(self, kept_back_usd: float = 0.0) -> float:
        """Dollars that may still be spent. Raises OverBudget if none is left, or nobody knows."""
        left = self.max_cost_usd - self.spent_usd() - kept_back_usd
        if left <= 0:
            raise OverBudget(f"of ${self.max_cost_usd:.2f} nothing is left to ask with")
        return left


def _cost(entry: LedgerEntry) -> float | None:
    if entry.state is EntryState.COLLECTED:
        return entry.usage.cost_usd if entry.usage else None
    return entry.estimated_cost_usd


@dataclass
class PaidTrials:
    """See `search.Trials`.

    Attributes:
        model_id: who is asked.
        kept_back_usd: what is not for the search: the look at the test split at its end.
    """

    opened: OpenSet
    purse: Purse
    model_id: str
    run_id: str
    now: Callable[[], datetime]
    kept_back_usd: float = 0.0
    _asked: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)

    def candidate(self, draft: Prompt) -> Candidate:
        """The draft with the model."""
        return with_prompt(self.opened.settings, self.model_id, draft)

    def ask(self, drafts: Sequence[Prompt], items: pl.DataFrame) -> list[pl.DataFrame]:
        """See Trials."""
        candidates = [self.candidate(draft) for draft in drafts]
        lacking = [one for one in candidates if self._lacks(one, items)]
        if lacking:
            left = self.purse.left_usd(self.kept_back_usd)
            ask_candidates(self.opened, lacking, items, left, self.run_id, self.now)
        return [answered(self.opened, one, items) for one in candidates]

    def _lacks(self, candidate: Candidate, items: pl.DataFrame) -> bool:
        """Whether there is something to ask: not again and again, where a request is always turned away."""
        what = candidate.name, tuple(items["item_id"])
        if what in self._asked:
            return False
        self._asked.add(what)
        status = answered(self.opened, candidate, items)["given_status"]
        return bool((status.is_null() | status.is_in([str(each) for each in UNANSWERED])).any())


def answered(opened: OpenSet, candidate: Candidate, items: pl.DataFrame) -> pl.DataFrame:
    """The items with what a candidate answered as `given_...`; null where it was not asked."""
    given = answers_of(read_experiments(opened.outside, opened.paths), candidate)
    renamed = given.select("text_sha256", *(pl.col(name).alias(f"given_{name}") for name in _ANSWER))
    return items.join(renamed, on="text_sha256", how="left", validate="m:1")
