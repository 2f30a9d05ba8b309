"""Links to a published day's report and checks that need no credentials of whoever opens them."""

from __future__ import annotations

from datetime import date

import polars as pl

from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.base.errors import WrongUsage
from tasks.base.paths import RunPaths, lake
from tasks.base.settings import Settings


def report_links(settings: Settings, run_date: date, minutes: int) -> list[str]:
    """A line each: what it opens, and the signed link.

    Raises:
        WrongUsage: if the day is not published.
    """
    outside = adapters.connect(settings)
    nights = outside.lake.scan(lake(settings, NIGHTS.name), NIGHTS).filter(pl.col("date") == run_date)
    runs = nights.select("run_id").collect()["run_id"].to_list()
    if not runs:
        raise WrongUsage(f"{run_date} is not published")
    paths = RunPaths(settings, run_date, runs[0])
    files = {"report": "report.html", "checks": "data_docs/index.html"}
    return [f"{name}  {outside.storage.presigned(paths.file(file), minutes * 60)}" for name, file in files.items()]
