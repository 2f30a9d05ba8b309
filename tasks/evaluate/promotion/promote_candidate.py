"""Puts a challenger in the champion's place, if its comparison passes the gate."""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.evaluation.champion import Champion, ChampionRecord
from tasks import adapters
from tasks.base.errors import NotPromoted
from tasks.base.settings import Settings
from tasks.evaluate.promotion.check_gate import Case, check_gate
from tasks.evaluate.promotion.succession import Promoted, Word, checked_word, tell, write_record
from tasks.evaluate.runs.bench import SplitChoice
from tasks.evaluate.runs.candidates import Candidate


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
    case = check_gate(settings, name, champion, challenger, split, now)
    if case.is_champion and case.record is not None:
        return tell(outside.storage, settings, case.record.present, (), now, is_new=False)
    if case.against.bars:
        raise NotPromoted([*case.against.bars, *case.against.reasons])
    if case.against.reasons and word.despite is None:
        raise NotPromoted(case.against.reasons)
    record = _promotion(case, word, now)
    write_record(outside.storage, settings, case.etag, record)
    return tell(outside.storage, settings, record.present, case.against.reasons, now, is_new=True)


def _promotion(case: Case, word: Word, now: datetime) -> ChampionRecord:
    """The record with the challenger as champion; what judged before the first promotion becomes its number 1."""
    found, comparison = case.record, case.comparison
    former = (*found.history, found.present) if found else (_champion(case.champion, 1, None, now),)
    gain = f"{comparison.outcome}, F1 {comparison.f1_difference * 100:+.1f} points on {comparison.n:,} comments"
    new = _champion(case.challenger, former[-1].number + 1, former[-1].number, now)
    made = {"comparison": comparison.id, "who": word.who, "why": word.why or gain, "despite": word.despite}
    return ChampionRecord(**(new.model_dump() | made), history=former)


def _champion(candidate: Candidate, number: int, before: int | None, now: datetime) -> Champion:
    """A candidate as a champion that nobody has promoted yet."""
    prompt = (candidate.alone or candidate.asker).prompt
    return Champion(
        number=number,
        prompt=f"{prompt.id}/{prompt.version}",
        prompt_sha256=prompt.sha256,
        model=candidate.asker.model_id,
        policy=candidate.policy,
        comparison=None,
        who="the settings",
        why="judged before the first promotion",
        since=now,
        before=before,
    )
