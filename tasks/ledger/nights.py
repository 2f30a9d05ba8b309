"""Which nights are published, by which run and with which prompt: the one place that reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ValidationError

from data_contracts.documents.plan import Plan
from data_contracts.documents.restore import Restore
from data_contracts.tables.verdicts import VERDICTS
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.base.paths import DayPaths, RunPaths


class Published(NamedTuple):
    """What a day's row of `nights` says: the run that published it, and the hash of that run's plan."""

    run_id: str
    plan_sha256: str


def read_published(nights: pl.LazyFrame, run_date: date) -> Published | None:
    """The day's row; None if it is not published."""
    rows = nights.filter(pl.col("date") == run_date).select("run_id", "plan_sha256").collect()
    return Published(*rows.row(0)) if rows.height else None


class _Planned(BaseModel):
    epoch: int = 0


def read_epoch(storage: Storage, paths: DayPaths, run_id: str) -> int:
    """The epoch that a run of the day was planned in; 0 if its plan cannot be read any more."""
    body = storage.get(RunPaths(paths.settings, paths.run_date, run_id).file("plan.json"))
    try:
        return _Planned.model_validate_json(body or b"").epoch
    except ValidationError:
        return 0


def is_settled(plan: Plan, plan_sha256: str | None, epoch: int) -> bool:
    """Whether verdicts that came from a plan with this hash and epoch are what this plan wants.

    They are if input, prompt and model are the same, unless this plan has a higher epoch: it asks to judge the day
    again. Earlier versions wrote hashes with the epoch in them.
    """
    return plan.epoch <= epoch and plan_sha256 in (plan.sha256, plan.sha256_with(epoch))


def is_taken_back(plan: Plan, run_id: str, restore: Restore | None, epoch_of: Callable[[str], int]) -> bool:
    """Whether a person brought the run that the day stands by back in the place of verdicts that this plan wants again.

    The person's word stands until the input, the prompt or the model is another, or the day is published anew.
    """
    if restore is None or restore.restored_run_id != run_id or restore.replaced_run_id is None:
        return False
    return is_settled(plan, restore.replaced_plan_sha256, epoch_of(restore.replaced_run_id))


def is_whole(outside: adapters.Adapters, paths: DayPaths, run_id: str) -> bool:
    """Whether the day's verdicts are that run's: a later one may have been killed before its row in `nights`."""
    verdicts = outside.lake.scan(paths.lake(VERDICTS.name), VERDICTS).filter(pl.col("date") == paths.run_date)
    return verdicts.filter(pl.col("run_id") != run_id).limit(1).collect().is_empty()


def published_runs(nights: pl.LazyFrame, first: date, last: date) -> dict[date, str]:
    """Which run published each day from `first` to `last`, in order."""
    wanted = nights.filter(pl.col("date").is_between(first, last)).select("date", "run_id").sort("date")
    return dict(wanted.collect().iter_rows())


class Use(NamedTuple):
    """The published nights that one prompt version judged; the hash says which text it was."""

    version: str
    sha256: str
    night_count: int
    first_date: date
    last_date: date
    last_run_id: str


def prompt_uses(nights: pl.LazyFrame) -> list[Use]:
    """Which versions judged which published nights, oldest use first.

    Columns: date, run_id, prompt_version, prompt_sha256 of NIGHTS are read.
    """
    uses = (
        nights.group_by("prompt_version", "prompt_sha256")
        .agg(
            pl.len(),
            pl.col("date").min().alias("first_date"),
            pl.col("date").max().alias("last_date"),
            pl.col("run_id").sort_by("date").last(),
        )
        .sort("first_date", "prompt_version", "prompt_sha256")
        .collect()
    )
    return [Use(*row) for row in uses.iter_rows()]
