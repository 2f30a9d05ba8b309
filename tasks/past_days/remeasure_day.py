"""Measures a published day again, as it is and with the labels that have come, without judging a comment.

Accuracy needs the labels and the published verdicts. Drift needs what came in as well: the rows are validated again
from the objects that the published run planned, which must still be those. New rows go to `metrics`, where the latest
count; a report of the day as it is measured now goes to the run's own folder.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.documents.plan import Plan
from data_contracts.documents.summary import Night
from data_contracts.tables.metrics import rows_of
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import ModerationError, Transient
from tasks.base.frames import scan_file, scratch
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.intake.checked_frames import write_checked_frames
from tasks.labels.day_accuracy import AccuracySummary, measure_day
from tasks.ledger.lease import held
from tasks.ledger.run_records import clear_work
from tasks.measure.day_drift import DriftSummary, measure_run
from tasks.measure.metrics_table import read_day
from tasks.reports.report import render_report
from tasks.verdicts.plain_objects import refresh_plain, tables_at_odds


class Remeasured(BaseModel):
    """What measuring a day again came to.

    Attributes:
        verdicts_run_id: the run that published the day; None if it is not published.
        is_measured: whether anything was measured.
        degraded: metrics and slices that are degraded now.
        rewritten: tables whose plain object differed from the lake.
        report: where the report is.
        notes: what could not be measured or written, and why.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    verdicts_run_id: str | None = None
    is_measured: bool = True
    label_count: int = 0
    accuracy: float | None = None
    drift_count: int = 0
    degraded: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    report: str | None = None
    notes: tuple[str, ...] = ()


def measure_inputs_again(
    settings: Settings, outside: Adapters, paths: RunPaths, published: RunPaths, now: datetime
) -> DriftSummary | str:
    """Append what the published day says about drift; or why that is not known."""
    try:
        planned = Plan.model_validate_json(outside.storage.get(published.file("plan.json")) or b"")
    except ValidationError:
        return f"the plan of run {published.run_id} is gone or cannot be read"
    plan = planned.model_copy(update={"run_id": paths.run_id})
    verdicts = outside.lake.scan(paths.lake(VERDICTS.name), VERDICTS).filter(pl.col("date") == paths.run_date)
    try:
        valid_count = write_checked_frames(outside.storage, paths, plan).valid_count
        with scratch() as folder:
            file = Path(folder) / "verdicts.parquet"
            verdicts.sink_parquet(file)
            verdict_count = scan_file(file).select(pl.len()).collect().item()
            if valid_count != verdict_count:
                return f"{valid_count} rows are valid by today's rules and {verdict_count} have a verdict"
            outside.storage.send(file, paths.work("verdicts"))
        return measure_run(outside, paths, published.run_id, now)
    except Transient:
        raise
    except ModerationError as error:
        return str(error)


def write_report(outside: Adapters, paths: RunPaths, published: RunPaths, accuracy: AccuracySummary) -> str | None:
    """The published run's report with the measurements that count now, in this run's folder; None without a summary."""
    try:
        night = Night.model_validate_json(outside.storage.get(published.file("summary.json")) or b"")
    except ValidationError:
        return None
    metrics = rows_of(read_day(outside, paths))
    uri = paths.file("report.html")
    now = night.model_copy(update={"metrics": metrics, "confusion": list(accuracy.confusion)})
    outside.storage.put(uri, render_report(now).encode())
    return uri


@telling_stage
@reading_lake()
def remeasure_day(settings: Settings, run_date: date, run_id: str, now: datetime) -> Remeasured:
    """Measure the day again while nobody else works on it; repeating it adds the same rows once more.

    Raises:
        DayInUse: if another run works on the day.
    """
    outside, paths = adapters.connect(settings), RunPaths(settings, run_date, run_id)
    with held(settings, run_date, run_id):
        nights = outside.lake.scan(paths.lake(NIGHTS.name), NIGHTS).filter(pl.col("date") == run_date).collect()
        if nights.is_empty():
            return Remeasured(run_date=run_date, is_measured=False, notes=("it is not published",))
        night = nights.row(0, named=True)
        run = str(night["run_id"])
        published = RunPaths(settings, run_date, run)
        if odd := tables_at_odds(outside, paths, night):
            note = f"lake/{', lake/'.join(odd)} does not hold what run {run} published: nothing was measured"
            return Remeasured(run_date=run_date, verdicts_run_id=run, is_measured=False, notes=(note,))
        try:
            drift = measure_inputs_again(settings, outside, paths, published, now)
            accuracy = measure_day(outside, paths, run, now)
            rewritten = refresh_plain(outside, paths, night)
            report = write_report(outside, paths, published, accuracy)
        finally:
            clear_work(outside.storage, paths)
    notes = [f"drift was not measured: {drift}"] if isinstance(drift, str) else []
    notes += [] if report else [f"the summary of run {run} is gone or cannot be read: no report"]
    drifted = () if isinstance(drift, str) else drift.degraded
    return Remeasured(
        run_date=run_date,
        verdicts_run_id=run,
        label_count=accuracy.label_count,
        accuracy=accuracy.accuracy,
        drift_count=0 if isinstance(drift, str) else drift.measured_count,
        degraded=(*drifted, *accuracy.degraded),
        rewritten=rewritten,
        report=report,
        notes=tuple(notes),
    )


def describe_remeasured(day: Remeasured) -> str:
    """A day in one line."""
    if not day.is_measured:
        return f"{day.run_date}: {'; '.join(day.notes)}"
    accuracy = "unknown" if day.accuracy is None else f"{day.accuracy:.1%}"
    facts = [
        f"{day.label_count} labels, accuracy {accuracy}",
        f"{day.drift_count} other measurements",
        f"degraded: {', '.join(day.degraded) or 'nothing'}",
    ]
    facts += [f"written again from the lake: {', '.join(day.rewritten)}"] if day.rewritten else []
    return f"{day.run_date}: {'; '.join([*facts, *day.notes])}" + (f"; report {day.report}" if day.report else "")
