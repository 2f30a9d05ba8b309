"""That a day was brought back from an earlier version: state/restores/D.json and runs/D/RUN/restore.json."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


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
