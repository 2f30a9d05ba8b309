"""Before the work: whether the buckets can be worked in, and how long the model lives.

Bedrock takes a job whose output it could not write, or whose model ends next week, and a bucket that is closed would be
noticed hours after the day was read. Each of these looks is off by a setting, and only a clear "no" stops the night:
where an answer is not to be had, one warning says so and the night goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.documents.plan import Plan
from data_contracts.documents.preflight import Preflight
from tasks import adapters
from tasks.adapters import Adapters
from tasks.check_lifecycle import describe_ending, find_ending, tell_ending
from tasks.check_reach import check_reach
from tasks.errors import is_transient
from tasks.notice_memory import NoticeMemory
from tasks.paths import RunPaths, notices
from tasks.ports import FactUnavailable
from tasks.run_records import write_preflight
from tasks.settings import Settings


def check_model(
    outside: Adapters, paths: RunPaths, plan: Plan, now: datetime, sleep: Callable[[float], None], *, is_quiet: bool
) -> Preflight:
    """How long the model lives; its end is told to every channel, once a step."""
    try:
        life = outside.models.lifecycle(plan.model_id)
    except FactUnavailable as error:
        return Preflight(lifecycle="unknown", warnings=(f"{error}; how long the model lives is unknown",))
    ending = find_ending(life, now.astimezone(paths.settings.zone).date())
    if ending is None:
        return Preflight(lifecycle="active")
    said = describe_ending(ending, plan.model_id)
    if is_quiet:
        return Preflight(lifecycle=ending.step, ending=said, warnings=(said,))
    memory = NoticeMemory(outside.storage, notices(paths.settings, "lifecycle"))
    delivery = tell_ending(ending, paths, plan.model_id, outside.alerts, memory, now, sleep)
    undelivered = tuple(f"not told: {fault}" for fault in delivery.failed)
    return Preflight(lifecycle=ending.step, ending=said, told=delivery.delivered, warnings=(said, *undelivered))


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def preflight(
    settings: Settings,
    plan: Plan,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
    *,
    is_quiet: bool = False,
) -> Preflight:
    """Look, before the day's rows are read; a day without rows needs no look, and looking twice is harmless."""
    outside, paths = adapters.connect(settings), RunPaths(settings, plan.run_date, plan.run_id)
    if not plan.row_count:
        return Preflight()
    reach = check_reach(outside.storage, paths) if settings.preflight_buckets else ()
    life = Preflight()
    if settings.preflight_lifecycle:
        life = check_model(outside, paths, plan, now, sleep, is_quiet=is_quiet)
    found = life.model_copy(update={"warnings": (*reach, *life.warnings)})
    write_preflight(outside.storage, paths, found)
    return found
