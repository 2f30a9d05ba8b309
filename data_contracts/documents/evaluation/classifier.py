"""A version of the classifier: what it was trained on, from where it clears, and what proves it; no text, no id."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict


class TriedThreshold(BaseModel):
    """A threshold and what became of the labelled violations under it, none of them judged by what learnt from it.

    Attributes:
        clear_to: the chance of a violation up to which a comment is cleared.
        lost: labelled violations that it would clear; like texts are one.
        violations: labelled violations.
        bound: upper 95 % bound of the share lost.
        cleared_share: share of comments that it would clear.
    """

    model_config = ConfigDict(frozen=True)

    clear_to: float
    lost: int
    violations: int
    bound: float
    cleared_share: float


class ClassifierVersion(BaseModel):
    """state/classifier/vN.json.

    Attributes:
        version: counts up from 1.
        arrays_sha256: hash of the bytes of `state/classifier/arrays/SHA256.npz`, lower hex.
        reading: how texts were read; another program may read them otherwise.
        trained_at: when.
        first_date, last_date: the days that it learnt from.
        prompt_name, prompt_sha256: the guideline that labels and verdicts follow.
        label_count, verdict_count: comments that people labelled, and those of which only the model's word is known.
        seen: violations of each category that it learnt from; like texts are one.
        rare: grave categories that it has seen too seldom: it clears nothing while there is one.
        margin: the share of violations that it may lose.
        tried: every threshold, from the safest to the cheapest.
        clear_to: the cheapest that is proved; None if none is, and then it clears nothing.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    arrays_sha256: str
    reading: str
    trained_at: datetime
    first_date: date
    last_date: date
    prompt_name: str
    prompt_sha256: str
    label_count: int
    verdict_count: int
    seen: dict[str, int]
    rare: tuple[str, ...]
    margin: float
    tried: tuple[TriedThreshold, ...]
    clear_to: float | None
