"""Stage: draw the comments that people are asked to label, from the verdicts that were published a moment ago."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from data_contracts.documents.plan import Plan
from tasks.adapters.lake import reading_lake
from tasks.base.frames import scratch
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.labels.sample.day_requests import RequestSummary, publish_requests
from tasks.ledger.run import Run


@telling_stage
@reading_lake()
def request_labels(settings: Settings, plan: Plan, now: datetime) -> RequestSummary:
    """Replace the day's label requests; the same verdicts again leave the same requests.

    Reads: work/verdicts, lake/label_requests, state/salt.json, lease.
    Writes: lake/label_requests in one commit, its plain object; state/salt.json, once for all nights.
    Stops when: another run has the day (LeaseLost).
    """
    run = Run.of(settings, plan)
    note = {"run_id": plan.run_id, "run_date": plan.run_date.isoformat(), "plan_sha256": plan.sha256}
    with scratch() as folder:
        verdicts = Path(folder) / "verdicts.parquet"
        run.storage.fetch(run.paths.work("verdicts"), verdicts)
        return publish_requests(run.outside, run.paths, verdicts, note, now, run.still_ours)
