"""Stage: comments of a day whose normalised texts are equal are judged once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.base.frames import scratch
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.intake.repeats import find_duplicates


class DeduplicationSummary(BaseModel):
    """How many valid comments inherit another's verdict."""

    model_config = ConfigDict(frozen=True)

    duplicate_count: int


@stage
def deduplicate(settings: Settings, plan: Plan) -> DeduplicationSummary:
    """Write which valid comments are judged as another; a rerun overwrites its own frame.

    Reads: work/valid.
    Writes: work/duplicates.
    Stops when: never.
    """
    storage, paths = adapters.connect(settings).storage, RunPaths(settings, plan.run_date, plan.run_id)
    with scratch() as folder:
        valid, duplicates = Path(folder) / "valid.parquet", Path(folder) / "duplicates.parquet"
        storage.fetch(paths.work("valid"), valid)
        found = find_duplicates(pl.scan_parquet(valid))
        kept = found if settings.deduplicate else found.clear()
        kept.write_parquet(duplicates)
        storage.send(duplicates, paths.work("duplicates"))
    return DeduplicationSummary(duplicate_count=kept.height)
