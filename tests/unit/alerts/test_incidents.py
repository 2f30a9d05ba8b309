"""When a channel is told of degraded nights, as a table."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tasks.alerts.incidents import REMIND_NIGHTS, Incident, Incidents, News, Trouble, find_news

from tasks.base.ports import Severity

NIGHT = date(2026, 11, 19)
ACCURACY = Trouble(metric="accuracy", severity=Severity.PAGE)
SPLIT = Trouble(metric="violation_category_share", severity=Severity.TICKET)


def incident(*troubles: Trouble, told: int = 1) -> Incident:
    """What began nine nights ago and was last told of `told` nights ago."""
    return Incident(opened=NIGHT - timedelta(9), told=NIGHT - timedelta(told), troubles=troubles)


@pytest.mark.parametrize(
    ("degraded", "healthy", "open_incident", "expected"),
    [
        pytest.param(set(), {"accuracy"}, None, None, id="nothing was and nothing is"),
        pytest.param({ACCURACY}, set(), None, News.OPENING, id="it begins"),
        pytest.param({ACCURACY}, set(), incident(ACCURACY), None, id="it goes on"),
        pytest.param({ACCURACY}, set(), incident(ACCURACY, told=7), News.REMINDER, id="it goes on for a week"),
        pytest.param({ACCURACY, SPLIT}, set(), incident(ACCURACY), News.WORSE, id="more of it"),
        pytest.param({ACCURACY}, set(), incident(ACCURACY, SPLIT), None, id="less of it"),
        pytest.param(set(), {"accuracy"}, incident(ACCURACY), News.RECOVERY, id="the end"),
        pytest.param(set(), {"accuracy"}, incident(ACCURACY, SPLIT), None, id="half the end"),
        pytest.param(set(), set(), incident(ACCURACY), None, id="nobody can tell"),
        pytest.param(set(), set(), incident(ACCURACY, told=7), News.REMINDER, id="nobody can tell for a week"),
    ],
)
def test_news(degraded: set[Trouble], healthy: set[str], open_incident: Incident | None, expected: News | None) -> None:
    """Told are the beginning, what is new, a week of the same, and the end of all of it."""
    assert find_news(NIGHT, degraded, healthy, open_incident, is_late=False) is expected


def test_late_nights_change_nothing() -> None:
    """A night before the newest one tells its trouble, and neither opens nor ends an incident."""
    incidents = Incidents(newest=NIGHT, open={"a": incident(ACCURACY)})
    late = NIGHT - timedelta(2)
    assert incidents.is_late(late)
    assert not incidents.is_late(NIGHT)
    assert find_news(late, {SPLIT}, set(), incident(ACCURACY), is_late=True) is News.OPENING
    assert find_news(late, set(), {"accuracy"}, incident(ACCURACY), is_late=True) is None
    assert incidents.after("a", late, News.OPENING, {SPLIT}) == incidents
    assert incidents.seen(late) == incidents


@given(st.lists(st.sampled_from(["ok", "bad", "unknown"]), max_size=60))
def test_messages_are_few_and_paired(nights: list[str]) -> None:
    """Whatever comes, openings and recoveries alternate, and between two messages of one incident lies a week."""
    incidents, told = Incidents(), list[tuple[int, News]]()
    for number, state in enumerate(nights):
        night = NIGHT + timedelta(number)
        degraded = {ACCURACY} if state == "bad" else set()
        healthy = {"accuracy"} if state == "ok" else set()
        news = find_news(night, degraded, healthy, incidents.open.get("a"), is_late=incidents.is_late(night))
        if news is not None:
            told.append((number, news))
            incidents = incidents.after("a", night, news, degraded)
        incidents = incidents.seen(night)
    turns = [news for _, news in told if news is not News.REMINDER]
    assert turns == [News.OPENING, News.RECOVERY] * (len(turns) // 2) + [News.OPENING] * (len(turns) % 2)
    for (before, _), (after, news) in itertools.pairwise(told):
        assert news is not News.REMINDER or after - before >= REMIND_NIGHTS
