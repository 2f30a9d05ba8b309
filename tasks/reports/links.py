"""Links to what a published day left: signed ones, and those to S3's console, where the reader's permissions count."""

from __future__ import annotations

from datetime import date

import polars as pl

from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import WrongUsage
from tasks.base.paths import RunPaths, lake
from tasks.base.settings import Settings
from tasks.reports.overview.days import Day


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


def day_links(outside: Adapters, settings: Settings, day: Day) -> list[str]:
    """Markdown links to a day's report and checks, and to its review list if comments lack a verdict."""
    if day.run_id is None:
        return []
    paths = RunPaths(settings, day.date, day.run_id)
    links = {"report": paths.file("report.html"), "checks": paths.file("data_docs/index.html")}
    links |= {"review": paths.plain("review")} if day.judged_count != day.verdict_count else {}
    return [f"[{name}]({outside.storage.web_link(uri)})" for name, uri in links.items()]
