"""Evidence of a change that adds up over nights: one formula for every chart.

Each chart keeps Shiryaev-Roberts sums M <- (w + M) x likelihood ratio of the night, one for every size of change that
is looked for, whose weights w add up to 1. On nights without a change their total is expected to grow by at most 1 a
night; so an alarm when it reaches L comes at most once in L nights on average, and the budgets of charts add up to a
budget for all.
Source: Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", NEJSDS 2024.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tasks.measure.detect.policy import NIGHTS_A_YEAR

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Sizes of change that are looked for, in standard deviations between nights.
SHIFTS = np.array([0.8, 1.5, 2.5])
#: One night counts at most so many deviations, so that one wild night alone cannot ring...
CAP = 3.6
#: ... unless it is so far out that no night without a fault could be.
JUMP = 12.0
#: The sums overshoot the line in jumps, so that false alarms are rarer than the theorem's bound; measured by
#: `benchmarks.monitor_quality`. Pages do without it, so that their bound stays a theorem.
OVERSHOOT = 0.4
#: The same of counts of errors, and where several strata are looked at, each with fewer counts in larger jumps.
LABEL_OVERSHOOT, STRATA_OVERSHOOT = 0.45, 0.36
_BISECTIONS = 30


def alarm_line(false_alarms_a_year: float, overshoot: float = OVERSHOOT) -> float:
    """The evidence at which a chart with this budget rings."""
    return max(NIGHTS_A_YEAR * overshoot / false_alarms_a_year, 2.0) if false_alarms_a_year > 0 else np.inf


def shift_ratios(deviations: Array) -> Array:
    """Likelihood ratios of every shift upwards, then of every one downwards; shape (..., 2 * shifts)."""
    signed = np.clip(np.stack([deviations, -deviations], axis=-1), -CAP, CAP)[..., None]
    return np.asarray(np.exp(signed * SHIFTS - SHIFTS**2 / 2).reshape(*deviations.shape, -1))


def gather(sums: Array, ratios: Array, weights: Array, line: Array) -> tuple[Array, Array]:
    """The sums after a night, and their total; the total stops at the alarm line, so that charts recover.

    A change may begin on any night, and each night enters by the weights of its own: whatever these are, the expected
    total grows by 1 a night at most.

    Args:
        sums: before the night, weighted, shape (..., changes that are looked for).
        ratios: the night's likelihood ratios, same shape; 1 leaves nothing to learn but the passing of a night.
        weights: of every change tonight, same trailing shape; together at most 1.
        line: shape (...).
    """
    grown = (weights + sums) * ratios
    total = grown.sum(axis=-1)
    scale = np.minimum(1.0, line / np.maximum(total, 1e-300))
    return grown * scale[..., None], np.minimum(total, line)


def ringing_deviation(sums: Array, weights: Array, line: Array) -> Array:
    """How many deviations would ring tonight in one direction, given the evidence so far; JUMP if only a jump would.

    Args:
        sums: before tonight, in that direction, shape (..., sizes).
        weights: same shape.
        line: shape (...); less what the other direction holds, which only falls when this one rises.
    """
    low, high = np.full(line.shape, -CAP), np.full(line.shape, CAP)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        ratios = np.exp(middle[..., None] * SHIFTS - SHIFTS**2 / 2)
        is_over = ((weights + sums) * ratios).sum(axis=-1) >= line
        high, low = np.where(is_over, middle, high), np.where(is_over, low, middle)
    return np.where(high >= CAP - 1e-6, JUMP, high)
