"""What Prefect sees of alerts: an event for each move, and a form that snoozes a group."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from data_contracts.documents.alerts import Move, Transition
from flows.alerts.events import emit_alerts
from flows.alerts.snooze import snooze
from flows.endings import Refusal
from flows.nightly import nightly
from tasks.base.errors import InputAbsent
from tasks.base.settings import Settings
from tests.prefect_site import RUN_DATE, Site


def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events that flows emit from now on."""
    found = list[dict[str, Any]]()
    monkeypatch.setattr("flows.alerts.events.emit_event", lambda event, **rest: found.append({"event": event, **rest}))
    return found


def test_a_night_emits_its_moves(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night that stops opens the pipeline; the form silences it, and takes that back."""
    events = emitted(monkeypatch)
    with pytest.raises(InputAbsent):
        nightly(run_date=RUN_DATE)
    until = datetime.now(Settings.load().zone).date() + timedelta(days=3)
    told: Any = snooze(group="pipeline", until=until, reason="upstream is late")
    assert told.startswith(f"pipeline: silent until {until}")
    snooze(group="pipeline")
    assert [event["event"] for event in events] == [
        "moderation.alert.opened",
        "moderation.alert.snoozed",
        "moderation.alert.unsnoozed",
    ]
    assert events[0]["resource"] == {
        "prefect.resource.id": "moderation.alert-group.pipeline",
        "prefect.resource.name": "pipeline",
        "moderation.severity": "page",
    }
    assert events[0]["payload"]["causes"] == [f"unpublished {RUN_DATE}"]


def test_a_wrong_form_is_refused(site: Site) -> None:
    """Silence for the past is none: nothing is done, and the run says why."""
    refused = snooze(group="quality", until=RUN_DATE - timedelta(days=9000))
    assert isinstance(refused, Refusal)
    assert "give one of the next 92 days" in str(refused)


def test_an_event_reaches_the_server(prefect_server: str, site: Site) -> None:
    """Prefect takes the event as it is, with its resource."""
    from prefect import flow
    from prefect.events.worker import EventsWorker

    move = Transition(group="quality", move=Move.OPENED, number=1, at=datetime.now(Settings.load().zone))

    @flow(persist_result=False)
    def emitting() -> None:
        emit_alerts([move])

    emitting()
    EventsWorker.drain_all()
    wanted = {"filter": {"event": {"name": ["moderation.alert.opened"]}}}
    # The server writes what it has taken every few seconds.
    deadline, events = time.monotonic() + 60, list[dict[str, Any]]()
    while not events and time.monotonic() < deadline:
        time.sleep(0.25)
        events = httpx.post(f"{prefect_server}/events/filter", json=wanted, timeout=60).json()["events"]
    assert events[0]["resource"]["prefect.resource.id"] == "moderation.alert-group.quality"
