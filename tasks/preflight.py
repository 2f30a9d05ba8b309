"""Before the first job of a run: whether the buckets can be worked in, how long the model lives, whether it answers.

Bedrock takes a job whose bodies it would refuse, whose output it could not write or whose model ends next week. Each of
these looks is off by a setting, and only a clear "no" stops the night: where an answer is not to be had, one warning
says so and the night goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, ValidationError

from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.build_batch import Batch
from tasks.check_lifecycle import describe_ending, find_ending, tell_ending
from tasks.check_reach import check_reach
from tasks.errors import BedrockRefused, CanaryFailed, is_transient
from tasks.ingest import Plan
from tasks.notice_memory import NoticeMemory
from tasks.paths import RunPaths, notices
from tasks.ports import FactUnavailable
from tasks.settings import Settings
from tasks.try_canary import try_canary


class Preflight(BaseModel):
    """What was found; `warnings` are what somebody should know before, and after, the money is spent.

    Attributes:
        canary: what came of the one record that was tried; empty if none was.
        lifecycle: how the model's life stands; empty if nobody looked.
        told: channels that were told of the model's end now.
    """

    model_config = ConfigDict(frozen=True)

    canary: str = ""
    lifecycle: str = ""
    told: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_preflight(storage: Storage, paths: RunPaths) -> Preflight:
    """What the run's preflight found; nothing, if it submitted nothing."""
    try:
        return Preflight.model_validate_json(storage.get(paths.file("preflight.json")) or b"{}")
    except ValidationError:
        return Preflight()


def price_warnings(batch: Batch, plan: Plan) -> tuple[str, ...]:
    """That the budget cannot hold, if nobody knows what the model costs."""
    if batch.estimated_cost_usd is not None:
        return ()
    said = (
        f"{plan.model_id} has no price in prices.toml: the cost of the night is unknown, and MODERATION_MAX_COST_USD "
        "cannot hold it (MODERATION_PRICES names a list of your own)"
    )
    return (said,)


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
        return Preflight(lifecycle=ending.step, warnings=(said,))
    memory = NoticeMemory(outside.storage, notices(paths.settings, "lifecycle"))
    delivery = tell_ending(ending, paths, plan.model_id, outside.alerts, memory, now, sleep)
    undelivered = tuple(f"not told: {fault}" for fault in delivery.failed)
    return Preflight(lifecycle=ending.step, told=delivery.delivered, warnings=(said, *undelivered))


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def preflight(
    settings: Settings,
    plan: Plan,
    batch: Batch,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
    *,
    is_quiet: bool = False,
) -> Preflight:
    """Look before the run's first submission; a later round has nothing left to look at, and a rerun looks again."""
    outside, paths = adapters.connect(settings), RunPaths(settings, plan.run_date, plan.run_id)
    record = paths.file("preflight.json")
    if not batch.shards or outside.storage.get(record) is not None:
        return Preflight()
    warnings = [*price_warnings(batch, plan), *batch.notes]
    if settings.preflight_buckets:
        warnings += check_reach(outside.storage, paths)
    life = Preflight()
    if settings.preflight_lifecycle:
        life = check_model(outside, paths, plan, now, sleep, is_quiet=is_quiet)
        warnings += life.warnings
    canary = ""
    if settings.preflight_canary and batch.shards[0].mode == "batch":
        try:
            tried = try_canary(outside, settings, paths, plan, batch.shards[0], now)
        except (BedrockRefused, CanaryFailed) as error:
            if life.lifecycle == "ended":
                raise type(error)(f"{error}; {life.warnings[0]}") from None
            raise
        canary, warnings = tried.told, [*warnings, *tried.warnings]
    found = Preflight(canary=canary, lifecycle=life.lifecycle, told=life.told, warnings=tuple(warnings))
    outside.storage.put(record, found.model_dump_json(indent=1).encode())
    return found
