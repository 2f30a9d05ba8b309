"""Stage: the run's summary, its copy of the ledger and, as the very last write, the day's row in `nights`.

A day is published when that row is there: whatever crashed before it is done again, and pays nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import polars as pl
from pydantic import TypeAdapter

from data_contracts.documents.balance import Balance
from data_contracts.documents.golden import GoldenNight
from data_contracts.documents.ledger import EstimateSource, LedgerEntry
from data_contracts.documents.plan import Plan
from data_contracts.documents.quality import ConfusionMatrix
from data_contracts.documents.summary import Night, RouteFigures
from data_contracts.tables.metrics import rows_of
from data_contracts.tables.routes import ROUTES
from data_contracts.tables.verdicts import NIGHTS, Status
from tasks.adapters.lake import reading_lake
from tasks.alerts.send_alerts import AlertSummary
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.batch.estimate.learnt import keep_usage
from tasks.intake.checked_frames import ValidationSummary
from tasks.ledger.entries import read_ledger
from tasks.ledger.moves import is_forgotten
from tasks.ledger.run import Run
from tasks.ledger.run_records import read_preflight
from tasks.measure.metrics_table import read_day
from tasks.reports.around import evidence_of, surroundings
from tasks.reports.report import render_report
from tasks.reports.trust import decide
from tasks.verdicts.best_answers import VerdictSummary


def night_row(night: Night, plan: Plan, now: datetime) -> pl.DataFrame:
    """The day's row of NIGHTS."""
    books = night.balance
    row = {
        "date": plan.run_date,
        "run_id": plan.run_id,
        "plan_sha256": plan.sha256,
        "ingested_count": books.ingested_count,
        "valid_count": books.valid_count,
        "rejected_count": books.rejected_count,
        "duplicate_count": night.duplicate_count,
        **{f"{status}_count": night.statuses.get(status, 0) for status in Status},
        "violation_count": night.violation_count,
        "input_tokens": books.ledger_input_tokens,
        "output_tokens": books.ledger_output_tokens,
        "estimated_cost_usd": night.estimated_cost_usd,
        "estimated_input_tokens": night.estimated_input_tokens,
        "estimated_output_tokens": night.estimated_output_tokens,
        "estimate_source": night.estimate_source,
        "canary_cost_usd": books.canary_cost_usd,
        "golden_cost_usd": books.golden_cost_usd,
        "review_count": books.review_count,
        "flip_count": books.flip_count,
        "cost_usd": books.ledger_cost_usd,
        "unattributed_cost_usd": books.unattributed_cost_usd,
        "model_id": plan.model_id,
        "prompt_version": plan.prompt_version,
        "prompt_sha256": plan.prompt_sha256,
        "published_at": now,
    }
    return pl.DataFrame([row], schema=NIGHTS.polars_schema)


def main_source(ledger: Sequence[LedgerEntry]) -> EstimateSource | None:
    """Where the estimate of most of the tokens comes from: later rounds may be estimated in another way."""
    estimated = [entry for entry in ledger if entry.estimate_source is not None]
    return max(estimated, key=lambda entry: entry.estimated_input_tokens).estimate_source if estimated else None


def count_warnings(ledger: Sequence[LedgerEntry]) -> tuple[str, ...]:
    """Where the books say more, or less, than what answers said that they used."""
    booked = [(entry.job_name, entry.usage) for entry in ledger if entry.usage is not None]
    count = sum(usage.unreported_count for _, usage in booked)
    unknown = [f"{count} answers came without token counts: what the night cost is not known"] if count else []
    lost = [
        f"{usage.lost_call_count} calls of {name} were cut off: they are booked at the most that they can have cost"
        for name, usage in booked
        if usage.lost_call_count
    ]
    forgotten = [
        f"{entry.job_name} was {entry.job_message}: {entry.record_count - entry.usage.answered_count} records have no "
        "answer of it and are booked at their estimate"
        for entry in ledger
        if is_forgotten(entry) and entry.usage is not None
    ]
    return (*unknown, *lost, *forgotten)


def expected_cost(ledger: Sequence[LedgerEntry]) -> float | None:
    """What all that was asked was expected to cost; None if the price of any of it is unknown."""
    estimates = [entry.estimated_cost_usd for entry in ledger]
    return None if None in estimates else sum(cost or 0.0 for cost in estimates)


def summarise(
    run: Run,
    ledger: Sequence[LedgerEntry],
    validation: ValidationSummary,
    verdicts: VerdictSummary,
    books: Balance,
    alerts: AlertSummary,
    seconds: dict[str, float],
) -> Night:
    """The night as it goes on record: what the stages say of it, the ledger, the day's metrics."""
    plan, checked = run.plan, read_preflight(run.storage, run.paths)
    return Night(
        run_date=plan.run_date.isoformat(),
        run_id=plan.run_id,
        plan_sha256=plan.sha256,
        model_id=plan.model_id,
        prompt=f"{plan.prompt_name}/{plan.prompt_version}",
        balance=books,
        rejected=validation.rejected_counts,
        statuses=verdicts.status_counts,
        violation_count=verdicts.violation_count,
        duplicate_count=verdicts.duplicate_count,
        estimated_cost_usd=expected_cost(ledger),
        estimated_input_tokens=sum(entry.estimated_input_tokens for entry in ledger),
        estimated_output_tokens=sum(entry.estimated_output_tokens for entry in ledger),
        estimate_source=main_source(ledger),
        cost_usd=books.ledger_cost_usd,
        warnings=(*plan.warnings, *checked.warnings, *count_warnings(ledger)),
        jobs=[entry.model_dump(mode="json", exclude={"client_request_token"}) for entry in ledger],
        metrics=rows_of(read_day(run.outside, run.paths)),
        alerts=alerts.model_dump(mode="json"),
        seconds=seconds,
        paths=_places(run),
        confusion=_confusion(run),
        golden=_read_golden(run),
        routes=_read_routes(run),
        champion=plan.champion,
    )


def _places(run: Run) -> dict[str, str]:
    """Where people find what the night has made."""
    plain = {name: run.paths.plain(name) for name in ("verdicts", "rejected", "review", "flips", "metrics")}
    return plain | {
        "lake": run.paths.lake("verdicts"),
        "run": run.paths.root,
        "report": run.paths.file("report.html"),
        "data_docs": run.paths.file("data_docs/index.html"),
    }


def _confusion(run: Run) -> list[ConfusionMatrix]:
    """The matrices of a day with labels."""
    body = run.storage.get(run.paths.file("confusion.json")) or b"[]"
    return TypeAdapter(list[ConfusionMatrix]).validate_json(body)


def _read_golden(run: Run) -> GoldenNight | None:
    """What the golden pack showed, without the single answers: they stay in its own document."""
    body = run.storage.get(run.paths.file("golden.json"))
    return GoldenNight.model_validate_json(body).model_copy(update={"answers": {}}) if body is not None else None


def _read_routes(run: Run) -> tuple[RouteFigures, ...]:
    """What each step of the policy decided, as it is published; nothing where the policy is plain."""
    if run.plan.is_plain:
        return ()
    rows = run.lake.scan(run.paths.lake(ROUTES.name), ROUTES).filter(pl.col("date") == run.plan.run_date)
    return tuple(RouteFigures.model_validate(row) for row in rows.collect().sort("step").iter_rows(named=True))


@stage
@reading_lake()
def close_night(
    settings: Settings,
    plan: Plan,
    validation: ValidationSummary,
    verdicts: VerdictSummary,
    books: Balance,
    alerts: AlertSummary,
    seconds: dict[str, float],
    now: datetime,
) -> Night:
    """Write summary, report and ledger copy, then the day's row; a rerun writes the same again.

    Reads: ledger, lake/metrics, lake/nights, lake/routes, lake/label_requests, preflight.json, confusion.json,
        golden.json, why.json, state/alerts, lease.
    Writes: ledger.json, report.html, summary.json, state/usage; last of all lake/nights.
    Stops when: another run has the day (LeaseLost).
    """
    run = Run.of(settings, plan)
    night = summarise(run, read_ledger(run.storage, run.paths), validation, verdicts, books, alerts, seconds)
    run.storage.put(run.paths.file("ledger.json"), json.dumps(night.jobs, indent=1).encode())
    row = night_row(night, plan, now)
    around = surroundings(run, row)
    night = night.model_copy(update={"trust": decide(evidence_of(run, night, around))})
    page = render_report(night, around, settings.language)
    run.storage.put(run.paths.file("report.html"), page.encode())
    run.storage.put(run.paths.file("summary.json"), night.model_dump_json(indent=1).encode())
    keep_usage(run.storage, run.paths, plan, verdicts.usage)
    note = {"run_id": plan.run_id, "run_date": night.run_date, "plan_sha256": plan.sha256}
    batches = row.to_arrow().cast(NIGHTS.arrow_schema).to_batches()
    run.lake.replace_day(run.paths.lake(NIGHTS.name), NIGHTS, plan.run_date, batches, note, run.still_ours)
    return night
