"""Reads what stands around a night when it is closed: the nights before, announced days, open alerts."""

from __future__ import annotations

import polars as pl
from pydantic import ValidationError

from data_contracts.documents.quality import QualityFigure, QualityReport
from data_contracts.documents.summary import Night
from data_contracts.documents.why import Why
from data_contracts.tables.metrics import rows_of
from data_contracts.tables.verdicts import Status
from tasks.ledger.run import Run
from tasks.measure.metrics_table import read_standing
from tasks.reports.charts.series import Span
from tasks.reports.ending import OPEN
from tasks.reports.open_alerts import read_open_alerts
from tasks.reports.report import Surroundings
from tasks.reports.trail import read_trail
from tasks.reports.trust import Evidence


def surroundings(run: Run, row: pl.DataFrame) -> Surroundings:
    """What the report of a run shows beside its own night.

    Args:
        run: the night's run.
        row: the night's row of `nights`, which is not written yet.
    """
    settings = run.paths.settings
    standing = tuple(rows_of(read_standing(run.outside, run.paths)))
    return Surroundings(
        trail=read_trail(run.outside, settings, run.paths.run_date, row.to_dicts()),
        standing=standing,
        figures=read_quality(run),
        events=tuple(Span(event.first, event.last, event.name) for event in settings.announced.event),
        alerts=read_open_alerts(run.storage, settings),
        why=read_why(run),
    )


def read_quality(run: Run) -> tuple[QualityFigure, ...]:
    """Quality over several nights, as the run's measuring stage left it; none if it left nothing that can be read."""
    try:
        return QualityReport.model_validate_json(run.storage.get(run.paths.file("quality.json")) or b"").figures
    except ValidationError:
        return ()


def read_why(run: Run) -> Why | None:
    """Why the violation rate changed, as the run's measuring stage left it; None if it left none that can be read."""
    try:
        return Why.model_validate_json(run.storage.get(run.paths.file("why.json")) or b"")
    except ValidationError:
        return None


def evidence_of(run: Run, night: Night, around: Surroundings) -> Evidence:
    """What the answer to "can its verdicts be trusted?" rests on."""
    return Evidence(
        run_date=run.paths.run_date,
        valid_count=night.balance.valid_count,
        verdict_count=night.balance.verdict_count,
        judged_count=night.statuses.get(Status.JUDGED, 0),
        open_count=sum(night.statuses.get(status, 0) for status in OPEN),
        most_failed=run.paths.settings.thresholds.max_failed_fraction,
        rows=around.standing or (),
        changes=around.trail.changes() if around.trail else (),
        open_groups=frozenset(alert.group for alert in around.alerts),
    )
