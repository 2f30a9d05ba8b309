"""Each move is told once, whoever looks at the same time and wherever a process dies; at least once, whatever fails."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.documents.alerts import AlertGroup, Move
from tasks.alerts.delivery import PAUSES_S
from tasks.alerts.groups.machine import End, Look
from tasks.alerts.groups.record import GroupRecord
from tasks.alerts.groups.sending import SILENT_AFTER_S
from tasks.alerts.problems import Problem
from tasks.alerts.tell import Telling
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import alert_group
from tasks.base.ports import AlertMessage, Severity
from tests import alert_place
from tests.alert_place import channel
from tests.fakes import FakeAlerts
from tests.measured_nights import settings_in

NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
LOST = Problem(key="rows verdicts", kind="s3", severity=Severity.PAGE, facts={"error": "no route"})


class Died(BaseException):
    """The process is gone: nothing after this line is run."""


class Place(alert_place.Place):
    """A store with channels; `see` tells what is wrong with the pipeline, as one process."""

    def __init__(self, root: Path, *channels: FakeAlerts) -> None:
        super().__init__(settings_in(root), *channels)
        self.uri = Path(alert_group(self.settings, "pipeline"))

    def see(self, *problems: Problem, at: datetime = NOW, sender: str = "", storage: Any = None) -> Telling:
        """Take a look to the record; what it does not find is over."""
        found = Look(tuple(problem.as_cause(at) for problem in problems), lambda _: End.OVER)
        return self.look("pipeline", found, at=at, sender=sender, storage=storage)

    def known(self) -> AlertGroup:
        """What is on record."""
        return self.record("pipeline")

    def age(self, seconds: float) -> None:
        """Let time pass for what is on record."""
        then = time.time() - seconds
        os.utime(self.uri, (then, then))


def titles(of: FakeAlerts) -> list[str]:
    """What a channel was sent."""
    return [message.title for message in of.messages]


OPENED, OVER = "watchdog [page] pipeline: S3 cannot be looked at", "watchdog [ok] pipeline: over on day 1"


def test_told_once_and_ended_once(tmp_path: Path) -> None:
    """The same look again tells nothing; the end is told once, and leaves nothing to be sent."""
    place = Place(tmp_path, one := channel())
    for _ in range(2):
        place.see(LOST)
    assert place.known().causes[0].key == LOST.key
    for _ in range(2):
        place.see()
    assert titles(one) == [OPENED, OVER]
    assert (place.known().outbox, place.known().sender, place.known().causes) == ((), "", ())
    assert [item.move for item in place.known().last] == [Move.OPENED, Move.RECOVERED]


class Dying:
    """A store or channel whose process dies at one of its writes or sends."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self, act: Callable[[], Any], *, is_after: bool) -> Any:
        """Do it, and die before or after if this is the step."""
        self.left -= 1
        if self.left == 0 and not is_after:
            raise Died
        done = act()
        if self.left == 0:
            raise Died
        return done


class DyingStore:
    """A store whose writes are steps."""

    def __init__(self, store: Any, dying: Dying, *, is_after: bool) -> None:
        self._store, self._dying, self._is_after = store, dying, is_after

    def __getattr__(self, name: str) -> Any:
        """The store's own method, or one that may be the last of the process."""
        method = getattr(self._store, name)
        if not name.startswith("put"):
            return method
        return lambda *args: self._dying.step(lambda: method(*args), is_after=self._is_after)


class DyingChannel(FakeAlerts):
    """A channel whose sends are steps."""

    def __init__(self, name: str, dying: Dying, *, is_after: bool) -> None:
        super().__init__()
        self.name, self._dying, self._is_after = name, dying, is_after

    def send(self, message: AlertMessage) -> None:
        """See AlertChannel."""
        self._dying.step(lambda: super(DyingChannel, self).send(message), is_after=self._is_after)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_killed_at_every_step(tmp_path: Path, is_after: bool) -> None:
    """A process that dies at any write or send: the next look sends what lacks; at most the one send is repeated."""
    for step in range(1, 40):
        dying = Dying(step)
        first, second = (DyingChannel(name, dying, is_after=is_after) for name in "ab")
        place = Place(tmp_path / f"{step}", first, second)
        try:
            place.see(LOST, storage=DyingStore(place.storage, dying, is_after=is_after))
        except Died:
            pass
        else:
            break
        dying.left = -1
        place.see(LOST, at=NOW + timedelta(minutes=3))
        sent = [titles(first), titles(second)]
        assert all(each and set(each) == {OPENED} for each in sent)
        assert sum(map(len, sent)) <= 3
        place.see(LOST, at=NOW + timedelta(minutes=6))
        assert [titles(first), titles(second)] == sent
        assert place.known().outbox == ()
    assert step > 5, "the process was not killed at all"


def test_two_at_once_send_once(tmp_path: Path) -> None:
    """A night and the watchdog that see the same thing in the same moment make one move and send one message."""
    for attempt in range(10):
        place = Place(tmp_path / str(attempt), one := channel())
        start, one_is_done = threading.Barrier(2), threading.Event()
        place.clock.on_sleep = lambda done=one_is_done: done.wait(60)  # type: ignore[misc]

        def act(
            name: str, place: Place = place, start: threading.Barrier = start, done: threading.Event = one_is_done
        ) -> None:
            start.wait()
            place.see(LOST, sender=name)
            done.set()

        threads = [threading.Thread(target=act, args=(name,)) for name in ("night", "watchdog")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert titles(one) == [OPENED]
        assert len(place.known().last) == 1


def test_whoever_sends_is_waited_for(tmp_path: Path) -> None:
    """A message that another process sends is left to it while it lives, and taken over when it falls silent."""
    place = Place(tmp_path, one := channel(undelivered=3))
    place.see(LOST)
    record = GroupRecord(place.storage, place.settings, "pipeline")
    record.change(lambda found: found.group.model_copy(update={"sender": "another"}))
    waits = 0

    def beat() -> None:
        nonlocal waits
        waits += 1
        if waits < 40:  # it lives, and then dies
            record.change(lambda found: found.group.model_copy(update={"beat": found.group.beat + 1}))

    place.clock.on_sleep = beat
    slept = len(place.clock.sleeps)
    place.see(LOST, at=NOW + timedelta(hours=1))
    assert sum(place.clock.sleeps[slept:]) > 40 * 5 + SILENT_AFTER_S - 5
    assert titles(one) == [OPENED]
    record.change(lambda found: found.group.model_copy(update={"sender": "another"}))
    place.age(SILENT_AFTER_S + 1)
    assert place.see().delivered == ("a",)


def test_a_failing_channel_is_told_later(tmp_path: Path) -> None:
    """It holds up nobody, and gets its message on the next look; after a week nobody tries any more."""
    place = Place(tmp_path, good := channel("good"), bad := channel("bad", undelivered=6))
    assert place.see(LOST).failed == ("bad: the channel did not take the message",)
    assert place.known().outbox[0].waiting == ("bad",)
    place.see(LOST, at=NOW + timedelta(hours=1))
    told = place.see(LOST, at=NOW + timedelta(hours=2))
    assert (told.delivered, titles(good), titles(bad)) == (("bad",), [OPENED], [OPENED])
    bad.undelivered = 10**6
    place.see(at=NOW + timedelta(hours=3))
    place.see(at=NOW + timedelta(days=8))
    assert place.known().outbox == ()


def test_who_hears_of_what(tmp_path: Path) -> None:
    """A pager hears from the page on, and of the end; whoever heard of the ticket hears of the end too."""
    pager, desk = (
        channel("pager", wants=frozenset({Severity.PAGE})),
        channel("desk", wants=frozenset({Severity.TICKET})),
    )
    place = Place(tmp_path, pager, desk)
    ticket = LOST.model_copy(update={"severity": Severity.TICKET})
    place.see(ticket)
    assert (len(pager.messages), len(desk.messages)) == (0, 1)
    place.see(LOST)
    assert "[page] pipeline, was ticket" in titles(pager)[0]
    place.see()
    assert [each.messages[-1].is_recovery for each in (pager, desk)] == [True, True]
    assert [len(each.messages) for each in (pager, desk)] == [2, 2]


def test_what_nobody_was_there_to_hear_is_opened_once_somebody_is(tmp_path: Path) -> None:
    """A process without channels keeps the record; the first one with a channel tells of what is open."""
    place = Place(tmp_path)
    assert place.see(LOST).transitions[0].move is Move.OPENED
    place.channels = [one := channel()]
    place.see(LOST)
    assert titles(one) == [OPENED]


def test_a_record_that_cannot_be_reached_keeps_no_alert_back(tmp_path: Path) -> None:
    """It is sent all the same, and the summary says why it may come again; without trouble nothing is sent."""

    class Deaf:
        def __getattr__(self, _: str) -> Any:
            def fail(*_: object) -> None:
                raise StorageUnavailable("S3 is away")

            return fail

    place = Place(tmp_path, one := channel())
    told = place.see(LOST, storage=Deaf())
    assert (told.delivered, titles(one)) == (("a",), [OPENED])
    assert told.failed == ("state/alerts/groups/pipeline.json: S3 is away",)
    assert place.see(storage=Deaf()).titles == ()


def test_a_store_that_fails_after_the_intent_holds_up_nothing(tmp_path: Path) -> None:
    """A message that is on record goes out though its delivery cannot be noted; then it may come again."""
    place = Place(tmp_path, one := channel())

    class Failing:
        def __init__(self) -> None:
            self.writes = 0

        def __getattr__(self, name: str) -> Any:
            method = getattr(place.storage, name)

            def act(*args: Any) -> Any:
                self.writes += name.startswith("put")
                if self.writes > 1:
                    raise StorageUnavailable("S3 is away")
                return method(*args)

            return act

    place.see(LOST, storage=Failing())
    assert titles(one) == [OPENED]


@pytest.mark.parametrize("body", [b"{not json", b'{"group": "pipeline", "causes": 3}'])
def test_a_broken_record_is_an_empty_one(tmp_path: Path, body: bytes) -> None:
    """An alert twice is better than none; the record is whole again afterwards."""
    place = Place(tmp_path, one := channel())
    place.storage.put(str(place.uri), body)
    place.see(LOST)
    place.see(LOST)
    assert titles(one) == [OPENED]


def test_a_sender_shows_life_in_time() -> None:
    """The tries of one channel take less than the time after which its process is taken for dead."""
    assert sum(PAUSES_S) + 3 * 20 < SILENT_AFTER_S


def test_the_day_of_a_message_is_local(tmp_path: Path) -> None:
    """How many days it has been is counted by the settings' own days."""
    place = Place(tmp_path, one := channel())
    place.see(LOST, at=datetime(2026, 11, 20, 14, tzinfo=UTC))
    place.see(at=datetime(2026, 11, 20, 16, tzinfo=UTC))
    assert titles(one)[-1].endswith("over on day 2")
    assert date(2026, 11, 20).isoformat() in one.messages[-1].body
