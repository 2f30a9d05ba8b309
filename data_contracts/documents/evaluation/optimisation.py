"""What an optimisation tried and drafted: evaluation/drafts/ID.json, beside the draft itself, ID.md."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class DraftAttempt(BaseModel):
    """A guideline that was proposed. No text of a set stands in it, and none of what was refused as copied.

    Attributes:
        source: who proposed it: reflect, shorten, file, optimize-prompt.
        note: why, in the words of the source.
        came_of_it: what became of it, in words.
        prompt_sha256: of the prompt with it; null where it could be none.
        f1, cost_per_1000_usd: on dev, the cost at batch prices; null where it did not come so far.
    """

    model_config = ConfigDict(frozen=True)

    round: int
    source: str
    note: str
    came_of_it: str
    prompt_sha256: str | None
    f1: float | None
    cost_per_1000_usd: float | None


class Optimisation(BaseModel):
    """A search for a better guideline.

    Attributes:
        id: of the draft; null where nothing was better.
        candidate: what it started from, in full.
        draft_sha256: of the drafted prompt.
        first_f1, first_cost_per_1000_usd, draft_f1, draft_cost_per_1000_usd: on dev.
        comparison: id of the one look at the test split; null where there was none.
        outcome: of that comparison.
        spent_usd: what all of it cost, calls that were killed included; null if that is unknown.
        stopped: why the search ended.
        notes: what to mind before anybody takes the draft.
    """

    model_config = ConfigDict(frozen=True)

    id: str | None
    set: str
    set_version: int
    candidate: str
    draft_sha256: str | None
    first_f1: float
    first_cost_per_1000_usd: float
    draft_f1: float | None
    draft_cost_per_1000_usd: float | None
    comparison: str | None
    outcome: str | None
    spent_usd: float | None
    max_cost_usd: float
    stopped: str
    attempts: tuple[DraftAttempt, ...]
    notes: tuple[str, ...]
    finished_at: datetime
