"""Puts a challenger in the champion's place, if its comparison passes the gate."""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.evaluation.champion import Champion, ChampionRecord
from data_contracts.documents.evaluation.comparison import Comparison
from prompts.freeze import frozen
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import NotPromoted, WrongUsage
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.comparison import comparison_id
from tasks.evaluate.promotion.gate import Objections, Terms, judge_comparison
from tasks.evaluate.promotion.succession import Promoted, Word, catalog_hashes, checked_word, tell, write_record
from tasks.evaluate.runs.bench import SplitChoice
from tasks.evaluate.runs.candidates import PLAIN, Candidate, read_candidate
from tasks.evaluate.runs.golden import golden_items
from tasks.evaluate.sets.versions import check_name, versions_of
from tasks.ledger.champion import read_champion


def promote_candidate(
    settings: Settings, name: str, champion: str, challenger: str, split: SplitChoice, word: Word, now: datetime
) -> Promoted:
    """Make the challenger the champion by the newest comparison of exactly this pair, set version and split.

    Repeating it changes nothing.

    Args:
        name: of the set; its newest version counts.
        champion, challenger: as `read_candidate` takes them.
        split: which the comparison was made on.
        word: whose promotion it is.
        now: the time.

    Raises:
        WrongUsage: if the set or a candidate is none, or `despite` is empty or too long.
        NotPromoted: if there is no such comparison, the gate says no, or somebody else was faster.
    """
    word = checked_word(word)
    outside = adapters.connect(settings)
    pair = read_candidate(settings, champion), read_candidate(settings, challenger)
    comparison = find_comparison(outside, settings, name, pair, split, now)
    found, etag = read_champion(outside.storage, settings)
    if found and found.candidate == pair[1].name:
        return tell(outside.storage, settings, found.present, (), now, is_new=False)
    against = _objections(settings, comparison, pair, found)
    if against.bars:
        raise NotPromoted([*against.bars, *against.reasons])
    if against.reasons and word.despite is None:
        raise NotPromoted(against.reasons)
    record = _promotion(found, pair, comparison, word, now)
    write_record(outside.storage, settings, etag, record)
    return tell(outside.storage, settings, record.present, against.reasons, now, is_new=True)


def find_comparison(
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


def _objections(
    settings: Settings, comparison: Comparison, pair: tuple[Candidate, Candidate], found: ChampionRecord | None
) -> Objections:
    terms = Terms(
        prompt=settings.prompt,
        present=catalog_hashes(),
        frozen=frozen(),
        serving=found.candidate if found else None,
        has_golden=bool(golden_items(settings, pair)),
        max_cost_ratio=settings.promotion_max_cost_ratio,
    )
    return judge_comparison(comparison, terms)


def _promotion(
    found: ChampionRecord | None, pair: tuple[Candidate, Candidate], comparison: Comparison, word: Word, now: datetime
) -> ChampionRecord:
    """The record with the challenger as champion; what judged before the first promotion becomes its number 1."""
    former = (*found.history, found.present) if found else (_champion(pair[0], 1, None, now),)
    gain = f"{comparison.outcome}, F1 {comparison.f1_difference * 100:+.1f} points on {comparison.n:,} comments"
    new = _champion(pair[1], former[-1].number + 1, former[-1].number, now)
    made = {"comparison": comparison.id, "who": word.who, "why": word.why or gain, "despite": word.despite}
    return ChampionRecord(**(new.model_dump() | made), history=former)


def _champion(candidate: Candidate, number: int, before: int | None, now: datetime) -> Champion:
    """A candidate as a champion that nobody has promoted yet."""
    prompt = candidate.asker.prompt
    return Champion(
        number=number,
        prompt=f"{prompt.id}/{prompt.version}",
        prompt_sha256=prompt.sha256,
        model=candidate.asker.model_id,
        policy=PLAIN,
        comparison=None,
        who="the settings",
        why="judged before the first promotion",
        since=now,
        before=before,
    )
