"""What people were told, and what is open: state/alerts/groups/GROUP.json, one object for each group of alerts.

How a group moves from phase to phase is in `tasks/alerts/phases.py`, and drawn in docs/architecture.md.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from data_contracts.tables.metrics import MetricRow

SeverityName = Literal["page", "ticket", "report"]
GroupName = Literal["quality", "outputs", "inputs", "pipeline", "money"]

#: Kind of a cause that is a degraded metric; every other kind is a problem with a sentence of its own.
METRIC = "metric"


def metric_key(metric: str) -> str:
    """The key of the cause that a metric is degraded."""
    return f"{METRIC} {metric}"


class Phase(StrEnum):
    """How a group stands; of an open one, how urgent the most urgent message was."""

    QUIET = "quiet"
    REPORT = "report"
    TICKET = "ticket"
    PAGE = "page"
    #: a person asked for silence until a date
    SNOOZED = "snoozed"


class Move(StrEnum):
    """What may happen to a group."""

    OPENED = "opened"
    ESCALATED = "escalated"
    ADDED = "added"
    REMINDED = "reminded"
    RECOVERED = "recovered"
    SNOOZED = "snoozed"
    UNSNOOZED = "unsnoozed"


class Cause(BaseModel):
    """One thing that is wrong.

    Attributes:
        key: what it is about; the same for as long as it lasts.
        kind: METRIC, or which sentence tells it.
        at: when it was first seen.
        day: the day that it is about, if it is about one.
        since: first night of the unbroken run of degraded nights; null of what is no metric.
        facts: what goes into the sentence.
        rows: of a metric, its degraded slices as they were last measured, the worst first.
        mark: changes when there is more of it.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    kind: str
    severity: SeverityName
    at: datetime
    day: date | None = None
    since: date | None = None
    facts: dict[str, str] = {}
    rows: tuple[MetricRow, ...] = ()
    mark: str = ""

    @property
    def is_metric(self) -> bool:
        """Whether a metric is degraded; else a thing is wrong that somebody has to see to by itself."""
        return self.kind == METRIC

    @property
    def metric(self) -> str:
        """The name of a metric that is degraded."""
        return self.key.removeprefix(metric_key(""))


class Snooze(BaseModel):
    """That a person asked for silence.

    Attributes:
        until: the first local day on which messages are sent again.
        known: keys of the causes that were pages then: any other page gets through.
    """

    model_config = ConfigDict(frozen=True)

    until: date
    at: datetime
    reason: str = ""
    known: tuple[str, ...] = ()


class Letter(BaseModel):
    """A message that is to be sent: it goes on record before it goes out.

    Attributes:
        waiting: names of the channels that have not taken it.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    written_at: datetime
    title: str
    ascii_title: str
    body: str
    severity: SeverityName
    is_recovery: bool = False
    waiting: tuple[str, ...]


class Transition(BaseModel):
    """A move that was made, as events and pages show it."""

    model_config = ConfigDict(frozen=True)

    group: GroupName
    move: Move
    number: int
    at: datetime
    severity: SeverityName | None = None
    title: str = ""
    causes: tuple[str, ...] = ()
    day: date | None = None


class AlertGroup(BaseModel):
    """One group's record.

    Attributes:
        causes: everything that is wrong now, as far as anybody can tell.
        peak: how urgent the most urgent message of what is open was; null while nobody was told of anything.
        opened_at: when the first message of what is open was written.
        anchor_at: when the last message was written that told news; reminders count from it.
        reminded: reminders since then.
        told: names of the channels that the messages of what is open were addressed to.
        newest: the newest night whose metrics were looked at, and the run that did.
        outbox: messages that some channel has not taken.
        sender: who sends them now; `beat` makes each of its signs of life another object.
        said: marks of what is told once and does not end, by key.
        count: transitions so far.
        last: the last of them.
    """

    model_config = ConfigDict(frozen=True)

    group: GroupName
    causes: tuple[Cause, ...] = ()
    peak: SeverityName | None = None
    opened_at: datetime | None = None
    anchor_at: datetime | None = None
    reminded: int = 0
    told: tuple[str, ...] = ()
    snooze: Snooze | None = None
    newest: date | None = None
    newest_run_id: str = ""
    outbox: tuple[Letter, ...] = ()
    sender: str = ""
    beat: int = 0
    said: dict[str, str] = {}
    count: int = 0
    last: tuple[Transition, ...] = ()

    @property
    def phase(self) -> Phase:
        """How the group stands."""
        if self.snooze is not None:
            return Phase.SNOOZED
        return Phase(self.peak) if self.peak else Phase.QUIET
