"""How much tonight's weekday differs by nature, as far as earlier nights make that sure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

#: How sure a weekday effect must be.
CONFIDENCE = 0.95
#: Degrees of freedom that must be left for the scatter within weekdays before weekday effects are estimated.
MIN_WITHIN = 5


class WeekdayEffect(NamedTuple):
    """What weekdays explain of the nights' residuals.

    Attributes:
        effect: of tonight's weekday; 0 if that was never seen.
        kept: share of the raw weekday means that is believed.
        variance: between weekdays, the error of a weekday that was never seen.
        unexplained: sum of squares that is left.
        parameters: degrees of freedom that the effects cost.
    """

    effect: float
    kept: float
    variance: float
    unexplained: float
    parameters: float


def weekday_effect(residuals: npt.NDArray[np.float64], weekdays: npt.NDArray[np.int_], tonight: int) -> WeekdayEffect:
    """Weekday means of the residuals, shrunk by how far they differ beyond what chance alone shows.

    The plain shrinkage factor of James and Stein believes in weekdays every other time when there are none, and what
    it explains away is then missing from the spread; an F quantile in its place does so one time in twenty.
    Source: James and Stein, "Estimation with Quadratic Loss" (1961), for shrinking means towards none.
    """
    nights = np.bincount(weekdays, minlength=7)
    seen = nights > 0
    day_count, within_freedom = int(seen.sum()), len(residuals) - int(seen.sum())
    if day_count < 2 or within_freedom < MIN_WITHIN:
        return WeekdayEffect(0.0, 0.0, 0.0, float((residuals**2).sum()), 0.0)
    means = np.bincount(weekdays, weights=residuals, minlength=7) / np.maximum(nights, 1)
    within = float(((residuals - means[weekdays]) ** 2).sum()) / within_freedom
    between = float(means[seen].var(ddof=1))
    by_chance = within * day_count / len(residuals) * float(special.fdtri(day_count - 1, within_freedom, CONFIDENCE))
    kept = max(0.0, 1 - by_chance / between) if between > 0 else 0.0
    unexplained = float(((residuals - kept * means[weekdays]) ** 2).sum())
    return WeekdayEffect(
        kept * float(means[tonight]), kept, kept * between, unexplained, kept * (2 - kept) * (day_count - 1)
    )
