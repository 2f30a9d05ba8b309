"""Champion and challenger over one set become one comparison: figures, tests, an outcome and its reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from data_contracts.documents.evaluation.comparison import (
    CandidateFigures,
    Comparison,
    ComparisonOutcome,
    GoldenEvidence,
    PairedTest,
    SliceDifference,
)
from data_contracts.tables.verdicts import Status
from tasks.evaluate.outcome import holm, labels_needed, outcome_of, provable_margin
from tasks.evaluate.paired import Difference, Differences, Discordance, differences, discordance

#: Most pairs that one test split may decide between before its figures are said to be worn.
MOST_LOOKS = 5
#: Adjusted p below which a category counts as lost.
SIGNIFICANT = 0.05


class Compared(NamedTuple):
    """What two candidates answered to the same comments, and where that comes from.

    Attributes:
        set_name, set_version, split: the comments.
        champion, challenger: names of the candidates, as a person gave them.
        answers: a row a comment: `item_id, language, stratum, cluster, weight, violation, category`, and for each
            candidate `X_status, X_violation, X_category, X_input_tokens, X_output_tokens, X_cost_usd`
            (X is champion or challenger; all but the status are null where it has none).
        noise: share of comments on which the champion, asked again, gave another verdict; None if it was not.
        looks: pairs compared on this test split, this one included; None for other splits.
        variants: like `answers`, of items that a model wrote: shown apart, by the kind that `stratum` names.
        stale: labels that were left out of `answers` since their rule has changed, by category.
        remarks: what is to be minded of it, for the reasons.
        golden: what both answered to the golden pack; None if it was not asked of both.
        prompts: hashes of the champion's prompt and of the challenger's; None if nobody asks.
    """

    set_name: str
    set_version: int
    split: str
    champion: str
    challenger: str
    answers: pl.DataFrame
    noise: float | None
    looks: int | None
    variants: pl.DataFrame | None = None
    stale: Mapping[str, int] = MappingProxyType({})
    remarks: tuple[str, ...] = ()
    golden: GoldenEvidence | None = None
    prompts: tuple[str, str] | None = None


def compare(compared: Compared, margin: float, now: datetime) -> Comparison:
    """Compare two candidates by the comments that both were asked.

    Args:
        compared: the answers; at least one comment.
        margin: the loss of F1 that may be borne, of `MODERATION_MARGIN`.
        now: goes into the document.

    Raises:
        ValueError: if there is no comment to compare on.
    """
    answers = compared.answers.sort("item_id")
    if answers.is_empty():
        raise ValueError("there is no comment that both candidates were asked")
    identity = comparison_id(
        compared.set_name, compared.set_version, compared.split, compared.champion, compared.challenger
    )
    seed = int(identity[:8], 16)
    figures, overall = differences(answers, seed), discordance(answers)
    within = discordance(answers.filter("violation"))
    provable = provable_margin(within)
    outcome = outcome_of(figures.f1, margin, provable)
    can_tell = outcome is not ComparisonOutcome.CANNOT_TELL
    tests = (*_parts(answers), *_categories(answers))
    return Comparison(
        id=identity,
        set=compared.set_name,
        set_version=compared.set_version,
        split=compared.split,
        champion=_figures(answers, "champion", compared, figures),
        challenger=_figures(answers, "challenger", compared, figures),
        n=overall.n,
        violations=within.n,
        discordant=overall.gained + overall.lost,
        f1_difference=figures.f1.difference,
        ci_low=figures.f1.interval.low,
        ci_high=figures.f1.interval.high,
        p_value=overall.p_value,
        outcome=outcome,
        needs_labels=None if can_tell else labels_needed(figures.f1, overall.n, margin, provable),
        margin=margin,
        provable_margin=provable,
        noise=compared.noise,
        looks=compared.looks,
        tests=tests,
        differences=(*_slices(answers, figures, seed), *_kinds(compared.variants, seed)),
        golden=compared.golden,
        reasons=tuple(_reasons(compared, figures.f1, outcome, margin, provable, tests, overall)),
        compared_at=now,
        stale=dict(compared.stale),
        variants=0 if compared.variants is None else compared.variants.height,
    )


def lost_categories(tests: tuple[PairedTest, ...]) -> list[str]:
    """Categories in which the challenger is significantly worse, by Holm's adjusted p."""
    return [
        test.part.removeprefix("category=")
        for test in tests
        if test.p_adjusted is not None and test.p_adjusted < SIGNIFICANT and test.lost > test.gained
    ]


def comparison_id(set_name: str, version: int, split: str, champion: str, challenger: str) -> str:
    """16 lower hex: the same pair over the same version and split is the same comparison."""
    parts = (set_name, str(version), split, champion, challenger)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _figures(answers: pl.DataFrame, name: str, compared: Compared, figures: Differences) -> CandidateFigures:
    is_champion = name == "champion"
    verdict, status = pl.col(f"{name}_violation"), pl.col(f"{name}_status")
    counts = answers.select(
        right=verdict.eq_missing(pl.col("violation")).mean(),
        flagged=(verdict.fill_null(value=False)).sum(),
        violations=pl.col("violation").sum(),
        malformed=(status == Status.MALFORMED).sum(),
        refused=(status == Status.REFUSED).sum(),
        unjudged=(status != Status.JUDGED).sum(),
        cost=_per_1000(f"{name}_cost_usd"),
        read=_per_1000(f"{name}_input_tokens"),
        written=_per_1000(f"{name}_output_tokens"),
    ).row(0, named=True)

    def figure(difference: Difference, is_defined: int) -> float | None:
        value = difference.champion if is_champion else difference.challenger
        return value if is_defined else None

    return CandidateFigures(
        candidate=compared.champion if is_champion else compared.challenger,
        prompt_sha256=compared.prompts[0 if is_champion else 1] if compared.prompts else None,
        f1=figure(figures.f1, counts["flagged"] + counts["violations"]),
        precision=figure(figures.precision, counts["flagged"]),
        recall=figure(figures.recall, counts["violations"]),
        accuracy=counts["right"],
        malformed=counts["malformed"],
        refused=counts["refused"],
        unjudged=counts["unjudged"],
        cost_per_1000_usd=counts["cost"],
        input_tokens_per_1000=counts["read"],
        output_tokens_per_1000=counts["written"],
    )


def _per_1000(column: str) -> pl.Expr:
    """Mean times 1,000; null where a single one is unknown, since a mean of the known ones would be too low."""
    return pl.when(pl.col(column).is_not_null().all()).then(pl.col(column).mean() * 1000)


def _parts(answers: pl.DataFrame) -> Iterator[PairedTest]:
    """McNemar over all comments, within the violations, and within the rest."""
    for part, rows in (
        ("all", answers),
        ("violations", answers.filter("violation")),
        ("rest", answers.filter(~pl.col("violation"))),
    ):
        yield _test(part, discordance(rows))


def _categories(answers: pl.DataFrame) -> Iterator[PairedTest]:
    """McNemar within the violations of each category; right means the category too."""
    within = {
        category: discordance(
            rows.select(
                "cluster",
                violation=pl.lit(value=True),
                champion_violation=pl.col("champion_category").eq_missing(pl.lit(category)),
                challenger_violation=pl.col("challenger_category").eq_missing(pl.lit(category)),
            )
        )
        for (category,), rows in answers.filter("violation").sort("category").group_by("category", maintain_order=True)
    }
    adjusted = holm({str(category): counts.p_value for category, counts in within.items()})
    for category, counts in within.items():
        yield _test(f"category={category}", counts, adjusted[str(category)])


def _test(part: str, counts: Discordance, adjusted: float | None = None) -> PairedTest:
    return PairedTest(
        part=part, n=counts.n, gained=counts.gained, lost=counts.lost, p_value=counts.p_value, p_adjusted=adjusted
    )


def _slices(answers: pl.DataFrame, figures: Differences, seed: int) -> Iterator[SliceDifference]:
    """The three figures over all comments, and over each language."""
    yield from _named(answers, "all", figures)
    for (language,), rows in answers.sort("language").group_by("language", maintain_order=True):
        yield from _named(rows, f"language={language}", differences(rows, seed))


def _kinds(variants: pl.DataFrame | None, seed: int) -> Iterator[SliceDifference]:
    """The three figures over each kind of variant."""
    if variants is None:
        return
    rows = variants.with_columns(pl.col("stratum").fill_null("other")).sort("stratum", "item_id")
    for (kind,), members in rows.group_by("stratum", maintain_order=True):
        yield from _named(members, f"variant={kind}", differences(members, seed))


def _named(rows: pl.DataFrame, name: str, figures: Differences) -> Iterator[SliceDifference]:
    violations = int(rows["violation"].sum())
    for figure, difference in figures._asdict().items():
        yield SliceDifference(
            slice=name,
            figure=figure,
            n=rows.height,
            violations=violations,
            difference=difference.difference,
            ci_low=difference.interval.low,
            ci_high=difference.interval.high,
        )


def _reasons(
    compared: Compared,
    f1: Difference,
    outcome: ComparisonOutcome,
    margin: float,
    provable: float,
    tests: tuple[PairedTest, ...],
    overall: Discordance,
) -> Iterator[str]:
    low, high = (f"{end * 100:+.1f}" for end in f1.interval)
    yield (
        f"F1 of the challenger is {f1.difference * 100:+.1f} points of the champion's, between {low} and {high} at 95 %"
    )
    yield (
        f"the two differ on {overall.gained + overall.lost} of {overall.n} comments: {overall.gained} gained, "
        f"{overall.lost} lost"
    )
    if outcome is ComparisonOutcome.CANNOT_TELL and margin < provable:
        yield (
            f"a margin of {margin * 100:.1f} points cannot be proved by these labels: the smallest is "
            f"{provable * 100:.1f}; add labelled violations"
        )
    yield from compared.remarks
    for category in lost_categories(tests):
        yield f"the challenger loses significantly in category {category}"
    if (golden := compared.golden) is not None:
        yield (
            f"golden pack of {golden.n}: the champion is right about {golden.champion_right}, the challenger about "
            f"{golden.challenger_right}"
        )
        if golden.newly_fooled:
            yield f"attacks of the golden pack that succeed only now: {', '.join(golden.newly_fooled)}"
    if compared.noise is not None:
        yield f"the champion, asked again, changes {compared.noise * 100:.1f} % of its own verdicts"
    if compared.looks is not None and compared.looks > MOST_LOOKS:
        yield (
            f"this test split has decided between {compared.looks} pairs, over {MOST_LOOKS}: the best of many looks "
            "better than it is; make a new version with fresh comments"
        )
