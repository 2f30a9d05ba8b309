"""Which nights are published, by which run and with which prompt: the one place that reads it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import polars as pl

from data_contracts.documents.plan import Plan
from data_contracts.documents.restore import Restore
from data_contracts.tables.verdicts import VERDICTS
from tasks import adapters
from tasks.base.paths import DayPaths


def published_run(nights: pl.LazyFrame, plan: Plan) -> str | None:
    """The run that published this very plan, or None if the day is not published or from another plan."""
    found = nights.filter((pl.col("date") == plan.run_date) & (pl.col("plan_sha256") == plan.sha256)).collect()
    return str(found["run_id"][0]) if found.height else None


def restored_run(nights: pl.LazyFrame, plan: Plan, restore: Restore | None) -> str | None:
    """The run whose verdicts a restore brought back, if this plan is the one that it took back: a person's word stands
    until the input, the prompt or the model is another."""
    if restore is None or plan.sha256 != restore.replaced_plan_sha256:
        return None
    row = nights.filter(pl.col("date") == plan.run_date).select("plan_sha256").collect()
    return restore.restored_run_id if row["plan_sha256"].to_list() == [restore.restored_plan_sha256] else None


def _is_whole(outside: adapters.Adapters, paths: DayPaths, run_id: str) -> bool:
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
    found = (
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
    return [Use(*row) for row in found.iter_rows()]
