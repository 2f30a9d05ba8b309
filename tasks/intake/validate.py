"""Stage: every ingested row becomes valid or rejected with one reason, in one streaming pass."""

from __future__ import annotations

from data_contracts.documents.plan import Plan
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.intake.checked_frames import ValidationSummary, write_checked_frames
from tasks.ledger.run import Run


@stage
def validate(settings: Settings, plan: Plan) -> ValidationSummary:
    """Write the run's `checked`, `valid` and `rejected` frames of the planned rows; a rerun overwrites its own.

    Reads: the planned objects, state/erasures.
    Writes: work/checked, work/valid, work/rejected.
    Stops when: an object was replaced (InputChanged), too many rows are rejected (TooManyRejected) or of the day of
        another time zone (WrongTimeZone).
    """
    run = Run.of(settings, plan)
    return write_checked_frames(run.storage, run.paths, plan)
