"""Stage: what came in and what came out tonight, measured and compared with the trailing published days.

The numbers are `night_measures`' and `vocabulary`'s, the comparison is `baselines`'; this module puts them together.
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
    """Append the night's measurements; repeating it is harmless."""
    outside, paths = adapters.connect(settings), RunPaths(settings, plan.run_date, plan.run_id)
    # A run that slept since it published would measure what nobody reads any more.
    check_held(outside.storage, paths, plan.run_id)
    return measure_run(outside, paths, plan.run_id, now)
