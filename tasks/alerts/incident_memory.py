"""What each channel was told, as it is stored: of every day, and of the runs of degraded nights.

The record never keeps an alert from going out: what cannot be read counts as nothing, since an alert twice is better
than none, and what cannot be written is told again.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.adapters.storage import Storage
from tasks.alerts.incidents import Incident, Incidents, News, Trouble, find_news
from tasks.base.errors import ModerationError
from tasks.base.paths import DayPaths

#: A night that stops again for the same reason is told again after this long.
REMIND_AFTER = timedelta(hours=20)

Record = TypeVar("Record", bound=BaseModel)


class StoppedTold(BaseModel):
    """The last stop that a channel was told of."""

    model_config = ConfigDict(frozen=True)

    key: str
    told_at: datetime


class DayRecord(BaseModel):
    """What each channel knows about one day, by the channel's name, so that a rerun tells only what is new.

    Attributes:
        degraded: what is degraded, told on the day or, as part of an incident, before.
        stopped: why the night stopped.
    """

    model_config = ConfigDict(frozen=True)

    degraded: dict[str, tuple[Trouble, ...]] = {}
    stopped: dict[str, StoppedTold] = {}

    def knows(self, channel: str, troubles: Set[Trouble]) -> bool:
        """Whether the channel knows of each of them; there is nothing to know of an ok night."""
        covered = self.degraded.get(channel, ())
        return bool(troubles) and all(trouble.is_covered_by(covered) for trouble in troubles)

    def with_degraded(self, channel: str, troubles: Set[Trouble]) -> DayRecord:
        """After the channel knows of them."""
        covered = tuple(sorted({*self.degraded.get(channel, ()), *troubles}, key=Trouble.order))
        return self.model_copy(update={"degraded": {**self.degraded, channel: covered}})

    def knows_stop(self, channel: str, key: str, now: datetime) -> bool:
        """Whether the channel was told of this stop, not too long ago."""
        last = self.stopped.get(channel)
        return last is not None and last.key == key and now - last.told_at < REMIND_AFTER

    def with_stop(self, channel: str, key: str, now: datetime) -> DayRecord:
        """After the channel was told of it."""
        return self.model_copy(update={"stopped": {**self.stopped, channel: StoppedTold(key=key, told_at=now)}})


class AlertMemory:
    """The records of one day and of all incidents; each change is stored at once."""

    def __init__(self, storage: Storage, paths: DayPaths) -> None:
        self._storage, self._paths, self._night = storage, paths, paths.run_date
        self.day = _load(storage, paths.alert_state(), DayRecord) or DayRecord()
        incidents = _load(storage, paths.incidents(), Incidents)
        # One object for all days: what could not be read now must not be replaced by next to nothing.
        self._is_readable = incidents is not None
        self._incidents = incidents or Incidents()

    def incident(self, channel: str) -> Incident | None:
        """What is open at the channel as of this night; nothing at a night that a newer one was looked at before."""
        return None if self._incidents.is_late(self._night) else self._incidents.open.get(channel)

    def find_news(self, channel: str, degraded: Set[Trouble], healthy: Set[str]) -> News | None:
        """What the channel has to be told of the night and was not told yet."""
        if self.day.knows(channel, degraded):
            return None
        is_late = self._incidents.is_late(self._night)
        return find_news(self._night, degraded, healthy, self.incident(channel), is_late=is_late)

    def note(self, channel: str, news: News, degraded: Set[Trouble]) -> None:
        """The channel took a message."""
        self._incidents = self._incidents.after(channel, self._night, news, degraded)
        self.know(channel, degraded)
        self._store_incidents()

    def know(self, channel: str, degraded: Set[Trouble]) -> None:
        """The channel knows of the night's troubles, be it from an earlier night."""
        if not self.day.knows(channel, degraded) and degraded:
            self._store_day(self.day.with_degraded(channel, degraded))

    def note_stop(self, channel: str, key: str, now: datetime) -> None:
        """The channel was told why the night stopped."""
        self._store_day(self.day.with_stop(channel, key, now))

    def look(self) -> None:
        """The night was looked at."""
        seen = self._incidents.seen(self._night)
        if seen != self._incidents:
            self._incidents = seen
            self._store_incidents()

    def _store_day(self, day: DayRecord) -> None:
        self.day = day
        _store(self._storage, self._paths.alert_state(), day)

    def _store_incidents(self) -> None:
        if self._is_readable:
            _store(self._storage, self._paths.incidents(), self._incidents)


def _load(storage: Storage, uri: str, kind: type[Record]) -> Record | None:
    """The record; an empty one if there is none or it is broken, None if the store does not say."""
    try:
        return kind.model_validate_json(storage.get(uri) or b"{}")
    except ValidationError:
        return kind()
    except ModerationError:
        return None


def _store(storage: Storage, uri: str, record: BaseModel) -> None:
    try:
        storage.put(uri, record.model_dump_json(indent=1).encode())
    except ModerationError:
        return
