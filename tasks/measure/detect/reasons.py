"""Reasons as plain sentences, made from a reason code and its numbers."""

from __future__ import annotations

import math

from tasks.measure.detect.history import MEAN, RATE


def figure(number: float, kind: str) -> str:
    """A number as a reader wants it: shares in per cent."""
    if kind == RATE:
        return f"{number * 100:.2f}".rstrip("0").rstrip(".") + " %" if abs(number) >= 1e-3 else f"{number * 100:.2g} %"
    return f"{number:.3f}" if kind == MEAN else f"{number:,.4g}" if abs(number) < 1000 else f"{number:,.0f}"


def distance(effect: float, kind: str) -> str:
    """How far, and in which direction."""
    side = "above" if effect >= 0 else "below"
    unit = f"{abs(effect) * 100:.2f} points" if kind == RATE else figure(abs(effect), kind)
    return f"{unit} {side}"


def shift(value: float, effect: float, baseline: float, evidence: float, limit: float, kind: str) -> str:
    """Evidence of several nights reached the limit."""
    place = (
        f"{figure(value, kind)} is {distance(effect, kind)} the baseline of {figure(baseline, kind)}; "
        if not math.isnan(value + effect + baseline)
        else ""
    )
    return f"{place}the evidence of this and earlier nights reached {evidence:,.0f}, the limit is {limit:,.0f}"


def jump(value: float, effect: float, baseline: float, statistic: float, kind: str) -> str:
    """One night alone is too far out."""
    return (
        f"{figure(value, kind)} is {distance(effect, kind)} the baseline of {figure(baseline, kind)}: "
        f"{abs(statistic):.0f} deviations in one night"
    )


def no_input() -> str:
    """The night had no comments."""
    return "no comments came in"


def incomplete(failed: float, asked: float, limit: float) -> str:
    """Too many answers failed."""
    return f"{failed:,.0f} of {asked:,.0f} answers failed in all ({failed / asked:.1%}); the limit is {limit:.1%}"


def no_labels(nights: int, of: int, is_ticket: bool) -> str:
    """No labels on a night."""
    history = f"{nights} of the {of} nights before had some"
    return f"no labels; {history}" if is_ticket or nights else "no labels"


def not_measured() -> str:
    """No row, or nothing of which it could be a share or mean."""
    return "there was nothing to measure on this night"


def impossible() -> str:
    """A row came whose numbers cannot be."""
    return "the numbers of this night cannot be: a part is larger than the whole, negative or not finite"


def few_nights(nights: int, needed: int) -> str:
    """Too few earlier nights."""
    return f"{nights} earlier nights to compare with, {needed} are needed"


def few_labels(labels: float, needed: float, drop: float) -> str:
    """Too few labels, and how many would tell."""
    return (
        f"{labels:,.0f} labels are too few: {needed:,.0f} a night would show an error rate "
        f"{drop * 100:g} points higher within a week"
    )


def few_items(items: float, needed: int) -> str:
    """Too few items, and how many would tell."""
    return f"{items:,.0f} are too few to tell; {needed} would"


def event(names: list[str]) -> str:
    """An announced event."""
    return f"announced: {', '.join(names)}"


def shown() -> str:
    """The chart never rings."""
    return "shown for reading; alarms stand on accuracy as a whole"
