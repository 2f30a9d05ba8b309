"""Inputs, outputs and pipeline: each night against earlier nights, for all charts of all sites at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.measure.detect.baseline import GUARD, MIN_NIGHTS, SAFETY, WINDOW, Level, Window, freedom, level, normal_score
from tasks.measure.detect.evidence import JUMP, SHIFTS, Array, Mask, gather, shift_ratios

Indices = npt.NDArray[np.int_]

_ABSURD = 1e6


class Charts(NamedTuple):
    """What is judged: one or many sites with the same charts and nights.

    Attributes:
        points: values on a scale where noise is even, shape (sites, charts, nights).
        unit: sampling variance of one item, same shape.
        size: how many items the value rests on, same shape.
        present: where there is a value, same shape.
        weekday: 0 to 6, shape (nights,).
        adjacent: whether a night follows the one before it by one day, shape (nights,).
        excused: announced nights, shape (charts, nights).
        first: index of the night on which a chart was first seen, shape (charts,).
        start: index of the first night that the baseline may use, shape (charts, nights).
        line: evidence at which a chart rings, shape (charts, nights).
        directions: whether a chart rings upwards and downwards, shape (charts, 2).
        floors: smallest deviation that is believed: fixed, and in proportion to the baseline, each of shape (charts,).
    """

    points: Array
    unit: Array
    size: Array
    present: Mask
    weekday: Indices
    adjacent: Mask
    excused: Mask
    first: Indices
    start: Indices
    line: Array
    directions: Mask
    floors: tuple[Array, Array]


class Judged(NamedTuple):
    """What was found, every array of shape (sites, charts, nights) but `sums`.

    Attributes:
        expected: the baseline, on the comparison scale.
        carried: what the night before lets one expect beyond it.
        spread: one deviation.
        statistic: how many deviations the night is from `expected + carried`.
        evidence: up to the alarm line.
        rings: whether the chart rings.
        jumps: whether it rings by this one night's distance alone.
        nights: how many nights the baseline rests on; below MIN_NIGHTS the chart is learning.
        sums: evidence before the night, weighted, shape (sites, charts, nights, 2 * shifts): upwards, then downwards.
    """

    expected: Array
    carried: Array
    spread: Array
    statistic: Array
    evidence: Array
    rings: Mask
    jumps: Mask
    nights: Array
    sums: Array


def weights_of(directions: Mask) -> Array:
    """Weight of every shift in a chart's evidence, upwards and then downwards, or 0; shape (charts, 2 * shifts)."""
    count = np.maximum(directions.sum(axis=-1, keepdims=True), 1) * len(SHIFTS)
    return np.repeat(directions / count, len(SHIFTS), axis=-1)


def judge_nights(charts: Charts) -> Judged:
    """Every night in turn, each from itself and the nights before it alone."""
    shape = charts.points.shape
    found = _blank(shape)
    one_hot = np.eye(7)[charts.weekday]
    weights = weights_of(charts.directions)
    sums, between = np.zeros((*shape[:2], 2 * len(SHIFTS))), np.zeros(shape[:2])
    before = np.zeros(shape[:2])
    calm = charts.present & ~charts.excused
    for night in range(shape[2]):
        if night and (restarted := charts.start[:, night] == night).any():
            sums, before = np.where(restarted[:, None], 0.0, sums), np.where(restarted, 0.0, before)
            between = np.where(restarted, 0.0, between)
        window = _window(charts, calm, found.rings, one_hot, night)
        seen = level(window, int(charts.weekday[night]), between, charts.first <= night)
        between = seen.between
        judged = calm[..., night] & (seen.nights >= MIN_NIGHTS)
        carried = seen.correlation * before * charts.adjacent[night]
        spread = _spread(charts, seen, night)
        distance = charts.points[..., night] - seen.expected
        deviation = np.clip((distance - carried) / spread, -_ABSURD, _ABSURD)
        deviation = np.where(judged, deviation, 0.0)
        score = normal_score(deviation, freedom(seen.nights))
        found.sums[..., night, :] = sums
        grown, total = gather(sums, shift_ratios(score), weights, charts.line[:, night])
        sums = np.where(judged[..., None], grown, sums)
        found.expected[..., night], found.carried[..., night], found.spread[..., night] = seen.expected, carried, spread
        found.statistic[..., night], found.nights[..., night] = deviation, seen.nights
        line = charts.line[:, night]
        found.evidence[..., night] = np.minimum(sums.sum(axis=-1), line)
        found.jumps[..., night] = _jumps(deviation, charts.directions) & np.isfinite(line)
        found.rings[..., night] = judged & ((total >= line * (1 - 1e-9)) | found.jumps[..., night])
        before = np.where(judged, distance, 0.0)
    return found


def _blank(shape: tuple[int, ...]) -> Judged:
    return Judged(
        expected=np.zeros(shape),
        carried=np.zeros(shape),
        spread=np.zeros(shape),
        statistic=np.zeros(shape),
        evidence=np.zeros(shape),
        rings=np.zeros(shape, dtype=bool),
        jumps=np.zeros(shape, dtype=bool),
        nights=np.zeros(shape),
        sums=np.zeros((*shape, 2 * len(SHIFTS))),
    )


def _jumps(deviation: Array, directions: Mask) -> Mask:
    """Whether one night alone is so far out in a direction that is worse."""
    return (directions[:, 0] & (deviation > JUMP)) | (directions[:, 1] & (deviation < -JUMP))


def _window(charts: Charts, calm: Mask, rang: Mask, one_hot: Array, night: int) -> Window:
    """The nights before this one that it is compared with.

    Nights that rang are left out as long as enough others remain. A young chart has a shorter guard.
    """
    first = max(0, night - WINDOW - GUARD)
    place = np.arange(first, night)
    usable = calm[..., first:night] & (place >= charts.start[:, night, None])
    guard = np.clip(usable.sum(axis=-1) - MIN_NIGHTS, 0, GUARD)
    usable &= place < night - guard[..., None]
    quiet = usable & ~rang[..., first:night]
    used = np.where((quiet.sum(axis=-1) >= MIN_NIGHTS)[..., None], quiet, usable)
    cut = (slice(None), slice(None), slice(first, night))
    return Window(charts.points[cut], charts.unit[cut], charts.size[cut], used, one_hot[first:night],
                  charts.adjacent[first:night])  # fmt: skip


def _spread(charts: Charts, seen: Level, night: int) -> Array:
    """One deviation of tonight from its expectation; the whole of it is stretched, for it is badly known."""
    natural = (seen.between + seen.sampling / charts.size[..., night]) * (1 - seen.correlation**2)
    fixed, relative = charts.floors
    return np.maximum(SAFETY * np.sqrt(natural + seen.error), np.maximum(fixed, relative * np.abs(seen.expected)))
