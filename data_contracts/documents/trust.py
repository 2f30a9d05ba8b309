"""Whether a night's verdicts can be trusted, as codes and numbers: a part of runs/D/RUN/summary.json.

The words, in either language, are made of it where it is shown.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Answer(StrEnum):
    """The answer to: can this night's verdicts be trusted?"""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot_tell"


class Said(BaseModel):
    """One thing to say.

    Attributes:
        code: which sentence.
        facts: the numbers, days and names that go into it; shares are fractions, days are written YYYY-MM-DD.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    facts: dict[str, float | int | str | None] = {}


class Trust(BaseModel):
    """The answer, why, and what to do.

    Attributes:
        answer: of the whole night.
        reasons: the weightiest first.
        step: what to do.
        command: the line to run for it; None if there is none.
    """

    model_config = ConfigDict(frozen=True)

    answer: Answer
    reasons: tuple[Said, ...]
    step: Said
    command: str | None = None
