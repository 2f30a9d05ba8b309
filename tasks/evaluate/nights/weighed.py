"""The labels of a night's disagreements as a comparison: weighed back to the night, in the shape of any other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import polars as pl

from data_contracts.documents.evaluation.comparison import (
    CandidateFigures,
    Comparison,
    ComparisonOutcome,
    PairedTest,
    SliceDifference,
)
from data_contracts.tables.verdicts import Status
from tasks.evaluate.comparison import comparison_id
from tasks.evaluate.disagreements import Cell, weigh_back
from tasks.evaluate.nights.pairs import Answered
from tasks.evaluate.outcome import labels_needed, outcome_of, provable_margin
from tasks.evaluate.paired import Difference, Differences, Discordance
from tasks.labels.cohorts import ENOUGH
from tasks.measure.intervals import Interval

SPLIT = "night"


class TriedNight(NamedTuple):
    """A night on which a challenger was tried.

    Attributes:
        name: of its evaluations.
        champion, challenger: names of the candidates.
        pairs: a row a comment that both answered: for each role X_status, X_cost_usd, X_input_tokens, X_output_tokens.
        labels: how far people have labelled what was drawn.
        remarks: what is to be minded, for the reasons.
    """

    name: str
    champion: str
    challenger: str
    pairs: pl.DataFrame
    labels: Answered
    remarks: tuple[str, ...]


def compare_tried(night: TriedNight, margin: float, now: datetime) -> Comparison:
    """Compare the two on the night, as far as its labels tell.

    `n`, `violations` and `discordant` count labelled comments; figures are those of the night. Until nine tenths of
    what was drawn is answered, and some of each cell, the outcome is "cannot tell", with what is still to be labelled.
    """
    identity = comparison_id(night.name, 0, SPLIT, night.champion, night.challenger)
    cells, labels = night.labels.cells, night.labels
    can_weigh = all(cell.labelled for cell in cells)
    figures = weigh_back(cells, int(identity[:8], 16)) if can_weigh else _unknown()
    counts = _differing(cells)
    provable = provable_margin(_of_violations(cells)) if can_weigh else 1.0
    is_enough = can_weigh and labels.answered_count >= ENOUGH * labels.drawn_count
    outcome = outcome_of(figures.f1, margin, provable) if is_enough else ComparisonOutcome.CANNOT_TELL
    needs = None
    if not is_enough:
        needs = max(1, labels.drawn_count - labels.answered_count)
    elif outcome is ComparisonOutcome.CANNOT_TELL:
        needs = labels_needed(figures.f1, counts.n, margin, provable)
    return Comparison(
        id=identity,
        set=night.name,
        set_version=0,
        split=SPLIT,
        champion=_side(night, "champion", figures if can_weigh else None),
        challenger=_side(night, "challenger", figures if can_weigh else None),
        n=counts.n,
        violations=sum(cell.violations for cell in cells),
        discordant=counts.gained + counts.lost,
        f1_difference=figures.f1.difference,
        ci_low=figures.f1.interval.low,
        ci_high=figures.f1.interval.high,
        p_value=counts.p_value,
        outcome=outcome,
        needs_labels=needs,
        margin=margin,
        provable_margin=provable,
        noise=None,
        looks=None,
        tests=(PairedTest(part="all", n=counts.n, gained=counts.gained, lost=counts.lost, p_value=counts.p_value),),
        differences=tuple(_differences(figures, counts.n, sum(cell.violations for cell in cells))) if can_weigh else (),
        reasons=tuple(_reasons(night, figures.f1, can_weigh=can_weigh, is_enough=is_enough)),
        compared_at=now,
    )


def _unknown() -> Differences:
    """What is known without labels: a difference may be anything."""
    nothing = Difference(0.0, 0.0, 0.0, Interval(-1.0, 1.0))
    return Differences(nothing, nothing, nothing)


def _differing(cells: Iterable[Cell]) -> Discordance:
    """All labels, and who is right where the two differ."""
    n = gained = lost = 0
    for cell in cells:
        n += cell.labelled
        if cell.champion != cell.challenger:
            right = cell.violations if cell.challenger else cell.labelled - cell.violations
            gained, lost = gained + right, lost + cell.labelled - right
    return Discordance(n, gained, lost)


def _of_violations(cells: Iterable[Cell]) -> Discordance:
    """The night's violations, as far as the labels stand for them, and on how many of them the two differ.

    Where all that differ are labelled, that is the night itself; where a part is, so much less of it.
    """
    differing = [cell for cell in cells if cell.champion != cell.challenger]
    size = sum(cell.size for cell in differing)
    part = sum(cell.labelled for cell in differing) / size if size else 1.0
    found = [(cell, part * cell.size * cell.violations / cell.labelled) for cell in cells]
    gained = sum(count for cell, count in found if cell.challenger and not cell.champion)
    lost = sum(count for cell, count in found if cell.champion and not cell.challenger)
    return Discordance(round(sum(count for _, count in found)), round(gained), round(lost))


def _side(night: TriedNight, role: str, figures: Differences | None) -> CandidateFigures:
    status = night.pairs[f"{role}_status"]
    values = [getattr(figure, role) if figures else None for figure in figures or (None, None, None)]
    return CandidateFigures(
        candidate=night.champion if role == "champion" else night.challenger,
        f1=values[0],
        precision=values[1],
        recall=values[2],
        accuracy=_accuracy(night.labels.cells, role) if figures else None,
        malformed=int((status == Status.MALFORMED).sum()),
        refused=int((status == Status.REFUSED).sum()),
        unjudged=int((status != Status.JUDGED).sum()),
        cost_per_1000_usd=_per_1000(night.pairs, f"{role}_cost_usd"),
        input_tokens_per_1000=_per_1000(night.pairs, f"{role}_input_tokens"),
        output_tokens_per_1000=_per_1000(night.pairs, f"{role}_output_tokens"),
    )


def _accuracy(cells: Iterable[Cell], role: str) -> float:
    right = total = 0.0
    for cell in cells:
        share = cell.violations / cell.labelled
        right += cell.size * (share if getattr(cell, role) else 1 - share)
        total += cell.size
    return right / total


def _per_1000(pairs: pl.DataFrame, column: str) -> float | None:
    """Mean times 1,000; None where a single one is unknown."""
    values = pairs[column]
    return None if values.is_empty() or values.null_count() else float(values.sum()) / len(values) * 1000


def _differences(figures: Differences, n: int, violations: int) -> Iterator[SliceDifference]:
    for name, difference in figures._asdict().items():
        yield SliceDifference(
            slice="all",
            figure=name,
            n=n,
            violations=violations,
            difference=difference.difference,
            ci_low=difference.interval.low,
            ci_high=difference.interval.high,
        )


def _reasons(night: TriedNight, f1: Difference, *, can_weigh: bool, is_enough: bool) -> Iterator[str]:
    labels = night.labels
    size = sum(cell.size for cell in labels.cells)
    differing = sum(cell.size for cell in labels.cells if cell.champion != cell.challenger)
    yield f"the two differ on {differing:,} of {size:,} comments; {labels.drawn_count:,} comments are to be labelled"
    if can_weigh:
        low, high = (f"{end * 100:+.1f}" for end in f1.interval)
        yield (
            f"weighed back to the night, F1 of the challenger is {f1.difference * 100:+.1f} points of the champion's, "
            f"between {low} and {high} at 95 %"
        )
    if not is_enough:
        yield f"{labels.answered_count:,} of {labels.drawn_count:,} are answered: label the rest, then do this again"
    yield from night.remarks
