"""What counting errors exactly puts into the answer."""

from __future__ import annotations

import numpy as np

from data_contracts.tables.metrics import ReasonCode, State
from tasks.base.ports import Severity
from tasks.measure.detect import reasons
from tasks.measure.detect.evidence import Array
from tasks.measure.detect.history import RATE, History
from tasks.measure.detect.labelled.baseline import MIN_NIGHTS, Labels
from tasks.measure.detect.labelled.errors import Found, log_ratios, part_weights, rises
from tasks.measure.detect.policy import Policy
from tasks.measure.detect.rules import Worse, rule_of
from tasks.measure.detect.sheet import Sheet

METHOD = "exact counts of errors, by stratum where there are any, against all nights but the last 14; Shiryaev-Roberts"
#: Within so many nights a change of `Policy.smallest_drop` should show.
_WEEK = 7
_BISECTIONS = 40
_MOST_TIMES = 1e3


def fill(sheet: Sheet, history: History, policy: Policy, rows: list[int], labels: Labels, found: Found) -> None:
    """State, numbers and reasons of the charts in `rows`, each the slice `all` of its metric."""
    counted = found.counted[0]
    wrong = np.where(counted > 0, labels.errors[0], 0.0)
    labelled = counted.sum(axis=1)
    told = (labelled > 0) & (found.nights[0] >= MIN_NIGHTS)
    needed = labels_needed(found.rates[0], counted, labels.line, found.discount[0], policy.smallest_drop)
    sign = np.array([-1.0 if rule_of(history.charts[row][0]).worse is Worse.LOWER else 1.0 for row in rows])[:, None]
    rates = found.rates[0, :, 0]
    baseline = np.where(sign < 0, 1 - rates, rates)
    sheet.baseline[rows] = np.where(told, baseline, np.nan)
    sheet.effect[rows] = np.where(told, history.value[rows] - baseline, np.nan)
    sheet.statistic[rows] = np.where(told, sign * _deviation(wrong, counted, found), np.nan)
    sheet.threshold[rows] = np.where(told, _thresholds(labels, found), np.nan)
    sheet.evidence[rows] = np.where(told, found.evidence[0], np.nan)
    sheet.evidence_limit[rows] = np.where(told, labels.line, np.nan)
    for place, row in enumerate(rows):
        here = labelled[place] > 0
        sheet.say(row, told[place], State.OK)
        sheet.say(row, told[place] & (labelled[place] < needed[place]), State.CANNOT_TELL, ReasonCode.FEW_ITEMS)
        sheet.say(row, here & ~told[place], State.LEARNING, ReasonCode.FEW_NIGHTS)
        sheet.say(row, here & found.rings[0, place], State.DEGRADED, ReasonCode.SHIFT, Severity.TICKET)
        sheet.say(row, here & found.pages[0, place], State.DEGRADED, ReasonCode.SHIFT, Severity.PAGE)
        sheet.method[row, here] = METHOD
        _show_pages(sheet, row, place, labels, found)
        _explain(sheet, history, policy, row, place, labelled[place], needed[place], found)


def labels_needed(rates: Array, counted: Array, line: Array, discount: Array, drop: float) -> Array:
    """How many labels a night would show an error rate higher by `drop` within a week, spread as tonight's are.

    Evidence grows by the information that a label carries, on average, and rings at the line.
    Columns of the arrays are nights: rates and counted (charts, parts, nights), the others (charts, nights).
    """
    weight = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1e-300)
    base = (weight * rates).sum(axis=1)
    raised = np.minimum(base + drop, 0.999)
    information = raised * np.log(raised / base) + (1 - raised) * np.log1p((base - raised) / (1 - base))
    return np.asarray(np.ceil(np.log(line) / (_WEEK * np.maximum(information * discount, 1e-9))))


def _deviation(wrong: Array, counted: Array, found: Found) -> Array:
    """How many deviations there are more errors than expected."""
    rates = found.rates[0]
    surplus = (wrong - counted * rates).sum(axis=1)
    noise = (counted * rates * (1 - rates)).sum(axis=1) / np.maximum(found.discount[0], 1e-9)
    return np.asarray(surplus / np.sqrt(np.maximum(noise, 1e-12)))


def _thresholds(labels: Labels, found: Found) -> Array:
    """How much worse than its baseline tonight would have to be to ring, errors rising alike in all parts."""
    counted, rates, usual = (np.moveaxis(array[0], 1, -1) for array in (found.counted, found.rates, found.usual))
    looked_for = rises(usual, counted)
    known = np.moveaxis(labels.known[0], 1, -1)
    weights = part_weights(known, usual)
    low, high = np.ones(counted.shape[:2]), np.full(counted.shape[:2], _MOST_TIMES)
    for _ in range(_BISECTIONS):
        times = np.sqrt(low * high)
        errors = np.minimum(counted * rates * times[..., None], counted)
        parts = log_ratios(errors, counted, rates, looked_for, known)
        ratios = np.exp(np.clip(parts * found.discount[0][..., None], -50, 50))
        is_over = ((weights + found.sums[0]) * ratios).sum(axis=-1) >= labels.line
        high, low = np.where(is_over, times, high), np.where(is_over, low, times)
    rate = found.rates[0, :, 0]
    return np.where(rate * high <= 1, rate * (high - 1), np.nan)


def _show_pages(sheet: Sheet, row: int, place: int, labels: Labels, found: Found) -> None:
    """A page shows the evidence that it stands on."""
    pages = found.pages[0, place]
    sheet.evidence[row, pages] = found.page_evidence[0, place, pages]
    sheet.evidence_limit[row, pages] = labels.page_line[place, pages]


def _explain(
    sheet: Sheet,
    history: History,
    policy: Policy,
    row: int,
    place: int,
    labelled: Array,
    needed: Array,
    found: Found,
) -> None:
    """Sentences for the nights of a chart that need one."""
    value = history.value[row]
    for night in sheet.nights_of(row, ReasonCode.SHIFT):
        numbers = (value[night], sheet.effect[row, night], sheet.baseline[row, night])
        limits = (sheet.evidence[row, night], sheet.evidence_limit[row, night])
        sheet.reason[row, night] = reasons.shift(*numbers, *limits, RATE)
    for night in sheet.nights_of(row, ReasonCode.FEW_NIGHTS):
        sheet.reason[row, night] = reasons.few_nights(int(found.nights[0, place, night]), MIN_NIGHTS)
    for night in sheet.nights_of(row, ReasonCode.FEW_ITEMS):
        sheet.reason[row, night] = reasons.few_labels(labelled[night], needed[night], policy.smallest_drop)
