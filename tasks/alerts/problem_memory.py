"""What a watcher said to each channel, as one stored object.

The record never keeps an alert from going out: what cannot be read counts as nothing, since an alert twice is better
than none, and what cannot be written is told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.adapters.storage import Storage
from tasks.alerts.problems import Told
from tasks.base.errors import ModerationError


class NoticeRecord(BaseModel):
    """The stored object.

    Attributes:
        told: by channel and key of the problem.
        first_night: the first published day that was ever seen: a lake that is gone must not look like a new one.
    """

    model_config = ConfigDict(frozen=True)

    told: dict[str, dict[str, Told]] = {}
    first_night: date | None = None


class NoticeMemory:
    """A watcher's record; each change is stored at once."""

    def __init__(self, storage: Storage, uri: str) -> None:
        self._storage, self._uri = storage, uri
        # What could not be read now must not be replaced by next to nothing.
        self._is_readable = True
        self.record = self._load()

    def told(self, channel: str) -> Mapping[str, Told]:
        """What the channel knows."""
        return self.record.told.get(channel, {})

    def note(self, channel: str, told: Mapping[str, Told]) -> None:
        """The channel took a message and knows this now."""
        self._store(self.record.model_copy(update={"told": {**self.record.told, channel: dict(told)}}))

    def note_first_night(self, first: date | None) -> None:
        """The first published day that the lake shows now."""
        earlier = self.record.first_night
        if first is not None and (earlier is None or first < earlier):
            self._store(self.record.model_copy(update={"first_night": first}))

    def _load(self) -> NoticeRecord:
        try:
            return NoticeRecord.model_validate_json(self._storage.get(self._uri) or b"{}")
        except ValidationError:
            return NoticeRecord()
        except ModerationError:
            self._is_readable = False
            return NoticeRecord()

    def _store(self, record: NoticeRecord) -> None:
        self.record = record
        if self._is_readable:
            try:
                self._storage.put(self._uri, record.model_dump_json(indent=1).encode())
            except ModerationError:
                return
