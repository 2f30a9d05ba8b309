"""Between validation and spending: Great Expectations looks at what was ingested, before any row is rejected.

It sees facts about the rows and the day's numbers beside those of recent days, and never a text. A critical failure
stops the night before money is spent; all others are warnings in the run's Data Docs.
"""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.plan import Plan
from data_contracts.expectations import CheckSeverity, RunSuite, profile_checks, row_checks
from data_contracts.tables.verdicts import NIGHTS
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.frames import read_batches, scan_file, scratch
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.intake.expectations.data_docs import render_data_docs
from tasks.intake.expectations.day_profile import RecentDays, profile, recent_days, sample
from tasks.intake.expectations.outcomes import (
    ExpectationReport,
    OutcomeState,
    askable,
    failed,
    outcomes,
    stop_if_critical,
)
from tasks.intake.row_rules import day_bounds
from tasks.ledger.run import Run
from tasks.measure.metrics_table import read_history

#: Rows that Great Expectations gets at once: pandas holds them twice.
_BATCH_ROWS = 100_000


class ExpectationSummary(BaseModel):
    """What Great Expectations made of the day."""

    model_config = ConfigDict(frozen=True)

    row_count: int
    #: fewer than row_count when the rows were sampled
    checked_count: int
    ok_count: int
    not_judged_count: int
    #: by expectation, what was observed and what was expected
    warnings: dict[str, str]


def examine(
    file: Path, plan: Plan, day_end: datetime, recent: RecentDays, settings: Settings, run_suite: RunSuite
) -> ExpectationReport:
    """Run both suites over a local file of CHECKED_ROWS."""
    rows, tolerances = scan_file(file), settings.tolerances
    today = profile(rows, day_end, recent, tolerances)
    numbers: dict[str, float | None] = today.row(0, named=True)
    row_count, id_count = (int(today[name][0]) for name in ("row_count", "id_count"))
    checked_count = min(row_count, settings.gx_max_rows)
    if checked_count < row_count:
        file = file.with_name("sample.parquet")
        sample(rows, row_count, checked_count).sink_parquet(file)
    of_rows, of_day = row_checks(tolerances, checked_count), profile_checks(tolerances, row_count, id_count)
    batches = read_batches(file, sorted({check.column for check in of_rows}), _BATCH_ROWS)
    return ExpectationReport(
        run_date=plan.run_date,
        run_id=plan.run_id,
        great_expectations_version=version("great-expectations"),
        row_count=row_count,
        checked_count=checked_count,
        profile=numbers,
        outcomes=(
            *outcomes("profile", of_day, run_suite("profile", askable(of_day, numbers), [today]), numbers),
            *outcomes("rows", of_rows, run_suite("rows", of_rows, batches)),
        ),
        tolerances=tolerances,
    )


def summarise(report: ExpectationReport) -> ExpectationSummary:
    """The report in a few numbers."""
    states = [item.state for item in report.outcomes]
    return ExpectationSummary(
        row_count=report.row_count,
        checked_count=report.checked_count,
        ok_count=states.count(OutcomeState.OK),
        not_judged_count=states.count(OutcomeState.NOT_JUDGED),
        warnings=failed(report.outcomes, CheckSeverity.WARNING),
    )


def _read_recent_days(outside: Adapters, paths: RunPaths) -> RecentDays:
    history = read_history(outside, paths)
    nights = outside.lake.read(paths.lake(NIGHTS.name), NIGHTS).filter(pl.col("date").is_in(history.days))
    return recent_days(nights.select("ingested_count").collect().to_series(), history)


@stage
@reading_lake()
def check_expectations(settings: Settings, plan: Plan) -> ExpectationSummary:
    """Write the run's expectations.json and Data Docs, then stop on a critical failure; a rerun writes the same.

    Reads: work/checked, lake/nights, lake/metrics.
    Writes: expectations.json, data_docs/.
    Stops when: a critical expectation fails (CriticalExpectationFailed).
    """
    run = Run.of(settings, plan)
    recent, docs = _read_recent_days(run.outside, run.paths), run.paths.file("data_docs/index.html")
    with scratch() as folder:
        file = Path(folder) / "checked.parquet"
        run.storage.fetch(run.paths.work("checked"), file)
        report = examine(
            file, plan, day_bounds(plan.run_date, settings.zone).end, recent, settings, run.outside.run_suite
        )
    run.storage.put(run.paths.file("expectations.json"), report.model_dump_json(indent=1).encode())
    run.storage.put(docs, render_data_docs(report).encode())
    stop_if_critical(report.outcomes, docs)
    return summarise(report)
