"""When a channel is told of degraded nights: once when they begin, when it gets worse, now and then, and at the end."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from data_contracts.tables.metrics import MetricRow
from tasks.base.ports import Severity

#: Nights between two messages about the same trouble.
REMIND_NIGHTS = 7


class News(StrEnum):
    """What there is to tell."""

    OPENING = "opening"
    WORSE = "worse"
    REMINDER = "reminder"
    RECOVERY = "recovery"


class Trouble(BaseModel):
    """A degraded metric, in whichever slices, and how urgent it is."""

    model_config = ConfigDict(frozen=True)

    metric: str
    severity: Severity

    @classmethod
    def of(cls, row: MetricRow) -> Trouble:
        """What a degraded row is an instance of; a row of an earlier version does not say how urgent it is."""
        return cls(metric=row.metric, severity=Severity(row.severity) if row.severity else Severity.TICKET)

    def is_covered_by(self, known: Iterable[Trouble]) -> bool:
        """Whether somebody who knows of these knows of this one, as urgent at least."""
        return any(other.metric == self.metric and other.severity.rank <= self.severity.rank for other in known)

    def order(self) -> tuple[int, str]:
        """The most urgent first."""
        return self.severity.rank, self.metric


class Incident(BaseModel):
    """An unbroken run of degraded nights, as one channel was told of it.

    Attributes:
        opened: the night of the first message.
        told: the night of the last one.
        troubles: everything that the channel was told of.
    """

    model_config = ConfigDict(frozen=True)

    opened: date
    told: date
    troubles: tuple[Trouble, ...]


class Incidents(BaseModel):
    """What is open, by the channel's name, as of the newest night that was looked at."""

    model_config = ConfigDict(frozen=True)

    newest: date | None = None
    open: dict[str, Incident] = {}

    def is_late(self, night: date) -> bool:
        """Whether a newer night was looked at already: this one says nothing about how things are now."""
        return self.newest is not None and night < self.newest

    def seen(self, night: date) -> Incidents:
        """After a night was looked at."""
        return self.model_copy(update={"newest": max(night, self.newest or night)})

    def after(self, channel: str, night: date, news: News, troubles: Set[Trouble]) -> Incidents:
        """After the channel took a message; that of a late night changes nothing here."""
        if self.is_late(night):
            return self
        others = {name: incident for name, incident in self.open.items() if name != channel}
        if news is News.RECOVERY:
            return self.model_copy(update={"open": others})
        before = self.open.get(channel)
        incident = Incident(
            opened=before.opened if before else night,
            told=night,
            troubles=tuple(sorted({*troubles, *(before.troubles if before else ())}, key=Trouble.order)),
        )
        return self.model_copy(update={"open": {**others, channel: incident}})


def find_news(
    night: date, degraded: Set[Trouble], healthy: Set[str], incident: Incident | None, *, is_late: bool
) -> News | None:
    """What a channel has to be told of a night that it was not told of yet.

    Args:
        night: the night.
        degraded: its troubles, of those that the channel wants.
        healthy: metrics that were measured and are not degraded. One that is in neither cannot be told tonight, which
            ends no incident.
        incident: what is open at the channel.
        is_late: whether a newer night was looked at already; then only trouble is news.
    """
    if is_late or incident is None:
        return News.OPENING if degraded else None
    if not all(trouble.is_covered_by(incident.troubles) for trouble in degraded):
        return News.WORSE
    if not degraded and {trouble.metric for trouble in incident.troubles} <= healthy:
        return News.RECOVERY
    return News.REMINDER if (night - incident.told).days >= REMIND_NIGHTS else None
