"""That a day was brought back from an earlier version: on record until the day is judged anew."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks.adapters.storage import Storage
from tasks.paths import DayPaths


class Restore(BaseModel):
    """A restore, as it is stored in state/restores/D.json and in its run's restore.json.

    Attributes:
        run_id: the restore's own run: its commits carry it.
        version: the version of the verdicts table that was brought back.
        restored_run_id: the run that had published it.
        restored_plan_sha256: that run's plan, which the day's row of `nights` has again.
        replaced_run_id: the run whose verdicts stood there before; None if the day was not published.
        replaced_plan_sha256: its plan: a run of this very plan leaves the restored day alone.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    version: int
    reason: str
    restored_at: datetime
    restored_run_id: str
    restored_plan_sha256: str
    replaced_run_id: str | None
    replaced_plan_sha256: str | None
    verdict_count: int
    rejected_count: int
    erased_count: int = 0


def read_restore(storage: Storage, paths: DayPaths) -> Restore | None:
    """The day's last restore, if there was one."""
    body = storage.get(paths.restore())
    return Restore.model_validate_json(body) if body is not None else None
