"""Who judges where the settings say `champion`: state/champion.json."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.plan import PlannedChampion


class Champion(BaseModel):
    """One judge and how it came to be the champion.

    Attributes:
        number: counts champions from 1.
        prompt: name and version in the catalog, `comment_review/v2`.
        prompt_sha256: hash of that prompt, lower hex.
        model: as MODEL_ID names it.
        policy: how comments are shared out.
        comparison: what it was promoted on; null for the first, which nobody promoted.
        who: who promoted it, or took the one after it back.
        why: in a line.
        despite: why it was promoted though the gate said no; null where it said yes.
        since: when.
        before: number of the champion that a rollback brings back; null where there is none.
        is_rollback: whether it was brought back.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    prompt: str
    prompt_sha256: str
    model: str
    policy: str
    comparison: str | None
    who: str
    why: str
    despite: str | None = None
    since: datetime
    before: int | None
    is_rollback: bool = False

    @property
    def candidate(self) -> str:
        """Its name as a candidate, in one spelling."""
        return f"prompt={self.prompt},model={self.model},policy={self.policy}"

    @property
    def planned(self) -> PlannedChampion:
        """What a plan keeps of it."""
        return PlannedChampion(number=self.number, comparison=self.comparison, since=self.since)


class ChampionRecord(Champion):
    """The champion, and all that were champions before it, oldest first."""

    history: tuple[Champion, ...] = ()

    @property
    def present(self) -> Champion:
        """The champion without those before it."""
        return Champion.model_validate(self.model_dump(exclude={"history"}))

    @property
    def previous(self) -> Champion | None:
        """The one that a rollback brings back; None if there is none."""
        return next((each for each in self.history if each.number == self.before), None)
