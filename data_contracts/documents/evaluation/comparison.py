"""Two candidates over one set: evaluation/comparisons/ID.json, and what `evaluate compare --json` writes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class ComparisonOutcome(StrEnum):
    """What the labels say of the challenger's F1 against the champion's."""

    BETTER = "better"
    WORSE = "worse"
    NOT_WORSE = "not_worse"
    CANNOT_TELL = "cannot_tell"


class CandidateFigures(BaseModel):
    """One candidate over the compared comments; a figure that is not defined is null, and so is an unknown cost."""

    model_config = ConfigDict(frozen=True)

    candidate: str
    #: hash of the prompt that was asked; null in comparisons of before there were promotions
    prompt_sha256: str | None = None
    f1: float | None
    precision: float | None
    recall: float | None
    accuracy: float | None
    malformed: int
    refused: int
    unjudged: int
    cost_per_1000_usd: float | None
    input_tokens_per_1000: float | None
    output_tokens_per_1000: float | None


class PairedTest(BaseModel):
    """Exact McNemar over one part of the comments: all, true violations, the rest, or a category.

    `p_adjusted` is Holm's over the categories; null for the other parts.
    """

    model_config = ConfigDict(frozen=True)

    part: str
    n: int
    gained: int
    lost: int
    p_value: float
    p_adjusted: float | None = None


class SliceDifference(BaseModel):
    """A figure's difference, challenger less champion, with its 95 % interval, over `all` or one language."""

    model_config = ConfigDict(frozen=True)

    slice: str
    figure: str
    n: int
    violations: int
    difference: float
    ci_low: float
    ci_high: float


class GoldenEvidence(BaseModel):
    """What both answered to the golden pack.

    Attributes:
        n: items that both were asked.
        champion_right, challenger_right: of these, whose `violation` is the expected one; without a verdict none is.
        gained, lost: items that only the challenger, or only the champion, is right about.
        p_value: exact McNemar of these two.
        newly_fooled: attacks that the champion withstands and the challenger does not, by item.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    champion_right: int
    challenger_right: int
    gained: int
    lost: int
    p_value: float
    newly_fooled: tuple[str, ...] = ()


class Comparison(BaseModel):
    """Champion and challenger over the same comments of a set, or of a night.

    Of a night (`set` is `night-D`, `set_version` 0, `split` `night`) the first three counts are of labelled comments,
    and the figures are weighed back to all of them.

    Attributes:
        n, violations: how many comments were compared, and how many of them are violations by their labels.
        discordant: comments on which exactly one of both is right.
        f1_difference, ci_low, ci_high: challenger less champion, with a 95 % two-sided interval.
        p_value: exact McNemar on accuracy.
        needs_labels: about how many labels more would tell; null where the outcome tells.
        provable_margin: the smallest loss of recall that these labels can rule out.
        noise: share of comments on which the champion, asked again, gave another verdict; null if it was not.
        looks: how many pairs were compared on this test split so far; null for other splits.
        golden: null where the golden pack was not asked of both.
        stale: labels that were left out because their category's rule has changed since they were given, by category;
            comments labelled `none` that a candidate puts into such a category are left out too.
        variants: items that a model wrote, which are no part of any figure but `differences` of slice `variant=KIND`.
        reasons: why the outcome is what it is, and what to mind, in words.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    set: str
    set_version: int
    split: str
    champion: CandidateFigures
    challenger: CandidateFigures
    n: int
    violations: int
    discordant: int
    f1_difference: float
    ci_low: float
    ci_high: float
    p_value: float
    outcome: ComparisonOutcome
    needs_labels: int | None
    margin: float
    provable_margin: float
    noise: float | None
    looks: int | None
    tests: tuple[PairedTest, ...]
    differences: tuple[SliceDifference, ...]
    golden: GoldenEvidence | None = None
    reasons: tuple[str, ...]
    compared_at: datetime
    stale: dict[str, int] = {}
    variants: int = 0
