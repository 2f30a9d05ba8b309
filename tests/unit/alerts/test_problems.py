"""A channel is told once that something is wrong, once that it is over, and of nothing that nobody could see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tasks.alerts.problem_memory import NoticeMemory

from tasks.alerts.problems import REMIND_AFTER, Changes, Look, Problem, Told, after, find_changes
from tasks.base.errors import StorageUnavailable
from tasks.base.ports import Severity
from tests.factories import local_adapters
from tests.measured_nights import DAY, NOW

ALL = tuple(Severity)


def problem(key: str = "a", severity: Severity = Severity.TICKET, mark: str = "", day: date | None = DAY) -> Problem:
    return Problem(key=key, kind="absent", severity=severity, mark=mark, day=day)


def told(*problems: Problem, ago: timedelta = timedelta(hours=1)) -> dict[str, Told]:
    return {item.key: Told(problem=item, since=NOW - ago, told_at=NOW - ago) for item in problems}


def look(known: Mapping[str, Told], *problems: Problem, wants: tuple[Severity, ...] = ALL) -> Changes | None:
    return find_changes(Look(problems), known, wants, NOW)


def keys(changes: Changes | None) -> dict[str, list[str]]:
    if changes is None:
        return {}
    return {name: [item.key for item in part] for name, part in changes._asdict().items() if part}


@pytest.mark.parametrize(
    ("known", "problems", "expected"),
    [
        pytest.param({}, [], {}, id="well"),
        pytest.param({}, [problem()], {"new": ["a"]}, id="begins"),
        pytest.param(told(problem()), [problem()], {}, id="goes-on"),
        pytest.param(told(problem()), [problem(mark="2")], {"new": ["a"]}, id="grows"),
        pytest.param(told(problem()), [problem(severity=Severity.PAGE)], {"new": ["a"]}, id="gets-urgent"),
        pytest.param(told(problem(severity=Severity.PAGE)), [problem()], {}, id="gets-less-urgent"),
        pytest.param(told(problem()), [problem(), problem("b")], {"new": ["b"], "still": ["a"]}, id="one-more"),
        pytest.param(told(problem()), [], {"over": ["a"]}, id="ends"),
        pytest.param(told(problem(), problem("b")), [problem()], {"still": ["a"], "over": ["b"]}, id="one-ends"),
        pytest.param(told(problem(), ago=REMIND_AFTER), [problem()], {"still": ["a"]}, id="is-not-forgotten"),
    ],
)
def test_what_a_channel_is_told(
    known: dict[str, Told], problems: list[Problem], expected: dict[str, list[str]]
) -> None:
    """Begin, growth, end and a weekly reminder are news; what goes on is not."""
    assert keys(look(known, *problems)) == expected


def test_what_cannot_be_told_is_neither_over_nor_forgotten() -> None:
    """A problem that the look could not see stays open, without a message; one that fell out of sight is said so."""
    blind = Look((), is_unsure=lambda _: True)
    assert find_changes(blind, told(problem()), ALL, NOW) is None
    far = Look((), is_unsure=lambda _: True, is_watched=lambda _: False)
    changes = find_changes(far, told(problem()), ALL, NOW)
    assert keys(changes) == {"dropped": ["a"]}
    assert changes is not None
    assert after(told(problem()), changes, NOW) == {}


def test_a_channel_hears_only_of_what_it_wants() -> None:
    """A pager is not told of tickets; and what it was told as a page is not over when it has become a ticket."""
    assert look({}, problem(), wants=(Severity.PAGE,)) is None
    paged = told(problem(severity=Severity.PAGE))
    assert look(paged, problem(), wants=(Severity.PAGE,)) is None
    changes = look(paged, problem(), problem("b", Severity.PAGE), wants=(Severity.PAGE,))
    assert changes is not None
    assert after(paged, changes, NOW).keys() == {"a", "b"}


def test_since_when_is_kept() -> None:
    """A problem that is told again keeps the time at which it began."""
    known = told(problem())
    changes = look(known, problem(mark="2"))
    assert changes is not None
    known_now = after(known, changes, NOW)["a"]
    assert (known_now.since, known_now.told_at) == (NOW - timedelta(hours=1), NOW)


def test_the_record_is_kept_and_never_replaced_blindly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told survives; a store that does not answer makes an empty record, which is not written over the old."""
    storage, uri = local_adapters().storage, str(tmp_path / "watchdog.json")
    memory = NoticeMemory(storage, uri)
    memory.note("mail", told(problem()))
    memory.note_first_night(DAY)
    memory.note_first_night(DAY + timedelta(1))
    again = NoticeMemory(storage, uri)
    assert again.told("mail").keys() == {"a"}
    assert again.record.first_night == DAY

    def fail(_: str) -> bytes:
        raise StorageUnavailable("S3 did not answer")

    monkeypatch.setattr(storage, "get", fail)
    blind = NoticeMemory(storage, uri)
    assert blind.told("mail") == {}
    blind.note("mail", {})
    monkeypatch.undo()
    assert NoticeMemory(storage, uri).told("mail").keys() == {"a"}


def test_a_broken_record_is_an_empty_one(tmp_path: Path) -> None:
    """An alert twice is better than none."""
    file = tmp_path / "watchdog.json"
    file.write_text('{"told": 3}')
    assert NoticeMemory(local_adapters().storage, str(file)).record.told == {}


def test_times_are_of_the_look() -> None:
    """A message's time is the look's, so that reminders count from it."""
    changes = look({}, problem())
    assert changes is not None
    assert after({}, changes, datetime.fromisoformat("2026-11-21T00:00:00+00:00"))["a"].told_at.day == 21
