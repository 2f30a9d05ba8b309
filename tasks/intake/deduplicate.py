"""Stage: comments of a day whose normalised texts are equal are judged once."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.plan import Plan
from tasks.base.frames import scan_file, scratch
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.intake.repeats import find_duplicates
from tasks.ledger.run import Run


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
    run = Run.of(settings, plan)
    with scratch() as folder:
        valid, duplicates = Path(folder) / "valid.parquet", Path(folder) / "duplicates.parquet"
        run.storage.fetch(run.paths.work("valid"), valid)
        repeats = find_duplicates(scan_file(valid))
        kept = repeats if settings.deduplicate else repeats.clear()
        kept.write_parquet(duplicates)
        run.storage.send(duplicates, run.paths.work("duplicates"))
    return DeduplicationSummary(duplicate_count=kept.height)
