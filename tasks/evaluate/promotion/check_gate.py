"""Says what speaks against a promotion, by the comparison that is on record; nothing is changed."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from data_contracts.documents.evaluation.champion import ChampionRecord
from data_contracts.documents.evaluation.comparison import Comparison
from prompts.freeze import frozen
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import NotPromoted, WrongUsage
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.comparison import comparison_id
from tasks.evaluate.promotion.gate import Objections, Terms, judge_comparison
from tasks.evaluate.promotion.succession import catalog_hashes
from tasks.evaluate.runs.bench import SplitChoice
from tasks.evaluate.runs.candidates import Candidate, read_candidate
from tasks.evaluate.runs.golden import golden_items
from tasks.evaluate.sets.versions import check_name, versions_of
from tasks.ledger.champion import read_champion, serving


class Case(NamedTuple):
    """A promotion that somebody may want.

    Attributes:
        comparison: what it would rest on.
        record: the champion on record, None if there is none, and `etag`, what a conditional write replaces.
        against: what speaks against it.
    """

    champion: Candidate
    challenger: Candidate
    comparison: Comparison
    record: ChampionRecord | None
    etag: str | None
    against: Objections

    @property
    def is_champion(self) -> bool:
        """Whether the challenger is the champion already."""
        return self.record is not None and self.record.candidate == self.challenger.name


def check_gate(
    settings: Settings, name: str, champion: str, challenger: str, split: SplitChoice, now: datetime
) -> Case:
    """Hold the newest comparison of exactly this pair, set version and split against the gate.

    Raises:
        WrongUsage: if the set or a candidate is none.
        NotPromoted: if there is no such comparison, naming the command that makes it.
    """
    outside = adapters.connect(settings)
    pair = read_candidate(settings, champion), read_candidate(settings, challenger)
    comparison = _comparison(outside, settings, name, pair, split, now)
    record, etag = read_champion(outside.storage, settings)
    terms = Terms(
        prompt=settings.prompt,
        present=catalog_hashes(),
        frozen=frozen(),
        serving=record.candidate if record else None,
        has_golden=bool(golden_items(settings, pair)),
        max_cost_ratio=settings.promotion_max_cost_ratio,
    )
    return Case(*pair, comparison, record, etag, judge_comparison(comparison, terms))


def incumbent(settings: Settings) -> str:
    """Whom a challenger is held against where nobody is named: the champion on record, else what the settings say.

    Raises:
        ChampionUnusable: if the settings say `champion`, and there is none.
    """
    record = read_champion(adapters.connect(settings).storage, settings).record
    if record is not None:
        return record.candidate
    named = serving(settings)
    return f"prompt={named.prompt}/{named.prompt_version},model={named.model_id}"


def _comparison(
    outside: Adapters,
    settings: Settings,
    name: str,
    pair: tuple[Candidate, Candidate],
    split: SplitChoice,
    now: datetime,
) -> Comparison:
    """The newest comparison of exactly this pair over a split of the newest version of a set.

    Raises:
        WrongUsage: if there is no such set.
        NotPromoted: if there is no such comparison, naming the command that makes it.
    """
    paths = EvaluationPaths(settings, now.astimezone(settings.zone).date(), check_name(name))
    versions = versions_of(outside.storage, paths)
    if not versions:
        raise WrongUsage(f"there is no set {name}")
    body = outside.storage.get(paths.comparison(comparison_id(name, versions[-1], split, pair[0].name, pair[1].name)))
    if body is None:
        command = f"evaluate compare {name} --champion {pair[0].name} --challenger {pair[1].name} --split {split}"
        where = f"{split} of {name} v{versions[-1]}"
        raise NotPromoted([f"there is no comparison of this pair on {where}: python -m flows {command}"])
    return Comparison.model_validate_json(body)
