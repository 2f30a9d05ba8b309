"""What is wrong apart from a night's metrics: a day that is not published, a job without an owner, late input ...

Whoever looks (a night, the watchdog) says what is wrong as problems, each once for as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.alerts import Cause, GroupName
from tasks.alerts.groups.machine import End, Look
from tasks.base.ports import Severity

#: Groups of the kinds that are not about the pipeline.
_GROUPS: dict[str, GroupName] = {
    "late_input": "inputs",
    "unread_input": "inputs",
    "unknown_job": "money",
    "unowned_job": "money",
}


class Problem(BaseModel):
    """One thing that is wrong.

    Attributes:
        key: what it is about; the same on every look for as long as it lasts.
        kind: which sentence tells it (`words`).
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

    def as_cause(self, at: datetime) -> Cause:
        """The problem as it goes on record, first seen at a time."""
        return Cause.model_validate({**self.model_dump(), "severity": str(self.severity), "at": at})

    @classmethod
    def of(cls, cause: Cause) -> Problem:
        """The problem that is on record."""
        return cls.model_validate(cause.model_dump(include=set(cls.model_fields)))


class Found(NamedTuple):
    """What one look found.

    Attributes:
        problems: everything that is wrong.
        is_mine: whether a problem on record is one that this look looks for.
        is_unsure: whether this look could not tell if a problem that it did not find is over.
        is_watched: whether a problem is of a day that is still looked at.
    """

    problems: tuple[Problem, ...]
    is_mine: Callable[[Problem], bool] = lambda _: True
    is_unsure: Callable[[Problem], bool] = lambda _: False
    is_watched: Callable[[Problem], bool] = lambda _: True

    def look(self, group: GroupName, now: datetime) -> Look:
        """The look as it concerns one group."""
        mine = (problem for problem in self.problems if group_of(problem.kind) == group)
        return Look(tuple(problem.as_cause(now) for problem in mine), self.end_of)

    def end_of(self, cause: Cause) -> End:
        """What became of a problem on record that was not found."""
        problem = Problem.of(cause)
        if cause.is_metric or not self.is_mine(problem):
            return End.UNSURE
        if not self.is_watched(problem):
            return End.DROPPED
        return End.UNSURE if self.is_unsure(problem) else End.OVER


def unpublished(day: date) -> str:
    """Key of the problem that a day is not published, whoever finds it: the run that stopped, or the watchdog."""
    return f"unpublished {day}"


def group_of(kind: str) -> GroupName:
    """The group of a kind of problem."""
    return _GROUPS.get(kind, "pipeline")
