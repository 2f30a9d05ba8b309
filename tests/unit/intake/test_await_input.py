"""A scheduled night waits until its input is still or marked, and no longer than it may."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks import adapters
from tasks.adapters.storage import StoredObject
from tasks.base.errors import InputIncomplete
from tasks.base.settings import Settings
from tasks.intake.await_input import LOOK_AGAIN_S, InputWait, Readiness, await_input, look_at_input
from tasks.intake.input_files import sort_out
from tests.factories import local_adapters
from tests.fakes import FakeClock
from tests.measured_nights import DAY, NOW, settings_in

FOLDER = "s3://site/comments/date=2026-11-19"


def file(name: str = "part-0.parquet", age_s: float = 0.0) -> StoredObject:
    return StoredObject(f"{FOLDER}/{name}", "e", 1, NOW - timedelta(seconds=age_s))


@pytest.mark.parametrize(
    ("objects", "marker", "readiness", "again_s"),
    [
        pytest.param([], None, "absent", LOOK_AGAIN_S, id="nothing"),
        pytest.param([file("notes.txt")], None, "absent", LOOK_AGAIN_S, id="no-comments-file"),
        pytest.param([file(age_s=600)], None, "complete", 0, id="still-for-just-long-enough"),
        pytest.param([file(age_s=599)], None, "moving", 1, id="a-second-too-young"),
        pytest.param([file(age_s=9e9), file("b.parquet", 10)], None, "moving", LOOK_AGAIN_S, id="the-newest-counts"),
        pytest.param([file(age_s=9e9), file("sub/b.parquet", 10)], None, "complete", 0, id="no-input-lies-deeper"),
        pytest.param(
            [file(age_s=9e9), file("hour=05/b.parquet", 10)], None, "moving", LOOK_AGAIN_S, id="but-in-a-partition"
        ),
        pytest.param([file("000000_0", 10)], None, "moving", LOOK_AGAIN_S, id="without-a-suffix"),
        pytest.param([file(age_s=-30)], None, "moving", LOOK_AGAIN_S, id="written-after-the-clock-was-read"),
        pytest.param([file(age_s=9e9)], "_SUCCESS", "unmarked", LOOK_AGAIN_S, id="the-marker-is-not-there"),
        pytest.param([file(age_s=1), file("_SUCCESS")], "_SUCCESS", "complete", 0, id="the-marker-is-there"),
        pytest.param([file("_SUCCESS")], "_SUCCESS", "complete", 0, id="marked-and-empty"),
    ],
)
def test_how_far_the_input_is(objects: list[StoredObject], marker: str | None, readiness: str, again_s: float) -> None:
    """Input is complete when its newest file is old enough by the store's clock, or when the marker says so."""
    files = sort_out(objects, FOLDER, lambda _: True, marker)
    assert look_at_input(files, NOW, 600, marker) == (readiness, again_s)


class Day:
    """A day's folder in which things happen while somebody waits."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.settings: Settings = settings_in(root, **settings)
        self.clock, self.events = FakeClock(), dict[float, str]()
        self.folder = f"{self.settings.comments_uri}/date={DAY}"
        self.written: dict[str, float] = {}
        outside = replace(local_adapters(), clock=self.clock)
        monkeypatch.setattr(adapters, "connect", lambda _: outside)
        monkeypatch.setattr(outside.storage, "now", lambda _: NOW + timedelta(seconds=self.clock.now_s))
        monkeypatch.setattr(outside.storage, "list", lambda _: self.list())

    def list(self) -> list[StoredObject]:
        return [
            StoredObject(f"{self.folder}/{name}", "e", 1, NOW + timedelta(seconds=at_s))
            for at_s, name in self.events.items()
            if at_s <= self.clock.now_s
        ]

    def wait(self) -> InputWait:
        return await_input.fn(self.settings, DAY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_old_input_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night whose input has long been there starts at once."""
    day = Day(folder, monkeypatch)
    day.events = {-86_400.0: "part-0.parquet"}
    assert day.wait() == InputWait(readiness=Readiness.COMPLETE, waited_s=0)
    assert day.clock.sleeps == []


def test_moving_input_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The night starts INPUT_STILL_S after the last file."""
    day = Day(folder, monkeypatch)
    day.events = {-10.0: "part-0.parquet", 200.0: "part-1.parquet", 1000.0: "part-2.parquet"}
    day.events = {-10.0: "part-0.parquet", 200.0: "part-1.parquet"}
    assert day.wait() == InputWait(readiness=Readiness.COMPLETE, waited_s=800)
    assert max(day.clock.sleeps) <= LOOK_AGAIN_S


def test_absent_input_is_waited_for_up_to_the_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Input that does not come is left to the night, which says so."""
    day = Day(folder, monkeypatch, input_wait_h=1)
    assert day.wait() == InputWait(readiness=Readiness.ABSENT, waited_s=3600)


def test_input_that_never_stands_still_is_judged_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit the night goes on; what comes later is late input."""
    day = Day(folder, monkeypatch, input_wait_h=1)
    day.events = {float(at_s): f"part-{at_s}.parquet" for at_s in range(0, 7200, 300)}
    assert day.wait() == InputWait(readiness=Readiness.MOVING, waited_s=3600)


def test_a_marker_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With INPUT_MARKER the night starts when it comes; without it by the limit, it stops and names it."""
    day = Day(folder, monkeypatch, input_marker="_SUCCESS", input_wait_h=1)
    day.events = {-86_400.0: "part-0.parquet", 90.0: "_SUCCESS"}
    assert day.wait() == InputWait(readiness=Readiness.COMPLETE, waited_s=120)
    late = Day(folder, monkeypatch, input_marker="_SUCCESS", input_wait_h=1)
    late.events = {-86_400.0: "part-0.parquet"}
    with pytest.raises(InputIncomplete, match="_SUCCESS did not come within MODERATION_INPUT_WAIT_H=1"):
        late.wait()
