"""How a group of alerts moves: pure rules from a record and a look to the next record and the move that is told.

A look brings what is wrong now, and says of everything that was wrong before whether it is over. Whatever the look, at
most one message comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from data_contracts.documents.alerts import AlertGroup, Cause, Move, SeverityName, Snooze
from tasks.base.ports import Severity

#: Between two messages about what stays wrong.
REMIND_AFTER = timedelta(days=7)
#: Nights end at other hours each time: one reminds this much before its time rather than a night late.
NIGHT_SLACK = timedelta(hours=6)
#: What a night measures is reminded of by the night, which has new numbers; another look waits this much longer.
WATCH_DELAY = timedelta(hours=12)


class End(Enum):
    """What became of a cause that a look did not find."""

    #: this look cannot tell, or it is no affair of it
    UNSURE = auto()
    OVER = auto()
    #: too old to be looked at, and never seen to end
    DROPPED = auto()


class Look(NamedTuple):
    """What one look found of a group.

    Attributes:
        causes: everything that is wrong, as far as it is this look's affair.
        end_of: what became of a cause on record that is not among them.
        night: the night whose metrics were looked at; None if no metrics were.
        run_id: the run of that night.
    """

    causes: tuple[Cause, ...] = ()
    end_of: Callable[[Cause], End] = lambda _: End.UNSURE
    night: date | None = None
    run_id: str = ""


class Step(NamedTuple):
    """What a look comes to.

    Attributes:
        before: the record before the look.
        after: the record after it, without the message.
        told: the move that people are told of; None if there is nothing to tell.
        news: causes that they were not told of before, or of which there is more.
        over: causes that are over now.
        dropped: causes that nobody looks at any more.
        is_woken: whether a snooze ended by this look.
    """

    before: AlertGroup
    after: AlertGroup
    told: Move | None = None
    news: tuple[Cause, ...] = ()
    over: tuple[Cause, ...] = ()
    dropped: tuple[Cause, ...] = ()
    is_woken: bool = False


def worst(causes: Iterable[Cause]) -> SeverityName | None:
    """How urgent the most urgent of them is."""
    return min((cause.severity for cause in causes), key=rank, default=None)


def rank(severity: SeverityName | None) -> int:
    """0 is the most urgent; no severity comes last."""
    return Severity(severity).rank if severity else len(Severity)


def is_late(group: AlertGroup, look: Look) -> bool:
    """Whether a newer night was looked at already: this one says nothing about how things are now."""
    return look.night is not None and group.newest is not None and look.night < group.newest


def advance(group: AlertGroup, look: Look, now: datetime, today: date) -> Step:
    """The record after a look, and what people are told of it.

    Args:
        group: the record.
        look: what was found; that of a late night changes nothing.
        now: the time of the look.
        today: the local day of the look.
    """
    if is_late(group, look):
        return Step(group, group)
    known = {cause.key: cause for cause in group.causes}
    found = {cause.key: _updated(known.get(cause.key), cause) for cause in look.causes}
    ends = {key: look.end_of(cause) for key, cause in known.items() if key not in found}
    kept = [found.pop(key, cause) for key, cause in known.items() if key in found or ends[key] is End.UNSURE]
    causes = (*kept, *found.values())
    news = tuple(cause for cause in causes if _is_news(known.get(cause.key), cause))
    after = group.model_copy(update={"causes": causes} | _seen(group, look))
    is_woken = group.snooze is not None and (today >= group.snooze.until or _breaks(group.snooze, causes))
    if is_woken:
        after = after.model_copy(update={"snooze": None})
    step = Step(
        before=group,
        after=after,
        news=news,
        over=tuple(known[key] for key, end in ends.items() if end is End.OVER),
        dropped=tuple(known[key] for key, end in ends.items() if end is End.DROPPED),
        is_woken=is_woken,
    )
    move = _move(step, now, is_night=look.night is not None)
    return step._replace(told=move, after=_noted(after, move, now, is_woken=is_woken))


def snoozed(group: AlertGroup, until: date, reason: str, now: datetime) -> AlertGroup:
    """The record after a person asked for silence until a date; asked again, the new date counts."""
    pages = tuple(cause.key for cause in group.causes if cause.severity == "page")
    return group.model_copy(update={"snooze": Snooze(until=until, at=now, reason=reason, known=pages)})


def unsnoozed(group: AlertGroup) -> AlertGroup:
    """The record after the snooze was taken back; the next look tells what came meanwhile."""
    return group.model_copy(update={"snooze": None})


def _move(step: Step, now: datetime, *, is_night: bool) -> Move | None:
    group = step.after
    if not group.causes:
        return Move.RECOVERED if group.peak else None
    if group.snooze is not None:
        return None
    if group.peak is None:
        return Move.OPENED
    if rank(worst(group.causes)) < rank(group.peak):
        return Move.ESCALATED
    # Metrics of a group move together: one message tells of them, the reminder has those that came later.
    is_first_metric = not any(cause.is_metric for cause in step.before.causes)
    if any(not cause.is_metric or is_first_metric for cause in step.news):
        return Move.ADDED
    return Move.REMINDED if step.is_woken or _is_due(group, now, is_night=is_night) else None


def _is_due(group: AlertGroup, now: datetime, *, is_night: bool) -> bool:
    if group.anchor_at is None:
        return False
    due = group.anchor_at + (group.reminded + 1) * REMIND_AFTER
    if is_night:
        return now >= due - NIGHT_SLACK
    return now >= due + (WATCH_DELAY if any(cause.is_metric for cause in group.causes) else timedelta())


def _noted(group: AlertGroup, move: Move | None, now: datetime, *, is_woken: bool) -> AlertGroup:
    """The record after a move was told."""
    if move is None:
        return group
    if move is Move.RECOVERED:
        cleared = {"peak": None, "opened_at": None, "anchor_at": None, "reminded": 0, "told": ()}
        return group.model_copy(update=cleared)
    if move is Move.REMINDED and group.anchor_at is not None and not is_woken:
        # Those that nobody was there to send are not made up for.
        return group.model_copy(update={"reminded": max((now + NIGHT_SLACK - group.anchor_at) // REMIND_AFTER, 1)})
    peak = min((group.peak, worst(group.causes)), key=rank)
    return group.model_copy(update={"peak": peak, "opened_at": group.opened_at or now, "anchor_at": now, "reminded": 0})


def _seen(group: AlertGroup, look: Look) -> dict[str, object]:
    return {} if look.night is None else {"newest": look.night, "newest_run_id": look.run_id or group.newest_run_id}


def _updated(known: Cause | None, found: Cause) -> Cause:
    """A cause as it is now: since when it is so, and how much of it was told, stays on record."""
    if known is None:
        return found
    return found.model_copy(update={"at": known.at, "mark": found.mark or known.mark})


def _is_news(known: Cause | None, cause: Cause) -> bool:
    if known is None:
        return True
    return cause.mark != known.mark or rank(cause.severity) < rank(known.severity)


def _breaks(snooze: Snooze, causes: Iterable[Cause]) -> bool:
    """Whether a page is among them that was none when people asked for silence."""
    return any(cause.severity == "page" and cause.key not in snooze.known for cause in causes)
