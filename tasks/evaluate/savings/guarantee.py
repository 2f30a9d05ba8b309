"""What so many labelled violations prove of a step that lets comments pass, and which threshold they allow.

Zero of 60 missed bounds the loss by 5 %, zero of 150 by 2 %, zero of 300 by 1 %: with 150 labelled violations nobody
can say that a step loses at most one of a hundred. All of it holds for comments like those that were labelled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from scipy import special

#: Chance that a bound does not hold.
DELTA = 0.05
#: Most labels that are ever named: beyond, "so many" is no answer.
_MOST_LABELS = 10_000_000


def loss_bound(lost: int, n: int) -> float:
    """The exact upper 95 % bound of a share of which `lost` of n were seen; 1 where nothing was seen.

    Source: Clopper, Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934), one-sided.
    """
    if not 0 <= lost <= n:
        raise ValueError(f"{lost} of {n} is no share")
    return 1.0 if lost >= n else float(special.betaincinv(lost + 1, n - lost, 1 - DELTA))


def violations_needed(lost: int, n: int, margin: float) -> int | None:
    """How many labelled violations would prove a loss of at most `margin`, if the share lost stays what it is.

    None if no number would: the share itself is not below the margin.
    """
    share = lost / n if n else 0.0
    if share >= margin:
        return None
    low, high = n, max(n, 1)
    while _bound_at(share, high) > margin:
        low, high = high, high * 2
        if high > _MOST_LABELS:
            return None
    while low < high:
        middle = (low + high) // 2
        if _bound_at(share, middle) <= margin:
            high = middle
        else:
            low = middle + 1
    return high


def _bound_at(share: float, n: int) -> float:
    lost = share * n
    return 1.0 if lost >= n else float(special.betaincinv(lost + 1, n - lost, 1 - DELTA))


class Tried(NamedTuple):
    """A threshold, and what became of the labelled violations under it."""

    threshold: float
    lost: int
    violations: int

    @property
    def bound(self) -> float:
        """The upper 95 % bound of the share that it loses."""
        return loss_bound(self.lost, self.violations)


def proved_threshold(safest_first: Iterable[Tried], margin: float) -> Tried | None:
    """The cheapest threshold that loses at most `margin`, by tests in a fixed order; None if even the safest may not.

    The order is settled before anybody looks, and the first that fails ends it: so the chance that the one chosen loses
    more is 5 %, however many are tried.

    Source: Angelopoulos et al., "Learn then Test", arXiv 2110.01052, section on fixed sequence testing.
    """
    chosen = None
    for tried in safest_first:
        if tried.bound > margin:
            break
        chosen = tried
    return chosen


def labels_needed(lost: int, violations: int, items: int, margin: float) -> int | None:
    """About how many labels more, of the same mix, prove a loss of at most `margin`; None if it is, or cannot be."""
    needed = violations_needed(lost, violations, margin)
    if needed is None or not violations or needed <= violations:
        return None
    return math.ceil((needed - violations) * items / violations)
