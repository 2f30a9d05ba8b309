"""What comparing night against night puts into the answer."""

from __future__ import annotations

import numpy as np

from data_contracts.tables.metrics import ReasonCode, State
from tasks.base.ports import Severity
from tasks.measure.detect import reasons
from tasks.measure.detect.baseline import MIN_NIGHTS, WINDOW, deviation_of, freedom
from tasks.measure.detect.evidence import JUMP, SHIFTS, Array, ringing_deviation
from tasks.measure.detect.history import COUNT, RATE, History
from tasks.measure.detect.nights import Charts, Judged, weights_of
from tasks.measure.detect.policy import Policy
from tasks.measure.detect.rules import Group, rings, rule_of
from tasks.measure.detect.scale import values_at
from tasks.measure.detect.sheet import Sheet

METHOD = f"night against up to {WINDOW} earlier nights; Shiryaev-Roberts evidence over nights"
SHOWN = f"night against up to {WINDOW} earlier nights; never rings"
#: Fewer items leave the share or mean of a night too uncertain to say anything: then sampling alone moves a share by
#: about ten points.
MIN_ITEMS = 20

_SEVERITIES = {
    Group.INPUTS: Severity.REPORT,
    Group.OUTPUTS: Severity.TICKET,
    Group.PIPELINE: Severity.TICKET,
    Group.MONEY: Severity.TICKET,
    Group.QUALITY: Severity.TICKET,
}


def fill(sheet: Sheet, history: History, policy: Policy, rows: list[int], charts: Charts, judged: Judged) -> None:
    """State, numbers and reasons of the charts in `rows`."""
    numbers = _on_scale(history, rows, judged)
    present = history.present[rows]
    learning = present & (judged.nights[0] < MIN_NIGHTS)
    told = present & ~learning
    few = told & np.array([history.kinds[row] != COUNT for row in rows])[:, None] & (history.n[rows] < MIN_ITEMS)
    never = ~np.isfinite(charts.line)
    for name in ("baseline", "effect", "statistic"):
        getattr(sheet, name)[rows] = np.where(told, numbers[name], np.nan)
    sheet.threshold[rows] = np.where(told & ~never, _thresholds(history, rows, charts, judged), np.nan)
    sheet.evidence[rows] = np.where(told & ~never, judged.evidence[0], np.nan)
    sheet.evidence_limit[rows] = np.where(told & ~never, charts.line, np.nan)
    for place, row in enumerate(rows):
        metric, part = history.charts[row]
        can_ring = rings(metric, part)
        severity = _SEVERITIES[rule_of(metric).group]
        is_ringing = judged.rings[0, place] & present[place]
        sheet.say(row, told[place], State.OK, None if can_ring else ReasonCode.SHOWN)
        sheet.say(row, few[place], State.CANNOT_TELL, ReasonCode.FEW_ITEMS)
        sheet.say(row, learning[place], State.LEARNING, ReasonCode.FEW_NIGHTS)
        sheet.say(row, present[place] & charts.excused[place], State.OK, ReasonCode.EVENT)
        sheet.say(row, is_ringing, State.DEGRADED, ReasonCode.SHIFT, severity)
        sheet.say(row, is_ringing & judged.jumps[0, place], State.DEGRADED, ReasonCode.JUMP, severity)
        sheet.method[row, present[place]] = METHOD if can_ring else SHOWN
        _explain(sheet, history, policy, row, judged.nights[0, place])


def _on_scale(history: History, rows: list[int], judged: Judged) -> dict[str, Array]:
    """Baseline, effect and statistic in the metric's unit and in deviations."""
    baseline = _values(history, rows, judged.expected[0])
    return {"baseline": baseline, "effect": history.value[rows] - baseline, "statistic": judged.statistic[0]}


def _values(history: History, rows: list[int], points: Array) -> Array:
    whole = np.zeros_like(history.x)
    whole[rows] = points
    return values_at(history, whole)[rows]


def _thresholds(history: History, rows: list[int], charts: Charts, judged: Judged) -> Array:
    """How large |effect| would have to be tonight to ring, given the evidence so far; NaN where no value is so far.

    It is asked in the direction of tonight's effect, or in the only one in which the chart rings.
    """
    weights = weights_of(charts.directions)
    is_two_sided = (charts.directions[:, 0] & charts.directions[:, 1])[:, None]
    upwards = np.asarray(np.where(is_two_sided, judged.statistic[0] >= 0, charts.directions[:, :1]), dtype=bool)
    reach = np.zeros_like(judged.statistic[0])
    for place, is_up in ((0, upwards), (1, ~upwards)):
        way = slice(place * len(SHIFTS), (place + 1) * len(SHIFTS))
        score = ringing_deviation(judged.sums[0, ..., way], weights[:, None, way], charts.line)
        reach = np.where(is_up, score, reach)
    reach = np.where(reach >= JUMP, JUMP, deviation_of(reach, freedom(judged.nights[0])))
    sign = np.where(upwards, 1.0, -1.0)
    points = judged.expected[0] + judged.carried[0] + sign * reach * judged.spread[0]
    is_share = np.array([history.kinds[row] == RATE for row in rows])[:, None]
    beyond = is_share & ((points < 0) | (points > np.pi))
    far = sign * (_values(history, rows, points) - _values(history, rows, judged.expected[0]))
    return np.where(beyond, np.nan, np.maximum(far, 0.0))


def _explain(sheet: Sheet, history: History, policy: Policy, row: int, nights: Array) -> None:
    """Sentences for the nights of a chart that need one."""
    metric, _ = history.charts[row]
    kind, value = history.kinds[row], history.value[row]
    for night in sheet.nights_of(row, ReasonCode.SHIFT):
        numbers = (value[night], sheet.effect[row, night], sheet.baseline[row, night])
        limits = (sheet.evidence[row, night], sheet.evidence_limit[row, night])
        sheet.reason[row, night] = reasons.shift(*numbers, *limits, kind)
    for night in sheet.nights_of(row, ReasonCode.JUMP):
        numbers = (value[night], sheet.effect[row, night], sheet.baseline[row, night])
        sheet.reason[row, night] = reasons.jump(*numbers, sheet.statistic[row, night], kind)
    for night in sheet.nights_of(row, ReasonCode.FEW_NIGHTS):
        sheet.reason[row, night] = reasons.few_nights(int(nights[night]), MIN_NIGHTS)
    for night in sheet.nights_of(row, ReasonCode.FEW_ITEMS):
        sheet.reason[row, night] = reasons.few_items(history.n[row, night], MIN_ITEMS)
    for night in sheet.nights_of(row, ReasonCode.EVENT):
        names = [event.name for event in policy.events_on(history.dates[night], metric)]
        sheet.reason[row, night] = reasons.event(names)
    for night in sheet.nights_of(row, ReasonCode.SHOWN):
        sheet.reason[row, night] = reasons.shown()
