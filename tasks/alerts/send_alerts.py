"""Stage: tell people, once, what is degraded tonight or why the night stopped.

Measuring, judging, deciding what is news (`machine`), wording (`message`), remembering (`record`) and sending
(`sending`) are apart: this module puts together what the night knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime

import polars as pl

from data_contracts.documents.alerts import GroupName
from data_contracts.tables.metrics import MetricRow, rows_of
from data_contracts.tables.verdicts import VERDICTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.alerts.examples import find_examples
from tasks.alerts.groups.former_records import with_former_stop
from tasks.alerts.groups.machine import Look
from tasks.alerts.groups.record import GroupRecord
from tasks.alerts.message import Scene
from tasks.alerts.problems import Problem, unpublished
from tasks.alerts.standing import looks_of
from tasks.alerts.tell import Telling, tell
from tasks.alerts.versions import find_versions
from tasks.base.errors import ModerationError
from tasks.base.panics import panics_told
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertChannel, Severity
from tasks.base.settings import Settings
from tasks.base.stage import single_stage, telling_stage
from tasks.measure.metrics_table import read_standing

QUIET = "a quiet run: nobody was told"


class AlertSummary(Telling):
    """What was told to whom; a failing channel is named with its fault, and fails nobody else."""

    degraded_count: int = 0
    note: str = ""


@telling_stage
@reading_lake()
def send_alerts(
    settings: Settings, run_date: date, run_id: str, now: datetime, *, is_quiet: bool = False, run_link: str = ""
) -> AlertSummary:
    """Tell people, once, that metrics begin to be degraded, get urgent, every week that they are, and the end.

    A quiet night says what it found and tells nobody, now or later; a night before the newest one changes nothing.

    Reads: lake/metrics, lake/verdicts, lake/nights, plan.json, state/alerts/groups.
    Writes: the alert channels, state/alerts/groups.
    Stops when: never; a channel that failed is named in the summary.
    """
    outside, paths = adapters.connect(settings), RunPaths(settings, run_date, run_id)
    rows = rows_of(read_standing(outside, paths))
    degraded = [row for row in rows if row.rings]
    if is_quiet:
        return AlertSummary(degraded_count=len(degraded), note=QUIET if degraded else "")
    scene = _scene(outside, paths, rows, now, run_link)
    told = tell(outside, looks_of(rows, run_date, run_id, now), scene, f"{run_id} send_alerts")
    return AlertSummary(**dict(told), degraded_count=len(degraded), note=_note(outside.alerts, degraded))


def _scene(outside: Adapters, paths: RunPaths, rows: Sequence[MetricRow], now: datetime, run_link: str) -> Scene:
    """What the night's messages may draw on; of a night in order next to nothing is looked up."""
    degraded = [row for row in rows if row.rings]
    by_metric: dict[str, list[MetricRow]] = {}
    for row in rows:
        by_metric.setdefault(row.metric, []).append(row)
    verdicts = outside.lake.scan(paths.lake("verdicts"), VERDICTS).filter(pl.col("date") == paths.run_date)
    links = (outside.storage.web_link(paths.file("report.html")), run_link)
    return Scene(
        settings=paths.settings,
        now=now,
        night=paths.run_date,
        run_id=paths.run_id,
        rows=by_metric,
        examples=find_examples(degraded, verdicts) if degraded else {},
        versions=find_versions(outside, paths) if degraded else None,
        links=tuple(link for link in links if link.startswith("http")),
    )


def _note(channels: Sequence[AlertChannel], degraded: Sequence[MetricRow]) -> str:
    if not degraded:
        return ""
    if not channels:
        return "no alert channel is configured (MODERATION_ALERT_URLS)"
    severities = {Severity(row.severity) if row.severity else Severity.TICKET for row in degraded}
    is_wanted = any(channel.severities & severities for channel in channels)
    return "" if is_wanted else "MODERATION_ALERT_ROUTES gives alerts of this severity to nobody"


def reason_key(error_name: str, reason: str) -> str:
    """What makes two stops of a night the same."""
    return hashlib.sha256(f"{error_name}\x1f{reason}".encode()).hexdigest()[:16]


def stop_problem(paths: RunPaths, error_name: str, reason: str, now: datetime, *, is_published: bool) -> Problem:
    """That a night stopped; another reason is news. It is over when the day is published."""
    return Problem(
        key=unpublished(paths.run_date),
        kind="stop_after" if is_published else "stop",
        severity=Severity.PAGE,
        day=paths.run_date,
        facts={"error": error_name, "reason": reason, "run": paths.run_id, "stopped_at": now.isoformat()},
        mark=reason_key(error_name, reason),
    )


@single_stage
def alert_stopped_night(
    settings: Settings,
    run_date: date,
    run_id: str,
    error_name: str,
    reason: str,
    now: datetime,
    *,
    is_quiet: bool = False,
    run_link: str = "",
) -> AlertSummary:
    """Tell why the night stopped, once for each reason; it never fails.

    Reads: lake/verdicts, state/alerts/groups.
    Writes: the alert channels, state/alerts/groups.
    Stops when: never; it runs when another stage has stopped the night.
    """
    paths = RunPaths(settings, run_date, run_id)
    if is_quiet:
        return AlertSummary(note=QUIET)
    try:
        outside = adapters.connect(settings)
    except ModerationError as error:
        return AlertSummary(note=f"nobody was told: {error}")
    problem = stop_problem(paths, error_name, reason, now, is_published=_is_published(outside, paths))
    group: GroupName = "pipeline"
    look = Look((problem.as_cause(now),))
    _adopt_stop(outside, paths, problem)
    links = (run_link,) if run_link else ()
    scene = Scene(settings=settings, now=now, night=run_date, run_id=run_id, links=links)
    told = tell(outside, {group: look}, scene, f"{run_id} alert_stopped_night")
    note = "" if outside.alerts else "no alert channel is configured (MODERATION_ALERT_URLS)"
    if outside.alerts and not any(Severity.PAGE in channel.severities for channel in outside.alerts):
        note = "MODERATION_ALERT_ROUTES gives alerts of this severity to nobody"
    return AlertSummary(**dict(told), note=note)


def _adopt_stop(outside: Adapters, paths: RunPaths, problem: Problem) -> None:
    """Take over what an earlier version told of this stop, before there is a record of this version."""
    record = GroupRecord(outside.storage, paths.settings, "pipeline")
    with suppress(ModerationError):
        if record.read().etag is None:
            record.change(lambda found: with_former_stop(outside.storage, paths, problem, found.group))


def _is_published(outside: Adapters, paths: RunPaths) -> bool:
    """Whether the day's verdicts are the run's own; no, if that cannot be read: the night has its reason to stop."""
    try:
        with panics_told():
            rows = outside.lake.scan(paths.lake("verdicts"), VERDICTS).filter(pl.col("date") == paths.run_date)
            return bool(rows.select((pl.col("run_id") == paths.run_id).any()).collect().item())
    except Exception:
        return False
