"""Seventh stage: what the jobs answered and what it cost goes on record, once per job.

Afterwards the batch files are not needed any more: the answers are in the ledger's keeping, without any text.
"""

from __future__ import annotations

from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.documents.plan import Plan
from tasks.base.errors import is_transient
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.jobs.collection import CollectionSummary, collect_day


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def collect_answers(settings: Settings, plan: Plan, now: datetime) -> CollectionSummary:
    """Read and book every ended job of the day that is not booked yet; a booked one is never booked again."""
    return collect_day(settings, DayPaths(settings, plan.run_date), now)
