"""Where tonight should lie, from some eighty earlier nights, and how far nights stray from there by nature.

The unit of replication is the night, not the comment: what nights scatter beyond their sampling error is the variance
between nights. Weekdays are believed as far as they differ beyond chance. What one night says about the next is taken
out by a lag-one correlation, half its own, half that of all charts, since one chart's is badly known.

Source: James and Stein, "Estimation with Quadratic Loss" (1961); Laney, "Improved Control Charts for Attributes",
Quality Engineering 14 (2002); Kendall, "Note on Bias in the Estimation of Autocorrelation", Biometrika 41 (1954).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tasks.measure.detect.evidence import Array, Mask

#: Nights of the baseline; enough for its spread, few enough to follow a season.
WINDOW = 84
#: Nights before tonight that stay out of it, so that a change is not taken for its own baseline.
GUARD = 7
#: Below this a chart is learning.
MIN_NIGHTS = 21
#: A slow trend is believed as far as its square is beyond so many times what chance alone shows.
TREND_DOUBT = 3.0
#: The estimated spread is stretched by this.
SAFETY = 1.1
_MOST_CORRELATION = 0.8
#: Degrees of freedom that weekdays, level and correlation cost.
_FREEDOM_LOST = 8


class Level(NamedTuple):
    """What the earlier nights say about tonight, one number a chart, on the comparison scale.

    Attributes:
        expected: where tonight should lie.
        between: variance between nights.
        sampling: sampling variance of a night of size 1.
        correlation: of a night with the one before.
        error: variance of `expected` itself.
        nights: how many nights it rests on.
    """

    expected: Array
    between: Array
    sampling: Array
    correlation: Array
    error: Array
    nights: Array


class Window(NamedTuple):
    """The nights that tonight is compared with; arrays of shape (sites, charts, nights), `weekday` (nights, 7).

    Attributes:
        points: values on the comparison scale.
        unit: sampling variance of one item.
        size: how many items.
        used: which nights count.
        weekday: one-hot.
        adjacent: whether a night follows the one before it by one day; shape (nights,).
    """

    points: Array
    unit: Array
    size: Array
    used: Mask
    weekday: Array
    adjacent: Mask


def level(window: Window, tonight: int, between: Array, known: Mask) -> Level:
    """Level of every chart for a night on weekday `tonight`.

    Args:
        window: the nights to learn from.
        tonight: 0 to 6.
        between: the last known variance between nights, for the nights' weights.
        known: the charts that exist by tonight and may lend the others their correlation, shape (charts,).
    """
    used = window.used.astype(np.float64)
    nights = used.sum(axis=-1)
    safe = np.maximum(nights, 1)
    noise = window.unit / window.size
    weights = used / np.maximum(between[..., None] + noise, 1e-12)
    centre = (weights * window.points).sum(axis=-1) / np.maximum(weights.sum(axis=-1), 1e-300)
    residuals = (window.points - centre[..., None]) * used
    kept, means, explained, freedom = _weekdays(residuals, used, window.weekday)
    scatter = np.maximum((residuals**2).sum(axis=-1) - explained, 0.0) / np.maximum(nights - 1 - freedom, 1)
    left = (residuals - kept[..., None] * (means @ window.weekday.T)) * used
    correlation = _correlation(left, used, scatter, window.adjacent, nights, known)
    ahead = _trend(left, used, scatter, correlation)
    return Level(
        centre + kept * means[..., tonight] + ahead,
        np.maximum(scatter - (noise * used).sum(axis=-1) / safe, 0.0),
        (window.unit * used).sum(axis=-1) / safe,
        correlation,
        scatter / safe * (1 + 6 * kept**2),
        nights,
    )


def _weekdays(residuals: Array, used: Array, weekday: Array) -> tuple[Array, Array, Array, Array]:
    """Share of the weekday means that is believed, the means, the squares they explain and the freedom they cost."""
    counts = used @ weekday
    means = (residuals @ weekday) / np.maximum(counts, 1)
    seen = (counts > 0).sum(axis=-1)
    squares = (counts * means**2).sum(axis=-1)
    within = np.maximum((residuals**2).sum(axis=-1) - squares, 0.0) / np.maximum(used.sum(axis=-1) - seen, 1)
    spread = squares / np.maximum(seen - 1, 1)
    kept = np.where(seen > 3, np.maximum(0.0, 1 - within / np.maximum(spread, 1e-300)), 0.0)
    believed = kept * (2 - kept)
    return kept, means, believed * squares, believed * (seen - 1)


def _trend(left: Array, used: Array, scatter: Array, correlation: Array) -> Array:
    """How far a slow trend has gone beyond the baseline's middle by tonight, believed as far as it is beyond chance."""
    place = np.arange(left.shape[-1], dtype=np.float64)
    middle = (used * place).sum(axis=-1) / np.maximum(used.sum(axis=-1), 1)
    distance = (place - middle[..., None]) * used
    squares = np.maximum((distance**2).sum(axis=-1), 1e-300)
    slope = (left * distance).sum(axis=-1) / squares
    chance = TREND_DOUBT * scatter / squares * (1 + correlation) / (1 - correlation)
    kept = np.maximum(0.0, 1 - chance / np.maximum(slope**2, 1e-300))
    return np.asarray(kept * slope * (left.shape[-1] - middle))


def _correlation(left: Array, used: Array, scatter: Array, adjacent: Mask, nights: Array, known: Mask) -> Array:
    """Lag-one correlation of every chart, corrected for its bias, pooled half and half with the median of all."""
    pairs = (used[..., 1:] * used[..., :-1] * adjacent[1:]).sum(axis=-1)
    products = (left[..., 1:] * left[..., :-1] * adjacent[1:]).sum(axis=-1)
    own = products / np.maximum(pairs * scatter, 1e-300)
    own = np.where(pairs >= MIN_NIGHTS // 2, np.clip(own + (1 + 3 * own) / np.maximum(nights, 1), -1, 1), 0.0)
    pooled = _median(own, known & (nights >= MIN_NIGHTS))
    return np.clip((own + pooled) / 2, 0.0, _MOST_CORRELATION)


def _median(values: Array, counts: Mask) -> Array:
    """Median over the charts that count, 0 if none does; numpy's own for missing values takes ten times as long."""
    ordered = np.sort(np.where(counts, values, np.inf), axis=-1)
    last = np.maximum(counts.sum(axis=-1, keepdims=True) - 1, 0)
    low, high = (np.take_along_axis(ordered, place, axis=-1) for place in (last // 2, (last + 1) // 2))
    return np.where(np.isfinite(high), (low + high) / 2, 0.0)


def freedom(nights: Array) -> Array:
    """Degrees of freedom of a spread that was learnt from so many nights, weekdays and correlation."""
    return np.maximum(nights - _FREEDOM_LOST, 3.0)


def normal_score(deviation: Array, freedom: Array) -> Array:
    """The normal deviation that is as rare as this one is under Student's t.

    Source: Wallace, "Bounds on Normal Approximations to Student's and the Chi-Square Distributions", Annals of
    Mathematical Statistics 30 (1959).
    """
    return np.asarray(np.sign(deviation) * _stretch(freedom) * np.sqrt(freedom * np.log1p(deviation**2 / freedom)))


def deviation_of(score: Array, freedom: Array) -> Array:
    """The inverse of `normal_score`."""
    squares = np.minimum((score / _stretch(freedom)) ** 2 / freedom, 50.0)
    return np.asarray(np.sign(score) * np.sqrt(freedom * np.expm1(squares)))


def _stretch(freedom: Array) -> Array:
    return (8 * freedom + 1) / (8 * freedom + 3)
