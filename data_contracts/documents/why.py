"""Why the violation rate changed: runs/D/RUN/why.json, and the counts that it is made of, state/cells/D.json."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.golden import GoldenComparison


class Version(BaseModel):
    """What judged a comment."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    prompt_sha256: str
    model_id: str
    policy: str = "plain"


class Cell(BaseModel):
    """Comments of one kind that one version judged.

    Attributes:
        language: ISO 639-1 code; `other` for the night's rarest.
        product: the product; `other` for all but the night's largest.
        is_repeat: whether an equal text of the day was judged in its place.
        version: place of what judged it among the night's versions.
        valid_count: comments.
        judged_count: of these, comments with a verdict.
        violation_count: of these, violations.
    """

    model_config = ConfigDict(frozen=True)

    language: str
    product: str
    is_repeat: bool
    version: int
    valid_count: int
    judged_count: int
    violation_count: int


class NightCells(BaseModel):
    """A published day in counts."""

    model_config = ConfigDict(frozen=True)

    run_date: date
    run_id: str
    versions: tuple[Version, ...]
    cells: tuple[Cell, ...]


class Cause(StrEnum):
    """A part of the change; together they are the whole of it."""

    LANGUAGE = "language"
    PRODUCT_GROUP = "product_group"
    REPEATED_TEXTS = "repeated_texts"
    PROMPT_VERSION = "prompt_version"
    MODEL_VERSION = "model_version"
    POLICY = "policy"
    PIPELINE_ERRORS = "pipeline_errors"
    #: what comments of one kind say, a model that changed under its name, and chance
    REST = "rest"


class Basis(StrEnum):
    """What tells the part of a changed version from the rest."""

    #: no version changed
    NO_CHANGE = "no_change"
    #: both periods were judged by the same versions, in other shares
    OVERLAP = "overlap"
    #: days that both versions judged, by a backfill: measured on the same comments
    FLIPS = "flips"
    #: the golden pack was answered alike by both: the version has no part in it
    GOLDEN = "golden"
    #: nothing does: all that changed within comments of one kind is put down to the version
    ASSUMED = "assumed"


class CausePart(BaseModel):
    """A cause and its part of the change, as a fraction."""

    model_config = ConfigDict(frozen=True)

    name: Cause
    change: float


class SliceChange(BaseModel):
    """A kind of comment and its part of the change, through its share and its rate; those of a dimension add up to it.

    Attributes:
        name: `language=ja`, `product=p1`, `repeated=yes`.
        change: its part, as a fraction.
        share_before, share_after: of the judged comments.
        rate_before, rate_after: violations among them; None where there were none.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    change: float
    share_before: float
    share_after: float
    rate_before: float | None
    rate_after: float | None


class Period(BaseModel):
    """Nights that are taken together."""

    model_config = ConfigDict(frozen=True)

    first: date
    last: date
    night_count: int
    judged_count: int
    violation_count: int
    versions: tuple[Version, ...]


class Change(BaseModel):
    """The change of the violation rate between two periods, split up.

    Attributes:
        before, after: violations among judged comments.
        parts: every cause, the largest part first; they add up to `after` less `before`.
        basis: what tells the part of a changed version from the rest.
        slices: the kinds of comments that moved it most, the largest part first.
    """

    model_config = ConfigDict(frozen=True)

    period_before: Period
    period_after: Period
    before: float
    after: float
    parts: tuple[CausePart, ...]
    basis: Basis
    slices: tuple[SliceChange, ...] = ()


class Why(BaseModel):
    """Why the violation rate is another than it was.

    Attributes:
        night: the night against the nights of the 28 days before it; None if there are none.
        since_change: the nights since the last change of prompt, model or policy within these 28 days, the night
            included, against those before it; None if there was no change.
        judge_moved: whether the golden pack, whose texts stay, is answered otherwise than before; None without one.
        golden: what that rests on: across the last change of version, else against its frozen answers.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    run_id: str
    night: Change | None = None
    since_change: Change | None = None
    judge_moved: bool | None = None
    golden: GoldenComparison | None = None
