"""Stage: what came in and what came out tonight, measured and compared with the trailing published days.

The numbers are made in `night_numbers` and `first_days`, compared in `judgement`, and put together in `day_drift`.
"""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.plan import Plan
from tasks.adapters.lake import reading_lake
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.ledger.run import Run
from tasks.measure.day_drift import DriftSummary, measure_frames_of
from tasks.measure.metrics_table import keep_rows


@telling_stage
@reading_lake()
def measure_drift(settings: Settings, plan: Plan, now: datetime) -> DriftSummary:
    """Measure the night and leave the rows for `remeasure_late_labels` to append; repeating it is harmless.

    Reads: work/valid, work/rejected, work/verdicts, lake/nights, lake/metrics, state/vocabulary, state/texts, lease.
    Writes: work/metrics-drift, state/vocabulary, state/texts, state/cells.
    Stops when: another run has the day (LeaseLost).
    """
    run = Run.of(settings, plan)
    # A run that slept since it published would measure what nobody reads any more.
    run.still_ours()
    measured = measure_frames_of(run.outside, run.paths, plan.run_id, now)
    keep_rows(run.outside, run.paths, "drift", measured.rows)
    return measured.summary
