"""How one champion follows another: the record, and the night from which charts begin anew."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

import prompts
from data_contracts.documents.evaluation.champion import Champion, ChampionRecord
from data_contracts.documents.rebaselined import Rebaselining, Rebaselinings
from prompts import PromptFileError
from tasks.adapters.storage import Storage
from tasks.base.errors import NotPromoted, PromptInvalid, WrongUsage
from tasks.base.paths import DayPaths, champion_file, rebaselined
from tasks.base.settings import CHAMPION, Settings
from tasks.measure.detect.rules import FAILURES, RULES, Group
from tasks.measure.night_policy import note_rebaselining

_MAX_REASON_CHARS = 500

#: What a new judge changes by being another. Quality is not among it: a worse one must ring.
CHANGED_METRICS = (
    *(name for name, rule in RULES.items() if rule.group in (Group.OUTPUTS, Group.MONEY)),
    *FAILURES,
)


class Word(NamedTuple):
    """A person's word for a promotion.

    Attributes:
        who: their name.
        why: what for; by default the comparison's outcome.
        despite: why the gate's reasons do not count; None if they do.
    """

    who: str
    why: str = ""
    despite: str | None = None


class Promoted(NamedTuple):
    """The champion after a call.

    Attributes:
        is_new: False if it was the champion already.
        overruled: the gate's reasons that a person's word overruled.
        first: the first night that can have it.
        hint: whether nights follow it.
    """

    champion: Champion
    is_new: bool
    overruled: tuple[str, ...]
    first: date
    hint: str


def checked_word(word: Word) -> Word:
    """The word with each text in one line.

    Raises:
        WrongUsage: if `despite` says nothing, or a text is longer than is kept.
    """
    for what, text in (("despite", word.despite), ("why", word.why)):
        if text is not None and len(text) > _MAX_REASON_CHARS:
            raise WrongUsage(f"{what} has {len(text)} characters, more than {_MAX_REASON_CHARS}")
    if word.despite is not None and not word.despite.strip():
        raise WrongUsage("despite is empty: say why the gate's reasons do not count, it stays on record")
    despite = None if word.despite is None else " ".join(word.despite.split())
    return Word(" ".join(word.who.split()) or "unknown", " ".join(word.why.split()), despite)


def catalog_hashes() -> dict[str, str]:
    """Hash of each prompt of the deployed catalog, by `name/version`."""
    try:
        return {f"{name}/{version}": prompts.load(name, version).sha256 for name, version in prompts.versions()}
    except PromptFileError as error:
        raise PromptInvalid(str(error)) from error


def write_record(storage: Storage, settings: Settings, etag: str | None, record: ChampionRecord) -> None:
    """Put the record in the place of the one that was read.

    Raises:
        NotPromoted: if somebody else has written one meanwhile.
    """
    uri, body = champion_file(settings), record.model_dump_json(indent=1).encode()
    if not (storage.put_if_match(uri, body, etag) if etag else storage.put_if_absent(uri, body)):
        raise NotPromoted(["somebody else changed the champion meanwhile: look at it, then repeat the command"])


def plan_rebaselining(storage: Storage, settings: Settings, champion: Champion, now: datetime) -> date:
    """Note that the drift charts begin anew with the first night that can have the champion; gives that night."""
    why = f"champion {champion.number}: {champion.candidate}"
    noted = Rebaselinings.model_validate_json(storage.get(rebaselined(settings)) or b"{}").rebaselined
    if known := [change.date for change in noted if change.why == why]:
        return known[0]
    yesterday = champion.since.astimezone(settings.zone).date() - timedelta(days=1)
    runs = storage.list(DayPaths(settings, yesterday).runs)
    is_planned = any(item.uri.endswith("/plan.json") for item in runs)
    first = yesterday + timedelta(days=1) if is_planned else yesterday
    note_rebaselining(storage, settings, Rebaselining(date=first, metrics=CHANGED_METRICS, why=why, noted_at=now))
    return first


def what_nights_follow(settings: Settings, first: date) -> str:
    """Whether nights are judged by the champion, by the settings; a line for whoever has just changed it."""
    named = {"MODERATION_PROMPT_VERSION": settings.prompt_version, "MODERATION_MODEL_ID": settings.model_id}
    fixed = [f"{name} is {value}" for name, value in named.items() if value != CHAMPION]
    if not fixed:
        return f"nights of {first} and later have it; a day that was begun keeps its own"
    return f"{' and '.join(fixed)}: nights follow the champion only where the settings say `{CHAMPION}`"


def tell(
    storage: Storage, settings: Settings, champion: Champion, overruled: tuple[str, ...], now: datetime, *, is_new: bool
) -> Promoted:
    """What to tell, once the drift charts are to begin anew; a call that was cut off before that makes up for it."""
    first = plan_rebaselining(storage, settings, champion, now)
    return Promoted(champion, is_new, overruled, first, what_nights_follow(settings, first))


def describe_promotion(promoted: Promoted) -> list[str]:
    """What has become of it, for a terminal."""
    champion = promoted.champion
    told = "is the champion" if promoted.is_new else "is the champion already"
    lines = [f"{champion.candidate} {told}: number {champion.number}, by {champion.who} ({champion.why})"]
    lines += [f"overruled: {reason}" for reason in promoted.overruled]
    lines.append(f"drift charts of outputs and cost begin anew with the night of {promoted.first}")
    return [*lines, promoted.hint]
