"""Rules that hold from the first night on, without history: no input, failed answers, labels that stopped coming."""

from __future__ import annotations

import numpy as np

from data_contracts.tables.metrics import ReasonCode, State
from tasks.base.ports import Severity
from tasks.measure.detect import reasons
from tasks.measure.detect.evidence import Mask
from tasks.measure.detect.history import History
from tasks.measure.detect.policy import Policy
from tasks.measure.detect.rules import FAILURES, rule_of
from tasks.measure.detect.sheet import Sheet

#: No labels on a night are a ticket where so many of so many nights before had some.
LABELLED_NIGHTS, OF_NIGHTS = 7, 28
_VOLUME, _ACCURACY = "volume", "accuracy"
_METHOD = "fixed limit, no history needed"


def fill(sheet: Sheet, history: History, policy: Policy) -> None:
    """Say what was not measured, and overwrite what the judges said where a fixed rule is broken."""
    _explain_gaps(sheet, history)
    is_empty = _no_input(sheet, history)
    _incomplete(sheet, history, policy)
    _no_labels(sheet, history, is_empty)


def _explain_gaps(sheet: Sheet, history: History) -> None:
    for code, words in (
        (ReasonCode.NOT_MEASURED, reasons.not_measured()),
        (ReasonCode.IMPOSSIBLE, reasons.impossible()),
    ):
        is_such = history.broken if code is ReasonCode.IMPOSSIBLE else ~history.broken
        gaps = is_such & np.asarray(sheet.state == str(State.NO_DATA), dtype=bool)
        sheet.reason_code[gaps], sheet.reason[gaps], sheet.method[gaps] = str(code), words, "not measured"


def _no_input(sheet: Sheet, history: History) -> Mask:
    """A night without comments pages; returns which nights had none."""
    chart = history.place(_VOLUME)
    if chart is None:
        return np.zeros(len(history.dates), dtype=bool)
    is_empty = history.present[chart] & (history.x[chart] == 0)
    sheet.say(chart, is_empty, State.DEGRADED, ReasonCode.NO_INPUT, Severity.PAGE)
    sheet.reason[chart, is_empty], sheet.method[chart, is_empty] = reasons.no_input(), _METHOD
    return np.asarray(is_empty, dtype=bool)


def _incomplete(sheet: Sheet, history: History, policy: Policy) -> None:
    """More answers failed than a night may have: of the four rates those that make up a quarter of it are to blame."""
    charts = [chart for metric in FAILURES if (chart := history.place(metric)) is not None]
    if not charts:
        return
    failed = np.where(history.present[charts], history.x[charts], 0.0)
    asked = np.where(history.present[charts], history.n[charts], 0.0).max(axis=0)
    total = failed.sum(axis=0)
    over = (asked > 0) & (total > policy.max_failed_fraction * asked)
    for place, chart in enumerate(charts):
        to_blame = over & history.present[chart] & (failed[place] * len(FAILURES) >= total)
        sheet.say(chart, to_blame, State.DEGRADED, ReasonCode.INCOMPLETE, Severity.PAGE)
        sheet.method[chart, to_blame] = _METHOD
        for night in np.flatnonzero(to_blame):
            limit = policy.max_failed_fraction
            sheet.reason[chart, night] = reasons.incomplete(float(total[night]), float(asked[night]), limit)


def _no_labels(sheet: Sheet, history: History, is_empty: Mask) -> None:
    """No labels are no good news: a ticket, if labels used to come. A night without comments has none to label."""
    chart = history.place(_ACCURACY)
    if chart is None or not rule_of(_ACCURACY).counts_errors:
        return
    days = np.array([day.toordinal() for day in history.dates])
    labelled = history.present[chart]
    for night in np.flatnonzero(sheet.state[chart] == str(State.NO_DATA)):
        before = (days < days[night]) & (days >= days[night] - OF_NIGHTS)
        nights = int((labelled & before).sum())
        is_ticket = nights >= LABELLED_NIGHTS and not is_empty[night]
        sheet.reason_code[chart, night] = str(ReasonCode.NO_LABELS)
        sheet.reason[chart, night] = reasons.no_labels(nights, OF_NIGHTS, is_ticket)
        sheet.severity[chart, night] = str(Severity.TICKET) if is_ticket else None
