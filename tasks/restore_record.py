"""That a day was brought back from an earlier version: on record until the day is judged anew."""

from __future__ import annotations

from data_contracts.documents.restore import Restore
from tasks.adapters.storage import Storage
from tasks.paths import DayPaths


def read_restore(storage: Storage, paths: DayPaths) -> Restore | None:
    """The day's last restore, if there was one."""
    body = storage.get(paths.restore())
    return Restore.model_validate_json(body) if body is not None else None
