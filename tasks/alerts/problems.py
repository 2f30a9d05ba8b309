"""What is wrong across days, and when a channel is told of it: once when it begins or grows, once when it is over.

The watchdog and the late input check share these rules. They are pure; what was told is kept by `problem_memory`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from tasks.base.ports import Severity

#: What stays wrong is told again after this long.
REMIND_AFTER = timedelta(days=7)


class Problem(BaseModel):
    """One thing that is wrong.

    Attributes:
        key: what it is about; the same on every look for as long as it lasts.
        kind: which sentence tells it (`alert_words`).
        day: the day that it is about, if it is about one.
        facts: what goes into the sentence.
        mark: changes when there is more of it, which is news.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    kind: str
    severity: Severity
    day: date | None = None
    facts: dict[str, str] = {}
    mark: str = ""


class Told(BaseModel):
    """A problem that a channel knows of."""

    model_config = ConfigDict(frozen=True)

    problem: Problem
    since: datetime
    told_at: datetime


class Look(NamedTuple):
    """What one look found.

    Attributes:
        problems: everything that is wrong.
        is_unsure: whether this look could not tell if a problem that it did not find is over.
        is_watched: whether a problem is of a day that is still looked at.
    """

    problems: tuple[Problem, ...]
    is_unsure: Callable[[Problem], bool] = lambda _: False
    is_watched: Callable[[Problem], bool] = lambda _: True


class Changes(NamedTuple):
    """What a channel has to be told.

    Attributes:
        new: not told of yet, or worse than it was.
        still: told of before, and as it was; or what this look could not tell.
        over: told of, and no longer so.
        dropped: told of, never seen to end, and too old to be looked at.
    """

    new: tuple[Problem, ...]
    still: tuple[Problem, ...]
    over: tuple[Problem, ...]
    dropped: tuple[Problem, ...]

    @property
    def open(self) -> tuple[Problem, ...]:
        """What is wrong now, as far as anybody can tell."""
        return self.new + self.still


def find_changes(found: Look, told: Mapping[str, Told], wants: Iterable[Severity], now: datetime) -> Changes | None:
    """What a channel has to be told after a look; None if it knows everything."""
    wanted = frozenset(wants)
    problems = {problem.key: problem for problem in found.problems if problem.severity in wanted}
    all_keys = {problem.key for problem in found.problems}
    new = [problem for key, problem in problems.items() if _is_news(problem, told.get(key))]
    absent = [item.problem for key, item in told.items() if key not in all_keys]
    unsure = [problem for problem in absent if found.is_watched(problem) and found.is_unsure(problem)]
    over = [problem for problem in absent if found.is_watched(problem) and not found.is_unsure(problem)]
    dropped = [problem for problem in absent if not found.is_watched(problem)]
    still = [problem for problem in problems.values() if problem not in new]
    is_due = any(now - told[problem.key].told_at >= REMIND_AFTER for problem in still)
    if not (new or over or dropped or is_due):
        return None
    return Changes(*(tuple(sorted(part, key=_order)) for part in (new, [*still, *unsure], over, dropped)))


def after(told: Mapping[str, Told], changes: Changes, now: datetime) -> dict[str, Told]:
    """What a channel knows after it took the message."""
    ended = {problem.key for problem in changes.over + changes.dropped}
    kept = {key: item for key, item in told.items() if key not in ended}
    return kept | {
        problem.key: Told(problem=problem, since=told[problem.key].since if problem.key in told else now, told_at=now)
        for problem in changes.open
    }


def most_urgent(problems: Iterable[Problem]) -> Severity:
    """The severity of a message about them."""
    return min((problem.severity for problem in problems), key=lambda severity: severity.rank)


def _is_news(problem: Problem, open_problem: Told | None) -> bool:
    if open_problem is None:
        return True
    before = open_problem.problem
    return problem.mark != before.mark or problem.severity.rank < before.severity.rank


def _order(problem: Problem) -> tuple[int, date, str]:
    return problem.severity.rank, problem.day or date.min, problem.key
