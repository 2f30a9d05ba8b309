"""A group's record in S3: changed by conditional writes, so that a night and the watchdog never undo each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pydantic import ValidationError

from data_contracts.documents.alerts import AlertGroup, GroupName
from tasks.adapters.storage import Storage
from tasks.alerts.groups.former_records import adopted
from tasks.base.errors import StorageUnavailable
from tasks.base.paths import alert_group
from tasks.base.settings import Settings

#: Times that a change is tried again after somebody else's.
_TRIES = 20


class Found(NamedTuple):
    """A record as it was read; without an etag where there is none yet."""

    group: AlertGroup
    etag: str | None
    age_s: float


class GroupRecord:
    """The record of one group.

    Every method raises StorageUnavailable or StorageRefused as the store does.
    """

    def __init__(self, storage: Storage, settings: Settings, name: GroupName) -> None:
        self._storage, self._settings, self.name = storage, settings, name
        self._uri = alert_group(settings, name)

    def read(self) -> Found:
        """The record as it is now; before the first one, what earlier versions kept.

        One that is no record counts as an empty one: an alert twice is better than none.
        """
        found = self._storage.get_versioned(self._uri)
        if found is None:
            return Found(adopted(self._storage, self._settings, self.name), None, 0.0)
        try:
            return Found(AlertGroup.model_validate_json(found.body), found.etag, found.age_s)
        except ValidationError:
            return Found(AlertGroup(group=self.name), found.etag, found.age_s)

    def replace(self, found: Found, group: AlertGroup) -> bool:
        """Write the record if it is still the one that was found; whether it was."""
        body = group.model_dump_json(indent=1).encode()
        if found.etag is None:
            return self._storage.put_if_absent(self._uri, body)
        return self._storage.put_if_match(self._uri, body, found.etag)

    def change(self, make: Callable[[Found], AlertGroup]) -> AlertGroup:
        """Write what is made of the record; it is made anew where somebody else has written meanwhile.

        Nothing is written where nothing changes, but for the first record.
        """
        for _ in range(_TRIES):
            found = self.read()
            group = make(found)
            if (group == found.group and found.etag is not None) or self.replace(found, group):
                return group
        raise StorageUnavailable(f"{self._uri} was changed by others {_TRIES} times in a row")
