"""Tonight against earlier nights. The unit of replication is the night: tens of thousands of comments of one night
share its weekday, its promotions and its model, so they say little about how much nights differ by nature.

On a scale where noise is even, tonight's distance from the earlier nights' level is divided by the spread that nights
show: the variance between nights (what their scatter has beyond sampling), tonight's own sampling variance and the
baseline's error. A weekday effect is added as far as the earlier nights support one.

Source: Laney, "Improved Control Charts for Attributes", Quality Engineering 14 (2002), for the between-night term;
Anscombe, "The Transformation of Poisson, Binomial and Negative-Binomial Data", Biometrika 35 (1948), for the scale of
shares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from data_contracts.tables.metrics import State
from tasks.base.settings import Thresholds
from tasks.measure.metric_history import Reading
from tasks.measure.metric_rules import Rule, Scale, Worse
from tasks.measure.weekdays import weekday_effect

Vector = npt.NDArray[np.float64]

#: Level and spread need each other's weights; the third pass no longer moves either.
_PASSES = 3
#: Numbers that never changed would make any change infinitely surprising.
_SMALLEST_VARIANCE = 1e-12


class Comparison(NamedTuple):
    """What earlier nights say about tonight; named as the columns of the metrics table."""

    state: State
    reason: str | None = None
    baseline: float | None = None
    effect: float | None = None
    threshold: float | None = None
    statistic: float | None = None


class Level(NamedTuple):
    """Where tonight should lie, on the comparison scale, and how far nights stray from there by nature."""

    expected: float
    deviation: float


def compare(tonight: Reading, earlier: Sequence[Reading], rule: Rule, limits: Thresholds) -> Comparison:
    """Tonight's baseline, effect, threshold, statistic and state; order of `earlier` does not matter.

    Degraded only if the statistic is beyond `max_deviation`, the effect is not too small to matter, and the change
    goes the way that is worse. Learning with too few earlier nights; cannot_tell if no value at all could stand out.
    """
    if len(earlier) < limits.min_baseline_nights:
        return Comparison(
            State.LEARNING,
            f"{len(earlier)} earlier nights to compare with, {limits.min_baseline_nights} are needed",
        )
    items = _items(tonight, rule)
    tonight = _per_item(tonight, rule)
    level = _level(tonight, [_per_item(reading, rule) for reading in sorted(earlier)], rule, limits)
    reach = limits.max_deviation * level.deviation
    baseline = _value_at(level.expected, tonight, rule)
    effect = tonight.value - baseline
    statistic = (_point(tonight, rule) - level.expected) / level.deviation
    smallest = rule.smallest_change(limits, baseline)

    def threshold(direction: int) -> float | None:
        """How far from the baseline tonight would be degraded in this direction; None if no value is that far."""
        end = level.expected + direction * reach
        far = max(abs(_value_at(end, tonight, rule) - baseline), smallest)
        is_share = rule.scale is Scale.SHARE
        return None if is_share and not (0 <= end <= math.pi and 0 <= baseline + direction * far <= 1) else far

    directions = [sign for sign, worse in ((1, Worse.HIGHER), (-1, Worse.LOWER)) if rule.worse in (worse, Worse.EITHER)]
    if all(threshold(sign) is None for sign in directions):
        return Comparison(State.CANNOT_TELL, f"{tonight.n:.0f} are too few: no value could stand out", baseline, effect)
    sign = (1 if effect >= 0 else -1) if rule.worse is Worse.EITHER else directions[0]
    is_degraded = effect * sign >= smallest and statistic * sign > limits.max_deviation
    reason = (
        f"{abs(statistic):.1f} deviations {'above' if sign > 0 else 'below'} {len(earlier)} earlier nights, "
        f"limit {limits.max_deviation:g}"
    )
    return Comparison(
        State.DEGRADED if is_degraded else State.OK,
        reason if is_degraded else None,
        baseline * items,
        effect * items,
        None if (limit := threshold(sign)) is None else limit * items,
        statistic,
    )


def _level(tonight: Reading, earlier: Sequence[Reading], rule: Rule, limits: Thresholds) -> Level:
    """Expected point of tonight and the natural deviation from it.

    What is learnt from few nights is stretched by `scale_safety`, or by more where Student's t asks for it; tonight's
    own sampling variance is known and is not.
    """
    noise = _sampling_variances(earlier, rule)
    weekdays = np.array([reading.night.weekday() for reading in earlier])
    counts = np.array([reading.n for reading in earlier], dtype=np.float64)
    points = _points(np.array([reading.value for reading in earlier]), counts, rule)
    between = float(noise.mean())
    for _ in range(_PASSES):
        weights = 1 / np.maximum(between + noise, _SMALLEST_VARIANCE)
        centre = _centre(earlier, points, weights, rule)
        residuals = points - _points(np.full(len(earlier), centre), counts, rule)
        week = weekday_effect(residuals, weekdays, tonight.night.weekday())
        freedom = len(earlier) - 1 - week.parameters
        scatter = week.unexplained / freedom
        between = max(0.0, scatter - float(noise.mean()))
    same_weekday = int((weekdays == tonight.night.weekday()).sum())
    baseline_error = scatter / len(earlier) + (week.kept**2 * scatter / same_weekday if same_weekday else week.variance)
    expected = _point(tonight._replace(value=centre), rule) + week.effect
    own = _tonight_variance(tonight, earlier, expected, rule)
    stretch = max(limits.scale_safety, _student_stretch(limits.max_deviation, freedom))
    return Level(expected, math.sqrt(max(stretch**2 * (between + baseline_error) + own, _SMALLEST_VARIANCE)))


def _student_stretch(deviation: float, freedom: float) -> float:
    """How much further out Student's t puts the tail that the normal law has beyond this deviation."""
    return float(-special.stdtrit(freedom, special.ndtr(-deviation)) / deviation)


def _points(values: Vector, counts: Vector, rule: Rule) -> Vector:
    """Values on the comparison scale."""
    match rule.scale:
        case Scale.SHARE:
            return 2 * np.arcsin(np.sqrt((values * counts + 3 / 8) / (counts + 3 / 4)))
        case Scale.LOG_MEAN:
            return values
        case Scale.TOTAL:
            return np.log(np.maximum(values, _LEAST_PRICE if rule.is_per_item else _LEAST_COUNT))


def _point(reading: Reading, rule: Rule) -> float:
    """One night's value on the comparison scale."""
    return float(_points(np.array([reading.value]), np.array([reading.n], dtype=np.float64), rule)[0])


#: math.exp overflows a little beyond.
_LARGEST_LOG = 700.0
#: What a count of none, and a price of nothing per item, count as on the logarithmic scale.
_LEAST_COUNT, _LEAST_PRICE = 0.5, 1e-9


def _items(reading: Reading, rule: Rule) -> float:
    return max(reading.n, 1.0) if rule.is_per_item else 1.0


def _per_item(reading: Reading, rule: Rule) -> Reading:
    return reading._replace(value=reading.value / _items(reading, rule))


def _value_at(point: float, tonight: Reading, rule: Rule) -> float:
    """The value that has this point for tonight's n; a share stays within 0 and 1."""
    match rule.scale:
        case Scale.SHARE:
            x = (tonight.n + 3 / 4) * math.sin(min(max(point, 0.0), math.pi) / 2) ** 2 - 3 / 8
            return min(max(x / tonight.n, 0.0), 1.0)
        case Scale.LOG_MEAN:
            return point
        case Scale.TOTAL:
            return math.exp(min(point, _LARGEST_LOG))


def _centre(earlier: Sequence[Reading], points: Vector, weights: Vector, rule: Rule) -> float:
    """The earlier nights' level as a value; shares are averaged as they are, so that small counts do not bias it."""
    if rule.scale is Scale.SHARE:
        return float(np.average([reading.value for reading in earlier], weights=weights))
    point = float(np.average(points, weights=weights))
    return point if rule.scale is Scale.LOG_MEAN else math.exp(point)


def _sampling_variances(readings: Sequence[Reading], rule: Rule) -> Vector:
    match rule.scale:
        case Scale.SHARE:
            return np.array([1 / (reading.n + 0.5) for reading in readings])
        case Scale.LOG_MEAN:
            return _pooled_variance(readings) / np.array([reading.n for reading in readings])
        case Scale.TOTAL:
            return np.array([1 / max(reading.n if rule.is_per_item else reading.value, 1.0) for reading in readings])


def _tonight_variance(tonight: Reading, earlier: Sequence[Reading], expected: float, rule: Rule) -> float:
    """Sampling variance that tonight would have as a normal night: what it shows itself may be part of the fault."""
    match rule.scale:
        case Scale.SHARE:
            return 1 / (tonight.n + 0.5)
        case Scale.LOG_MEAN:
            return _pooled_variance(earlier) / tonight.n
        case Scale.TOTAL:
            return 1 / max(tonight.n if rule.is_per_item else math.exp(expected), 1.0)


def _pooled_variance(readings: Sequence[Reading]) -> float:
    known = [(reading.variance, reading.n) for reading in readings if reading.variance is not None]
    if not known:
        return 0.0
    return float(np.average([variance for variance, _ in known], weights=[n for _, n in known]))
