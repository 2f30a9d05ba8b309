"""Stage: what came in and what came out tonight, measured and compared with the trailing published days.

The numbers are made in `night_numbers` and `vocabulary`, compared in `baselines`, and put together in `day_drift`.
"""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.ledger.lease import check_held
from tasks.measure.day_drift import DriftSummary, measure_run


@telling_stage
@reading_lake()
def measure_drift(settings: Settings, plan: Plan, now: datetime) -> DriftSummary:
    """Append the night's measurements; repeating it is harmless.

    Reads: work/valid, work/rejected, work/verdicts, lake/nights, lake/metrics, state/vocabulary, lease.
    Writes: lake/metrics and its plain object, state/vocabulary.
    Stops when: another run has the day (LeaseLost).
    """
    outside, paths = adapters.connect(settings), RunPaths(settings, plan.run_date, plan.run_id)
    # A run that slept since it published would measure what nobody reads any more.
    check_held(outside.storage, paths, plan.run_id)
    return measure_run(outside, paths, plan.run_id, now)
