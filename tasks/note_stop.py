"""Leaves on record why a run of a day stopped, for whoever looks at the day later: a backfill, an operator."""

from __future__ import annotations

from datetime import date, datetime

from data_contracts.documents.stopped import Stop
from tasks import adapters
from tasks.errors import ModerationError
from tasks.paths import RunPaths
from tasks.settings import Settings


def note_stop(settings: Settings, run_date: date, run_id: str, name: str, reason: str, now: datetime) -> None:
    """Put the reason into the run's folder. It never fails: the night has its own reason to stop."""
    stop = Stop(run_id=run_id, name=name, reason=reason, stopped_at=now)
    try:
        storage = adapters.connect(settings).storage
        storage.put(RunPaths(settings, run_date, run_id).file("stopped.json"), stop.model_dump_json(indent=1).encode())
    except ModerationError:
        return
