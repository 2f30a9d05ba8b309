"""The smallest change that each chart would show: what a quiet chart is worth.

A change is shown within k nights if the evidence of k nights of it reaches the alarm line in 8 of 10 cases, whatever
was there before. Evidence of a change grows by its information a night, give or take its own deviation.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.measure.detect.baseline import MIN_NIGHTS
from tasks.measure.detect.evidence import CAP, JUMP, SHIFTS, Array, Mask
from tasks.measure.detect.history import History
from tasks.measure.detect.labelled.baseline import MIN_NIGHTS as MIN_LABEL_NIGHTS
from tasks.measure.detect.labelled.errors import TOGETHER_ROWS, log_ratios, part_weights, rises
from tasks.measure.detect.nights import weights_of
from tasks.measure.detect.policy import Policy
from tasks.measure.detect.replay import ErrorsJudged, Judgement, NightsJudged, judge_history
from tasks.measure.detect.rules import Worse, rule_of
from tasks.measure.detect.scale import values_at

#: Nights within which a change is to be shown, by column.
WITHIN = {"one_night": 1, "week": 7, "four_weeks": 28}
#: The normal deviation that 8 of 10 reach.
_POWER = 0.8416
_BISECTIONS = 50
_MOST_TIMES = 1e3

SCHEMA: dict[str, pl.DataType] = {
    "metric": pl.String(),
    "slice": pl.String(),
    "baseline": pl.Float64(),
    **dict.fromkeys(WITHIN, pl.Float64()),
}


def detectable(history: pl.DataFrame, policy: Policy | None = None) -> pl.DataFrame:
    """The smallest change for the worse that each chart would show from the last night on, as large as measured then.

    Columns: those of `detect` -> metric, slice, baseline, one_night, week, four_weeks, in the metric's unit; a change
    is positive, upwards where both ways are worse; null where a chart cannot say yet or no change would be enough.
    """
    return detectable_of(judge_history(history, policy or Policy()))


def detectable_of(judgement: Judgement) -> pl.DataFrame:
    """The same of a history that was judged; columns: SCHEMA."""
    history, nights, errors = judgement.history, judgement.nights, judgement.errors
    found: dict[int, list[float]] = {}
    with np.errstate(all="ignore"):
        if nights is not None:
            found |= _of_nights(history, nights)
        if errors is not None:
            found |= _of_labels(history, errors)
    rows = [(*history.charts[chart], *numbers) for chart, numbers in sorted(found.items())]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def needed_shift(line: Array, weights: Array, nights: int) -> Array:
    """Deviations between nights that a lasting change must have; shapes (charts,) and (charts, shifts)."""
    if nights * CAP * SHIFTS.max() - nights * SHIFTS.max() ** 2 / 2 < np.log(line.min()):
        return np.full(line.shape, JUMP + _POWER)
    gain = np.log(line[:, None] / np.maximum(weights, 1e-300))
    needed = (gain + _POWER * SHIFTS * np.sqrt(nights)) / (nights * SHIFTS) + SHIFTS / 2
    return np.asarray(np.minimum(needed.min(axis=-1), JUMP + _POWER))


def _of_nights(history: History, nights_judged: NightsJudged) -> dict[int, list[float]]:
    rows, charts, judged = nights_judged
    upwards = charts.directions[:, 0]
    up, down = np.split(weights_of(charts.directions), 2, axis=-1)
    weights = np.where(upwards[:, None], up, down)
    sign, expected, spread = np.where(upwards, 1.0, -1.0), judged.expected[0, :, -1], judged.spread[0, :, -1]
    is_told = (judged.nights[0, :, -1] >= MIN_NIGHTS) & np.isfinite(charts.line[:, -1]) & history.present[rows, -1]
    baseline = _last_values(history, rows, expected)
    changes = []
    for nights in WITHIN.values():
        points = expected + sign * spread * needed_shift(charts.line[:, -1], weights, nights)
        is_share = np.array([history.kinds[row] == "rate" for row in rows])
        beyond = is_share & ((points < 0) | (points > np.pi))
        changes.append(np.where(is_told & ~beyond, np.abs(_last_values(history, rows, points) - baseline), np.nan))
    return {
        row: [float(baseline[place]) if is_told[place] else np.nan, *(float(change[place]) for change in changes)]
        for place, row in enumerate(rows)
    }


def _last_values(history: History, rows: list[int], points: Array) -> Array:
    whole = np.zeros_like(history.x)
    whole[rows, -1] = points
    return values_at(history, whole)[rows, -1]


def _of_labels(history: History, errors_judged: ErrorsJudged) -> dict[int, list[float]]:
    rows, labels, judged = errors_judged
    found = {}
    for place, row in enumerate(rows):
        counts, rates = judged.counted[0, place, :, -1], judged.rates[0, place, :, -1]
        is_told = counts.sum() > 0 and judged.nights[0, place, -1] >= MIN_LABEL_NIGHTS
        known: Mask = np.asarray(labels.known[0, place, :, -1], dtype=bool)
        goal = np.log(labels.line[place, -1] / part_weights(known, judged.usual[0, place, :, -1])[:TOGETHER_ROWS])
        worst = rule_of(history.charts[row][0]).worse is Worse.LOWER
        looked_for, discount = rises(judged.usual[0, place, :, -1], counts), judged.discount[0, place, -1]
        times = [_times(counts, rates, known, looked_for, goal, discount, n) for n in WITHIN.values()]
        changes = [float(rates[0] * (m - 1)) if m < _MOST_TIMES and rates[0] * m <= 1 else np.nan for m in times]
        baseline = float(1 - rates[0] if worst else rates[0])
        found[row] = [baseline, *changes] if is_told else [np.nan] * (1 + len(WITHIN))
    return found


def _times(
    counts: Array, rates: Array, known: Mask, looked_for: Array, goal: Array, discount: float, nights: int
) -> float:
    """How many times its baseline the error rate must be in all parts."""
    zero = log_ratios(np.zeros_like(counts), counts, rates, looked_for, known)[:TOGETHER_ROWS] * discount
    base = np.maximum(rates[:, None], 1e-12)
    raised = np.minimum(base * looked_for[:, :TOGETHER_ROWS], (1 + base) / 2)
    per_error = np.log(raised / base) - np.log((1 - raised) / (1 - base))
    low, high = 1.0, _MOST_TIMES
    for _ in range(_BISECTIONS):
        middle = float(np.sqrt(low * high))
        share = np.minimum(rates * middle, 1.0)[:, None]
        mean = zero + discount * (counts[:, None] * share * per_error).sum(axis=0)
        variance = discount * (counts[:, None] * share * (1 - share) * per_error**2).sum(axis=0)
        is_enough = (nights * mean - _POWER * np.sqrt(nights * variance) >= goal).any()
        low, high = (low, middle) if is_enough else (middle, high)
    return high
