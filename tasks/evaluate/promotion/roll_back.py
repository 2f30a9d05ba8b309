"""Takes a promotion back: the champion before it judges again."""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.evaluation.champion import ChampionRecord
from tasks import adapters
from tasks.base.errors import NotPromoted
from tasks.base.settings import Settings
from tasks.evaluate.promotion.succession import Promoted, Word, catalog_hashes, checked_word, tell, write_record
from tasks.ledger.champion import read_champion


def roll_back(settings: Settings, word: Word, now: datetime) -> Promoted:
    """Make the champion before this one the champion again; what was between stays on record.

    Raises:
        NotPromoted: if there is none before it, the deployed catalog lacks its prompt, or somebody else was faster.
    """
    word = checked_word(word)
    outside = adapters.connect(settings)
    found, etag = read_champion(outside.storage, settings)
    if found is None:
        raise NotPromoted(["there is no champion on record: nothing was promoted yet"])
    previous = found.previous
    if previous is None:
        raise NotPromoted([f"champion {found.number} ({found.candidate}) has none before it"])
    if catalog_hashes().get(previous.prompt) != previous.prompt_sha256:
        raise NotPromoted([f"the catalog lacks {previous.prompt} as champion {previous.number} was asked with it"])
    again = previous.model_copy(
        update={
            "number": found.number + 1,
            "who": word.who,
            "why": word.why or f"back from champion {found.number}",
            "since": now,
            "is_rollback": True,
        }
    )
    record = ChampionRecord(**again.model_dump(), history=(*found.history, found.present))
    write_record(outside.storage, settings, etag, record)
    return tell(outside.storage, settings, again, (), now, is_new=True)
