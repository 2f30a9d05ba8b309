"""After an upgrade what was open is open still, and is not announced again: earlier versions' records are read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.documents.alerts import Phase
from tasks import adapters
from tasks.alerts.groups.machine import End, Look
from tasks.alerts.groups.record import GroupRecord
from tasks.alerts.message import Scene
from tasks.alerts.problems import Problem, unpublished
from tasks.alerts.send_alerts import alert_stopped_night, reason_key
from tasks.alerts.tell import GROUPS, notify
from tasks.base.paths import former_alerts
from tasks.base.ports import AlertMessage, Severity
from tests.alert_place import Place, channel
from tests.measured_nights import settings_in

NIGHT = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
#: As version 0.1 wrote them.
INCIDENTS = {
    "newest": "2026-11-18",
    "open": {
        "a": {
            "opened": "2026-11-16",
            "told": "2026-11-17",
            "troubles": [
                {"metric": "accuracy", "severity": "page"},
                {"metric": "malformed_rate", "severity": "ticket"},
            ],
        }
    },
}


def told(key: str, kind: str, severity: str, mark: str = "", **facts: str) -> dict[str, Any]:
    """A problem as a channel was told of it."""
    problem = {"key": key, "kind": kind, "severity": severity, "day": "2026-11-18", "facts": facts, "mark": mark}
    return {"problem": problem, "since": "2026-11-18T20:00:00Z", "told_at": "2026-11-18T20:00:00Z"}


WATCHDOG = {
    "told": {
        "a": {
            "unpublished 2026-11-18": told("unpublished 2026-11-18", "absent", "page", due="noon"),
            "job arn:1": told("job arn:1", "unknown_job", "ticket", job="nm-1", arn="arn:1", status="InProgress"),
        }
    },
    "first_night": "2026-11-01",
}
LATE = {"told": {"a": {"late_input 2026-11-18": told("late_input 2026-11-18", "late_input", "ticket", "x")}}}
LIFECYCLE = {"told": {"a": {"anthropic.x": told("anthropic.x", "ending", "ticket", "60")}}}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A deployment that was told of things by an earlier version."""
    found = Place(settings_in(tmp_path), channel())
    files = {"incidents": INCIDENTS, "watchdog": WATCHDOG, "late_input": LATE, "lifecycle": LIFECYCLE}
    for name, body in files.items():
        found.storage.put(former_alerts(found.settings, name), json.dumps(body).encode())
    return found


def test_what_was_open_is_open(place: Place) -> None:
    """Each group has what is its own, as urgent as it was told, since then, at the channels that heard of it."""
    records = {name: GroupRecord(place.storage, place.settings, name).read().group for name in GROUPS}
    assert {name: [cause.key for cause in record.causes] for name, record in records.items()} == {
        "quality": ["metric accuracy"],
        "outputs": [],
        "inputs": ["late_input 2026-11-18"],
        "pipeline": ["metric malformed_rate", "unpublished 2026-11-18"],
        "money": ["job arn:1"],
    }
    assert [record.phase for record in records.values()] == [
        Phase.PAGE, Phase.QUIET, Phase.TICKET, Phase.PAGE, Phase.TICKET
    ]  # fmt: skip
    assert {record.told for record in records.values()} == {("a",), ()}
    assert {record.newest for record in records.values()} == {date(2026, 11, 18)}


def test_nothing_is_announced_again_and_everything_ends_once(place: Place) -> None:
    """The first night after the upgrade finds the same and is silent; the end is told to whoever heard of it."""
    (one,) = place.channels
    for name in GROUPS:
        causes = GroupRecord(place.storage, place.settings, name).read().group.causes
        place.look(name, Look(causes, night=NIGHT, run_id="run-1"))
    assert one.messages == []
    for name in GROUPS:
        place.look(name, Look(end_of=lambda _: End.OVER, night=NIGHT, run_id="run-1"))
    assert [message.is_recovery for message in one.messages] == [True] * 4
    assert "2026-11-16" in one.messages[0].body


def test_the_old_files_are_read_once_and_left_alone(place: Place) -> None:
    """Once there is a record, what earlier versions kept is no matter; it is there for a way back."""
    uri = former_alerts(place.settings, "incidents")
    before = place.storage.get(uri)
    place.look("quality", Look(end_of=lambda _: End.OVER, night=NIGHT, run_id="run-1"))
    place.look("quality", Look(night=NIGHT, run_id="run-1"))
    assert place.storage.get(uri) == before
    assert GroupRecord(place.storage, place.settings, "quality").read().group.causes == ()


def test_a_step_of_a_models_end_is_not_told_again(place: Place) -> None:
    """The next step is."""
    message = AlertMessage(title="t", ascii_title="t", body="b", severity=Severity.TICKET)
    scene = Scene(settings=place.settings, now=NOW)
    for mark in ("60", "30", "30"):
        notify(place.outside(), "pipeline", "anthropic.x", mark, message, scene, f"run {mark}")
    assert len(place.channels[0].messages) == 1


def test_a_stop_that_was_told_is_not_told_again(tmp_path: Path) -> None:
    """The same stop of the same day, by the day's own record; another reason is news, and the day's end is told."""
    place = Place(settings_in(tmp_path), channel())
    stopped = {"a": {"key": reason_key("OverBudget", "too dear"), "told_at": (NOW - timedelta(hours=3)).isoformat()}}
    body = json.dumps({"degraded": {}, "stopped": stopped}).encode()
    place.storage.put(former_alerts(place.settings, str(NIGHT)), body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapters, "connect", lambda _: place.outside())
        alert_stopped_night.fn(place.settings, NIGHT, "run-2", "OverBudget", "too dear", NOW)
        assert place.channels[0].messages == []
        alert_stopped_night.fn(place.settings, NIGHT, "run-3", "OverBudget", "dearer still", NOW)
    assert len(place.channels[0].messages) == 1
    problem = Problem(key=unpublished(NIGHT), kind="stop", severity=Severity.PAGE)
    record = GroupRecord(place.storage, place.settings, "pipeline").read().group
    assert [cause.key for cause in record.causes] == [problem.key]


@pytest.mark.parametrize("body", [b"{not json", b'{"open": 3, "told": 3}'])
def test_broken_old_files_count_as_none(tmp_path: Path, body: bytes) -> None:
    """Nothing is open then."""
    place = Place(settings_in(tmp_path), channel())
    for name in ("incidents", "watchdog", "late_input", "unread_input", "lifecycle"):
        place.storage.put(former_alerts(place.settings, name), body)
    assert {GroupRecord(place.storage, place.settings, name).read().group.phase for name in GROUPS} == {Phase.QUIET}
