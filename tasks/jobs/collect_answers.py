"""Stage: what the jobs answered and what it cost goes on record, once per job.

Afterwards the batch files are not needed any more: the answers are in the ledger's keeping, without any text.
"""

from __future__ import annotations

from datetime import datetime

from data_contracts.documents.plan import Plan
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.jobs.collection import CollectionSummary, collect_day


@stage
def collect_answers(settings: Settings, plan: Plan, now: datetime) -> CollectionSummary:
    """Read and book every ended job of the day that is not booked yet; a booked one is never booked again.

    Reads: ledger, the jobs' input and output files, requests/, the lease.
    Writes: answers/; ledger: tokens and cost.
    Stops when: another run has the day (LeaseLost).
    """
    return collect_day(settings, DayPaths(settings, plan.run_date), now, run_id=plan.run_id)
