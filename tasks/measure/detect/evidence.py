"""Evidence of a change that adds up over nights: one formula for every chart.

Each chart keeps Shiryaev-Roberts sums M <- (1 + M) x likelihood ratio of the night, one for every size of change that
is looked for. On nights without a change the expected M grows by at most 1 a night; so an alarm when their weighted
mean reaches L comes at most once in L nights on average, and the budgets of charts add up to a budget for all.
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
#: The same where several strata are looked at, each with fewer counts in larger jumps.
STRATA_OVERSHOOT = 0.3
_BISECTIONS = 30


def alarm_line(false_alarms_a_year: float, overshoot: float = OVERSHOOT) -> float:
    """The evidence at which a chart with this budget rings."""
    return max(NIGHTS_A_YEAR * overshoot / false_alarms_a_year, 2.0) if false_alarms_a_year > 0 else np.inf


def shift_ratios(deviations: Array) -> Array:
    """Likelihood ratios of every shift, upwards and downwards; shape (..., 2, shifts)."""
    signed = np.stack([deviations, -deviations], axis=-1)[..., None]
    return np.asarray(np.exp(np.clip(signed, -CAP, CAP) * SHIFTS - SHIFTS**2 / 2))


def gather(sums: Array, ratios: Array, weights: Array, line: Array) -> tuple[Array, Array]:
    """The sums after a night, and their weighted total; the total stops at the alarm line, so that charts recover.

    Args:
        sums: before the night, shape (..., directions, sizes).
        ratios: the night's likelihood ratios, same shape; 1 leaves nothing to learn but the passing of a night.
        weights: of every (direction, size), same trailing shape.
        line: shape (...).
    """
    grown = (1 + sums) * ratios
    total = (grown * weights).sum(axis=(-2, -1))
    scale = np.minimum(1.0, line / np.maximum(total, 1e-300))
    return grown * scale[..., None, None], np.minimum(total, line)


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
        is_over = (weights * (1 + sums) * ratios).sum(axis=-1) >= line
        high, low = np.where(is_over, middle, high), np.where(is_over, low, middle)
    return np.where(high >= CAP - 1e-6, JUMP, high)
