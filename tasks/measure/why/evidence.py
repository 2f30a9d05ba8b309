"""What tells a changed version's part from the comments': days that both judged, texts that both were asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.golden import GoldenComparison, GoldenNight
from data_contracts.documents.why import Basis, NightCells, Version
from tasks.measure.why.change import Evidence

#: Items that a comparison of golden answers needs to speak.
MIN_ITEMS = 100
#: Largest share of turned golden answers that says that nothing changed: a model may waver on an item or two.
QUIET = 0.02


class _Side(BaseModel):
    model_config = ConfigDict(frozen=True)

    model_id: str
    prompt: str


class DayFlips(BaseModel):
    """What is read of a day's flips.json: the same comments judged twice.

    Attributes:
        before, after: what judged them.
        compared_count: comments with a verdict on both sides.
        ways: how many changed, by the way.
        reasons: how many changed, by what differs.
    """

    model_config = ConfigDict(frozen=True)

    before: _Side
    after: _Side
    compared_count: int
    ways: Mapping[str, int]
    reasons: Mapping[str, int]


#: Of `ways` and of `reasons`, as `tasks/verdicts/flips.py` writes them.
_TO_VIOLATION, _TO_OK, _OTHER_TEXT = "ok → violation", "violation → ok", "late input"


def evidence_for(
    before: Sequence[NightCells], after: Sequence[NightCells], flips: Sequence[DayFlips], golden: GoldenNight | None
) -> Evidence:
    """What is known of the version that came: flips of days that were judged anew by it first, then the golden pack."""
    old, new = _newest(before), _newest(after)
    told = [each for each in flips if _is_of(each.before, old) and _is_of(each.after, new) and _is_clean(each)]
    if compared := sum(each.compared_count for each in told):
        turned = sum(each.ways.get(_TO_VIOLATION, 0) - each.ways.get(_TO_OK, 0) for each in told)
        return Evidence(Basis.FLIPS, turned / compared)
    change = golden.change if golden is not None else None
    if change is not None and _is_across(change, old, new) and judge_moved(change) is False:
        return Evidence(Basis.GOLDEN)
    return Evidence(Basis.ASSUMED)


def judge_moved(comparison: GoldenComparison | None) -> bool | None:
    """Whether the same texts are answered otherwise; None where too few were compared."""
    if comparison is None or comparison.compared_count < MIN_ITEMS:
        return None
    turned = comparison.became_violation + comparison.became_none
    return turned > QUIET * comparison.compared_count


def _newest(nights: Sequence[NightCells]) -> Version | None:
    """The version that judged most of the last night."""
    if not nights:
        return None
    last = max(nights, key=lambda night: night.run_date)
    counts = [0] * len(last.versions)
    for cell in last.cells:
        counts[cell.version] += cell.valid_count
    return last.versions[counts.index(max(counts))] if counts else None


def _is_of(side: _Side, version: Version | None) -> bool:
    return version is not None and (side.model_id, side.prompt) == (version.model_id, version.prompt)


def _is_clean(flips: DayFlips) -> bool:
    """Whether nothing but the version differs: a comment with another text says nothing about it."""
    return not flips.reasons.get(_OTHER_TEXT, 0)


def _is_across(change: GoldenComparison, old: Version | None, new: Version | None) -> bool:
    """Whether golden answers were compared across the very change."""
    sides = ((change.before_model_id, change.before_prompt, old), (change.after_model_id, change.after_prompt, new))
    return all(
        version is not None and (model, prompt) == (version.model_id, version.prompt)
        for model, prompt, version in sides
    )
