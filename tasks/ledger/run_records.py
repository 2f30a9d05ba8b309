"""Leaves on record why a run of a day stopped, for whoever looks at the day later: a backfill, an operator."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime

from pydantic import ValidationError

from data_contracts.documents.preflight import Preflight
from data_contracts.documents.restore import Restore
from data_contracts.documents.stopped import Stop
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.base.errors import ModerationError
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings


def note_stop(settings: Settings, run_date: date, run_id: str, name: str, reason: str, now: datetime) -> None:
    """Put the reason into the run's folder. It never fails: the night has its own reason to stop."""
    stop = Stop(run_id=run_id, name=name, reason=reason, stopped_at=now)
    try:
        storage = adapters.connect(settings).storage
        storage.put(RunPaths(settings, run_date, run_id).file("stopped.json"), stop.model_dump_json(indent=1).encode())
    except ModerationError:
        return


def read_restore(storage: Storage, paths: DayPaths) -> Restore | None:
    """The day's last restore, if there was one."""
    body = storage.get(paths.restore())
    return Restore.model_validate_json(body) if body is not None else None


_FILE = "preflight.json"


def read_preflight(storage: Storage, paths: RunPaths) -> Preflight:
    """What the run has found so far; an empty record if it has not looked."""
    try:
        return Preflight.model_validate_json(storage.get(paths.file(_FILE)) or b"{}")
    except ValidationError:
        return Preflight()


def write_preflight(storage: Storage, paths: RunPaths, preflight: Preflight) -> None:
    """Put on record what the run has found so far."""
    storage.put(paths.file(_FILE), preflight.model_dump_json(indent=1).encode())


def clear_scratch(settings: Settings, run_date: date, run_id: str) -> None:
    """Delete the run's scratch frames, however the run ended.

    It never fails: it would hide why the night stopped, or unmake one that is published. What it leaves, the next
    published run of the day deletes.
    """
    with suppress(ModerationError):
        clear_work(adapters.connect(settings).storage, RunPaths(settings, run_date, run_id))


def clear_work(storage: Storage, paths: RunPaths) -> None:
    """Delete the run's scratch frames: they hold the comments' text."""
    storage.delete(item.uri for item in storage.list(paths.work_folder))
