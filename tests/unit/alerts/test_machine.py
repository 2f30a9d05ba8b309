"""How a group of alerts moves: every phase with every event, against one table that the docs draw."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents.alerts import AlertGroup, Cause, Move, Phase, metric_key
from tasks.alerts.groups.machine import (
    NIGHT_SLACK,
    REMIND_AFTER,
    WATCH_DELAY,
    End,
    Look,
    Step,
    advance,
    snoozed,
    unsnoozed,
)
from tasks.alerts.groups.phases import EDGES, TOLD, Edge

DOCS = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text(encoding="utf-8")
DIAGRAM = DOCS.partition("## A group of alerts")[2].partition("\n## ")[0]
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
TODAY = date(2026, 11, 20)
NIGHT = date(2026, 11, 19)
DAY = timedelta(days=1)


def metric(severity: str = "ticket", name: str = "error_rate", **overrides: Any) -> Cause:
    """A degraded metric."""
    given_ = {"key": metric_key(name), "kind": "metric", "severity": severity, "at": NOW - DAY, "day": NIGHT}
    return Cause.model_validate({**given_, "since": NIGHT, **overrides})


def problem(severity: str = "ticket", key: str = "rows", **overrides: Any) -> Cause:
    """A thing that somebody has to see to by itself."""
    return Cause.model_validate(
        {"key": key, "kind": "rows", "severity": severity, "at": NOW - DAY, "day": NIGHT, **overrides}
    )


def group(peak: str | None, *causes: Cause, **overrides: Any) -> AlertGroup:
    """A group whose most urgent message was this one, told a day ago."""
    told = {"peak": peak, "opened_at": NOW - 3 * DAY, "anchor_at": NOW - DAY, "told": ("a",)} if peak else {}
    return AlertGroup.model_validate({"group": "pipeline", "causes": causes, **told, **overrides})


#: A group in each phase; its cause is as urgent as the last message said.
STANDING = {
    Phase.QUIET: group(None),
    Phase.REPORT: group("report", metric("report")),
    Phase.TICKET: group("ticket", metric("ticket")),
    Phase.PAGE: group("page", metric("page")),
    Phase.SNOOZED: snoozed(group("ticket", metric("ticket")), TODAY + 3 * DAY, "", NOW - DAY),
}


def look(*causes: Cause, end: End = End.OVER) -> Look:
    """A night's look that finds these, and says of all others what became of them."""
    return Look(causes, lambda _: end, NIGHT, "run-1")


def seen(*causes: Cause, end: End = End.OVER, after: timedelta = timedelta()) -> Callable[[AlertGroup], Step]:
    """What a look does to a group."""
    return lambda before: advance(before, look(*causes, end=end), NOW + after, TODAY + after)


#: What may happen to a group: a look with a metric of each severity, with a problem besides, without anything ...
EVENTS: dict[str, Callable[[AlertGroup], Step]] = {
    "clear": seen(),
    "unsure": seen(end=End.UNSURE),
    "dropped": seen(end=End.DROPPED),
    "report": seen(metric("report")),
    "ticket": seen(metric("ticket")),
    "page": seen(metric("page")),
    "another metric": seen(metric("report"), metric("report", "missing_rate")),
    "a problem": seen(metric("report"), problem("report")),
    "a week": seen(metric("report"), after=7 * DAY),
    "snooze": lambda before: Step(before, snoozed(before, TODAY + DAY, "", NOW)),
    "unsnooze": lambda before: Step(before, unsnoozed(before)),
}

QUIET, REPORT, TICKET, PAGE, SNOOZED = Phase.QUIET, Phase.REPORT, Phase.TICKET, Phase.PAGE, Phase.SNOOZED
#: For each event what follows in each phase, in the order of STANDING: the next phase, and the move that is told.
EXPECTED: dict[str, list[tuple[Phase, Move | None]]] = {
    "clear": [
        (QUIET, None),
        (QUIET, Move.RECOVERED),
        (QUIET, Move.RECOVERED),
        (QUIET, Move.RECOVERED),
        (SNOOZED, Move.RECOVERED),
    ],
    "unsure": [(QUIET, None), (REPORT, None), (TICKET, None), (PAGE, None), (SNOOZED, None)],
    "dropped": [
        (QUIET, None),
        (QUIET, Move.RECOVERED),
        (QUIET, Move.RECOVERED),
        (QUIET, Move.RECOVERED),
        (SNOOZED, Move.RECOVERED),
    ],
    "report": [(REPORT, Move.OPENED), (REPORT, None), (TICKET, None), (PAGE, None), (SNOOZED, None)],
    "ticket": [(TICKET, Move.OPENED), (TICKET, Move.ESCALATED), (TICKET, None), (PAGE, None), (SNOOZED, None)],
    "page": [(PAGE, Move.OPENED), (PAGE, Move.ESCALATED), (PAGE, Move.ESCALATED), (PAGE, None), (PAGE, Move.ESCALATED)],
    "another metric": [(REPORT, Move.OPENED), (REPORT, None), (TICKET, None), (PAGE, None), (SNOOZED, None)],
    "a problem": [
        (REPORT, Move.OPENED),
        (REPORT, Move.ADDED),
        (TICKET, Move.ADDED),
        (PAGE, Move.ADDED),
        (SNOOZED, None),
    ],
    "a week": [
        (REPORT, Move.OPENED),
        (REPORT, Move.REMINDED),
        (TICKET, Move.REMINDED),
        (PAGE, Move.REMINDED),
        (TICKET, Move.REMINDED),
    ],
    "snooze": [(SNOOZED, None)] * 5,
    "unsnooze": [(QUIET, None), (REPORT, None), (TICKET, None), (PAGE, None), (TICKET, None)],
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("event", EVENTS)
def test_every_phase_with_every_event(phase: Phase, event: str) -> None:
    """What follows, and what people are told of it."""
    step = EVENTS[event](STANDING[phase])
    assert (step.after.phase, step.told) == EXPECTED[event][list(STANDING).index(phase)]


def test_the_expectations_are_whole() -> None:
    """No pair of phase and event is left out."""
    assert set(STANDING) == set(Phase)
    assert EXPECTED.keys() == EVENTS.keys()
    assert {len(row) for row in EXPECTED.values()} == {len(Phase)}


def edges_of(before: AlertGroup, step: Step, event: str) -> set[Edge]:
    """The moves that a step is made of: a snooze that ends by a look is a move before the one that is told."""
    source, target = before.phase, step.after.phase
    if event == "snooze":
        return {Edge(Move.SNOOZED, source, target)}
    found, middle = set[Edge](), source
    if source is Phase.SNOOZED and target is not Phase.SNOOZED:
        middle = unsnoozed(before).phase
        found.add(Edge(Move.UNSNOOZED, Phase.SNOOZED, middle))
    return found | ({Edge(step.told, middle, target)} if step.told else set())


def every_group() -> list[AlertGroup]:
    """Groups in each phase; snoozed ones after each message, and after none."""
    open_groups = [STANDING[phase] for phase in Phase if phase is not Phase.SNOOZED]
    return [*open_groups, *(snoozed(each, TODAY + 3 * DAY, "", NOW - DAY) for each in open_groups)]


def test_the_machine_makes_the_moves_of_the_table() -> None:
    """Every event was tried on every group: what happened are the edges of the table, all of them and no other."""
    found = {
        edge
        for before, (event, happen) in itertools.product(every_group(), EVENTS.items())
        for edge in edges_of(before, happen(before), event)
    }
    assert found == set(EDGES)
    assert len(EDGES) == len(set(EDGES))
    assert {edge.move for edge in EDGES} == set(Move)


def test_the_docs_draw_the_table() -> None:
    """The diagram has an arrow for each edge of the table, and an edge for each arrow; the moves are told of."""
    (drawn,) = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", DIAGRAM, re.DOTALL)
    lines = [line.strip() for line in drawn.splitlines() if line.strip()]
    arrows = [re.fullmatch(r"(\S+) --> (\S+) : (\S+)", line) for line in lines if not line.startswith("[*]")]
    assert all(arrows), "a line of the diagram is no arrow"
    found = [(arrow[3], arrow[1], arrow[2]) for arrow in arrows if arrow]
    assert sorted(found) == sorted((str(edge.move), str(edge.source), str(edge.target)) for edge in EDGES)
    rows = dict(re.findall(r"^\| `(\w+)` \| (yes|no) \|", DIAGRAM, re.MULTILINE))
    assert rows == {str(move): "yes" if move in TOLD else "no" for move in Move}


def test_a_page_that_is_new_ends_a_snooze() -> None:
    """What was known when somebody asked for silence stays silent; another page is told, and the silence is over."""
    paged = snoozed(group("page", problem("page", "unpublished 1")), TODAY + 3 * DAY, "", NOW - DAY)
    assert seen(problem("page", "unpublished 1"))(paged).told is None
    step = seen(problem("page", "unpublished 1"), problem("page", "unpublished 2"))(paged)
    assert (step.told, step.after.snooze) == (Move.ADDED, None)


def test_what_came_during_a_snooze_is_told_when_it_ends() -> None:
    """A group that nobody was told of opens when its silence is over; one that ended meanwhile says nothing."""
    silent = snoozed(group(None), TODAY + 2 * DAY, "", NOW - DAY)
    quiet = seen(metric())(silent).after
    assert (quiet.phase, quiet.peak, len(quiet.causes)) == (Phase.SNOOZED, None, 1)
    assert seen(metric(), after=DAY)(quiet).told is None
    assert seen(metric(), after=2 * DAY)(quiet).told is Move.OPENED
    assert seen(after=2 * DAY)(quiet).told is None


def test_a_late_night_changes_nothing() -> None:
    """An older night neither opens, ends nor reminds of what a newer one decided; the same night again does."""
    for before in (group(None, newest=NIGHT + DAY), group("ticket", metric(), newest=NIGHT + DAY)):
        for happen in (seen(), seen(metric("page")), seen(metric(), after=30 * DAY)):
            assert happen(before) == Step(before, before)
    assert seen(metric("page"))(group("ticket", metric(), newest=NIGHT)).told is Move.ESCALATED


def test_reminders_do_not_drift() -> None:
    """A night reminds some hours early rather than a day late, and the next week counts from the first message."""
    standing, told = group("ticket", metric(), anchor_at=NOW), list[timedelta]()
    for hours in range(0, 24 * 22, 23):
        after = timedelta(hours=hours)
        step = seen(metric(), after=after)(standing)
        standing = step.after
        if step.told is Move.REMINDED:
            told.append(after)
    assert [round(after / REMIND_AFTER) for after in told] == [1, 2, 3]
    assert all(abs(after - number * REMIND_AFTER) < DAY for number, after in enumerate(told, 1))


def test_the_watchdog_leaves_metrics_to_the_night() -> None:
    """It reminds of its own at once, and of what a night measures only where no night has come."""
    due = NOW - DAY + REMIND_AFTER

    def watched(standing: AlertGroup, at: datetime) -> Move | None:
        return advance(standing, Look(), at, at.date()).told

    assert watched(group("ticket", problem()), due) is Move.REMINDED
    assert watched(group("ticket", metric()), due) is None
    assert watched(group("ticket", metric()), due + WATCH_DELAY) is Move.REMINDED
    assert seen(metric(), after=due - NIGHT_SLACK - NOW)(group("ticket", metric())).told is Move.REMINDED


def test_metrics_move_together() -> None:
    """Another metric of an open group waits for the reminder; the first one beside a problem is news."""
    assert seen(metric(), metric(name="missing_rate"))(group("ticket", metric())).told is None
    step = advance(group("ticket", problem()), Look((metric(),), night=NIGHT), NOW, TODAY)
    assert (step.told, [cause.key for cause in step.news]) == (Move.ADDED, ["metric error_rate"])


def test_more_of_a_problem_is_news() -> None:
    """Another mark, or more urgency, is told; less urgency is not, nor is a look that has no mark."""
    standing = group("page", problem("ticket", mark="1"), problem("page", "other"))
    other = problem("page", "other")
    assert seen(problem("ticket", mark="1"), other)(standing).told is None
    assert seen(problem("ticket", mark=""), other)(standing).told is None
    assert seen(problem("ticket", mark="2"), other)(standing).told is Move.ADDED
    assert seen(problem("page", mark="1"), other)(standing).told is Move.ADDED
    assert seen(problem("report", mark="1"), other)(standing).told is None


def test_since_when_is_kept() -> None:
    """A cause that is seen again keeps the time at which it was first seen."""
    step = seen(metric(at=NOW))(group("ticket", metric(at=NOW - 5 * DAY)))
    assert step.after.causes[0].at == NOW - 5 * DAY


@given(st.lists(st.sampled_from([*EVENTS, "day"]), max_size=60))
def test_messages_are_few_and_paired(events: list[str]) -> None:
    """Whatever comes, each opening has one end before the next opening, nothing else is told of a quiet group, and
    between two reminders lies a week."""
    standing, is_open, last = group(None), False, None
    for number, event in enumerate(events):
        at = NOW + number * DAY
        match event:
            case "snooze":
                standing = snoozed(standing, at.date() + 3 * DAY, "", at)
                continue
            case "unsnooze":
                standing = unsnoozed(standing)
                continue
            case "clear" | "dropped":
                causes: tuple[Cause, ...] = ()
            case "report" | "ticket" | "page":
                causes = (metric(event),)
            case _:
                causes = standing.causes
        before = standing
        step = advance(standing, Look(causes, lambda _: End.OVER, at.date()), at, at.date())
        standing = step.after
        if step.told is None:
            continue
        assert (step.told is Move.OPENED) is not is_open
        is_open = step.told is not Move.RECOVERED
        if step.told is Move.REMINDED and not step.is_woken:
            assert last is None or at - last >= REMIND_AFTER - NIGHT_SLACK
        last = at if step.told is not Move.ADDED else last
        assert before.phase is not Phase.QUIET or step.told is Move.OPENED
