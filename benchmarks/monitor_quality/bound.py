"""What no rule can beat: how soon a change of the errors shows to one who knows both rates and looks for it alone.

Page's CUSUM of the exact log likelihood ratio has the shortest delay of all rules with as many false alarms (Lorden
1971, Moustakides 1986). A rule for changes that are not known in advance, with a baseline that is learnt, is slower.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tasks.measure.detect.evidence import Array

#: The accuracy chart alone: what it really has of the false alarms, see the table of false episodes.
FALSE_ALARMS_A_YEAR = 0.45
_PATHS, _NIGHTS, _WATCHED, _BISECTIONS = 3000, 365, 60, 20


class Bound(NamedTuple):
    """Nights from the change on."""

    median: float
    mean: float
    p90: float

    def __str__(self) -> str:
        return f"{self.median:.0f} {self.mean:.1f} {self.p90:.0f}"


def least_delay(counts: Array, before: Array, after: Array, seed: int) -> Bound:
    """The delay of a CUSUM that knows the rates before and after, at FALSE_ALARMS_A_YEAR; shapes (strata,)."""
    random = np.random.default_rng(seed)
    gain = np.log(after / before), np.log((1 - after) / (1 - before))

    def night(rates: Array) -> Array:
        errors = random.binomial(counts.astype(np.int64), rates, (_PATHS, len(counts)))
        return np.asarray((errors * gain[0] + (counts - errors) * gain[1]).sum(axis=-1))

    quiet = np.zeros((_PATHS, _NIGHTS + 1))
    for place in range(_NIGHTS):
        quiet[:, place + 1] = np.maximum(quiet[:, place] + night(before), 0.0)
    line = _line(quiet[:, 1:])
    # From where a chart stands on a night like any other, unless it rang.
    start = quiet[:, _NIGHTS // 2]
    sums, waits = np.where(start >= line, 0.0, start), np.full(_PATHS, float(_WATCHED))
    for place in range(_WATCHED, 0, -1):
        sums = np.maximum(sums + night(after), 0.0)
        is_first = (sums >= line) & (waits == _WATCHED)
        waits = np.where(is_first, _WATCHED - place + 1.0, waits)
    return Bound(float(np.median(waits)), float(waits.mean()), float(np.quantile(waits, 0.9)))


def _line(quiet: Array) -> float:
    """The height that paths without a change first reach this often a year."""
    low, high = 0.1, 15.0
    for _ in range(_BISECTIONS):
        line = (low + high) / 2
        is_over = quiet >= line
        reached = is_over.any(axis=1)
        nights = np.where(reached, is_over.argmax(axis=1) + 1, quiet.shape[1]).sum()
        low, high = (line, high) if reached.sum() / nights * 365 > FALSE_ALARMS_A_YEAR else (low, line)
    return high
