"""From a history and a policy to what the two judges take: which charts, which budgets, which nights are excused."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from tasks.measure.detect.evidence import LABEL_OVERSHOOT, OVERSHOOT, STRATA_OVERSHOOT, Array, Mask, alarm_line
from tasks.measure.detect.history import RATE, History
from tasks.measure.detect.labelled.baseline import Labels
from tasks.measure.detect.nights import Charts, Indices
from tasks.measure.detect.policy import Policy
from tasks.measure.detect.rules import ALL, Worse, budget_name, rings, rule_of
from tasks.measure.detect.scale import floors_of, points_of

_STRATUM = "stratum="
_ONE_DAY = timedelta(days=1)


def is_counted(history: History, chart: int) -> bool:
    """Whether this chart's errors are counted exactly; all others are compared night against night."""
    metric, part = history.charts[chart]
    return part == ALL and rule_of(metric).counts_errors and history.kinds[chart] == RATE


def baseline_starts(history: History, policy: Policy) -> Indices:
    """Index of the first night that each chart's baseline may use, by night; shape (charts, nights)."""
    starts = np.zeros(history.x.shape, dtype=np.int_)
    if not policy.rebaselined:
        return starts
    days = [day.toordinal() for day in history.dates]
    for metric in {metric for metric, _ in history.charts}:
        since = [policy.baseline_start(metric, day).toordinal() for day in history.dates]
        rows = [chart for chart, (name, _) in enumerate(history.charts) if name == metric]
        starts[rows] = np.searchsorted(days, since)
    return starts


def lines_of(history: History, policy: Policy) -> Array:
    """Evidence at which each chart rings, by night; the slices of a metric known up to a night share its budget."""
    lines = np.full(history.x.shape, np.inf)
    budgets = policy.budgets
    nights = np.arange(len(history.dates))
    sharing: dict[str, list[int]] = {}
    for chart, (metric, part) in enumerate(history.charts):
        if rings(metric, part):
            sharing.setdefault(budget_name(metric), []).append(chart)
    for name, members in sharing.items():
        known = (history.first[members][:, None] <= nights).sum(axis=0)
        by_count = {count: alarm_line(budgets[name] / max(count, 1)) for count in {int(count) for count in known}}
        lines[members] = [by_count[int(count)] for count in known]
    return lines


def excused_nights(history: History, policy: Policy) -> Mask:
    """Announced nights, by chart; shape (charts, nights)."""
    excused = np.zeros(history.x.shape, dtype=bool)
    if policy.events:
        for chart, (metric, _) in enumerate(history.charts):
            excused[chart] = [bool(policy.events_on(day, metric)) for day in history.dates]
    return excused


def _directions(metric: str) -> tuple[bool, bool]:
    worse = rule_of(metric).worse
    return worse is not Worse.LOWER, worse is not Worse.HIGHER


def adjacent_nights(dates: list[date]) -> Mask:
    """Whether a night follows the one before it by one day."""
    follows = [day - before == _ONE_DAY for before, day in pairwise(dates)]
    return np.array([False, *follows][: len(dates)], dtype=bool)


def charts_of(history: History, policy: Policy, rows: list[int]) -> Charts:
    """What is compared night against night, one site."""
    points = points_of(history)
    point, unit, size, present = _comparable(history, *points)
    fixed, relative = floors_of(history)
    return Charts(
        point[rows][None],
        unit[rows][None],
        size[rows][None],
        present[rows][None],
        np.array([day.weekday() for day in history.dates], dtype=np.int_),
        adjacent_nights(history.dates),
        excused_nights(history, policy)[rows],
        history.first[rows],
        baseline_starts(history, policy)[rows],
        lines_of(history, policy)[rows],
        np.array([_directions(history.charts[row][0]) for row in rows], dtype=bool).reshape(-1, 2),
        (fixed[rows], relative[rows]),
    )


def _comparable(history: History, point: Array, unit: Array, size: Array) -> tuple[Array, Array, Array, Mask]:
    """The points that may be compared.

    A share whose name is new had none on the nights before: without them a new language would be no change. A night
    without input says nothing about the volume of others.
    """
    present = history.present.copy()
    for chart, (metric, _) in enumerate(history.charts):
        first = int(history.first[chart])
        if not rule_of(metric).is_closed or history.kinds[chart] != RATE or first == 0:
            continue
        peers = [other for other, (name, _) in enumerate(history.charts) if name == metric and other != chart]
        counts = np.where(history.present[peers, :first], history.n[peers, :first], 0.0).max(axis=0, initial=0.0)
        point[chart, :first] = 2 * np.arcsin(np.sqrt(3 / 8 / (counts + 3 / 4)))
        unit[chart, :first], size[chart, :first] = 1.0, counts + 0.5
        present[chart, :first] = counts > 0
    volume = history.place("volume")
    if volume is not None:
        present[volume] &= history.x[volume] > 0
    return point, unit, size, present


def labels_of(history: History, policy: Policy, rows: list[int]) -> Labels:
    """What is counted exactly, one site: each row's slice `all`, then its strata."""
    parts = [[row, *_strata(history, history.charts[row][0])] for row in rows]
    widest = max((len(members) for members in parts), default=1)
    shape = (len(rows), widest, len(history.dates))
    errors, counts = np.zeros(shape), np.zeros(shape)
    for place, members in enumerate(parts):
        for part, chart in enumerate(members):
            there = history.present[chart]
            x, n = history.x[chart], history.n[chart]
            wrong = n - x if rule_of(history.charts[chart][0]).worse is Worse.LOWER else x
            errors[place, part] = np.where(there, wrong, 0.0)
            counts[place, part] = np.where(there, n, 0.0)
    known = np.maximum.accumulate(counts > 0, axis=-1)
    is_split = known[:, 1:].sum(axis=1) > 1
    pages = policy.page_budgets
    page_lines = np.array([alarm_line(pages[history.charts[row][0]], overshoot=1.0) for row in rows])
    return Labels(
        errors[None],
        counts[None],
        known[None],
        baseline_starts(history, policy)[rows],
        lines_of(history, policy)[rows] * np.where(is_split, STRATA_OVERSHOOT, LABEL_OVERSHOOT) / OVERSHOOT,
        np.repeat(page_lines[:, None], len(history.dates), axis=1),
    )


def _strata(history: History, metric: str) -> list[int]:
    return [
        chart
        for chart, (name, part) in enumerate(history.charts)
        if name == metric and part.startswith(_STRATUM) and history.kinds[chart] == RATE
    ]
