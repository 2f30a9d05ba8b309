"""Stage: tell people, once, what is degraded tonight or why the night stopped.

Measuring, judging, wording (`incident_text`), remembering (`incident_memory`, by the rules of `incidents`) and sending
(the channels behind `delivery`) are apart: this module finds ids of comments that show what is degraded, and decides
which channel gets which message.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import date, datetime
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.metrics import MetricRow, State, rows_of
from data_contracts.tables.verdicts import VERDICTS, Status
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.alerts.delivery import deliver
from tasks.alerts.incident_memory import AlertMemory
from tasks.alerts.incident_text import Finding, degraded_message, reason_key, recovery_message, stopped_message
from tasks.alerts.incidents import News, Trouble
from tasks.base.errors import ModerationError
from tasks.base.panics import panics_told
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertChannel, AlertMessage, Clock, Severity
from tasks.base.settings import Settings
from tasks.base.stage import single_stage, telling_stage
from tasks.measure.detect.rules import rings
from tasks.measure.metrics_table import read_standing

#: Comment ids that an alert shows per measure.
MAX_EXAMPLES = 5
QUIET = "a quiet run: nobody was told"

_FAILED = {
    "malformed_rate": Status.MALFORMED,
    "refused_rate": Status.REFUSED,
    "error_rate": Status.ERROR,
    "missing_rate": Status.MISSING,
}


class AlertSummary(BaseModel):
    """What was told to whom; a failing channel is named with its fault, and fails nobody else."""

    model_config = ConfigDict(frozen=True)

    degraded_count: int = 0
    titles: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    note: str = ""


def showing(row: MetricRow) -> pl.Expr | None:
    """Which verdicts show the fault, or None where single comments explain nothing."""
    metric, (dimension, _, member) = row.metric, row.slice.partition("=")
    if metric in _FAILED:
        return pl.col("status") == _FAILED[metric]
    if (row.effect or 0) < 0 or member == "other":
        return None
    match metric, dimension:
        case "violation_rate", "all":
            return pl.col("violation")
        case "violation_rate", "language":
            return pl.col("violation") & (pl.col("language") == member)
        case "violation_category_share", "category":
            return pl.col("violation") & (pl.col("category") == member)
        case "language_share", "language":
            return pl.col("language") == member
        case "product_share", "product":
            return pl.col("product_id") == member
        case _:
            return None


def find_examples(rows: Sequence[MetricRow], verdicts: pl.LazyFrame) -> list[Finding]:
    """Each degraded measurement with the smallest few ids of comments that show it.

    Columns: comment_id, status, violation, category, language, product_id of `verdicts` are read.
    """
    wanted = [(row, showing(row)) for row in rows]
    queries = [
        verdicts.filter(query).select("comment_id").bottom_k(MAX_EXAMPLES, by="comment_id")
        for _, query in wanted
        if query is not None
    ]
    frames = iter(pl.collect_all(queries, engine="streaming"))
    return [Finding(row, () if query is None else tuple(sorted(next(frames)["comment_id"]))) for row, query in wanted]


class Standing(NamedTuple):
    """How the night stands: what is degraded, and which metrics were measured and are not."""

    findings: list[Finding]
    healthy: frozenset[str]

    def troubles(self, severities: Set[Severity]) -> frozenset[Trouble]:
        """What is degraded, as far as somebody wants to hear of it."""
        troubles = {Trouble.of(item.row) for item in self.findings}
        return frozenset(trouble for trouble in troubles if trouble.severity in severities)


def healthy_metrics(rows: Sequence[MetricRow]) -> frozenset[str]:
    """Metrics that have a value where they could ring, and ring nowhere."""
    could_tell = {
        row.metric
        for row in rows
        if row.state in (State.OK, State.LEARNING) and row.value is not None and rings(row.metric, row.slice)
    }
    return frozenset(could_tell - {row.metric for row in rows if row.rings})


def word(
    standing: Standing, paths: RunPaths, channel: AlertChannel, memory: AlertMemory
) -> tuple[News, AlertMessage] | None:
    """What this channel has to be told tonight, if anything.

    A channel hears of a night on which something that it wants to hear of is degraded, and then of all that is.
    """
    troubles, incident = standing.troubles(channel.severities), memory.incident(channel.name)
    news = memory.find_news(channel.name, troubles, standing.healthy)
    if news is None:
        return None
    if news is News.RECOVERY and incident is not None:
        return news, recovery_message(paths, incident)
    metrics = {trouble.metric for trouble in incident.troubles} if incident else set[str]()
    waiting = sorted(metrics - standing.healthy - {item.row.metric for item in standing.findings})
    return news, degraded_message(standing.findings, paths, news, incident, waiting)


def tell(
    standing: Standing,
    paths: RunPaths,
    channels: Sequence[AlertChannel],
    memory: AlertMemory,
    clock: Clock,
) -> AlertSummary:
    """Tell each channel what it does not know; what was delivered is on record at once."""
    troubles = {channel.name: standing.troubles(channel.severities) for channel in channels}
    words = {channel.name: word(standing, paths, channel, memory) for channel in channels}
    concerned = [channel for channel in channels if troubles[channel.name] or words[channel.name]]

    def find_message(channel: AlertChannel) -> AlertMessage | None:
        found = words[channel.name]
        if found is None:
            memory.know(channel.name, troubles[channel.name])
        return found[1] if found else None

    def note(channel: AlertChannel) -> None:
        found = words[channel.name]
        if found is not None:
            memory.note(channel.name, found[0], troubles[channel.name])

    delivery = deliver(concerned, find_message, note, clock)
    memory.look()
    titles = list(dict.fromkeys(found[1].title for found in words.values() if found))
    if standing.findings and not titles:
        titles = [degraded_message(standing.findings, paths).title]
    return AlertSummary(
        degraded_count=len(standing.findings),
        titles=tuple(titles),
        **delivery.model_dump(),
        note=_note(channels, concerned) if standing.findings else "",
    )


def _note(channels: Sequence[AlertChannel], concerned: Sequence[AlertChannel]) -> str:
    if not channels:
        return "no alert channel is configured (MODERATION_ALERT_URLS)"
    return "" if concerned else "MODERATION_ALERT_ROUTES gives alerts of this severity to nobody"


@telling_stage
@reading_lake()
def send_alerts(
    settings: Settings, run_date: date, run_id: str, now: datetime, *, is_quiet: bool = False
) -> AlertSummary:
    """Tell each channel, once, that nights begin to be degraded, that more is, every week that they are, and the end.

    A quiet night says what it found and tells nobody, now or later: a backfill of old nights is news to nobody.

    Reads: lake/metrics, lake/verdicts, state/alerts.
    Writes: the alert channels, state/alerts.
    Stops when: never; a channel that failed is named in the summary.
    """
    outside, paths = adapters.connect(settings), RunPaths(settings, run_date, run_id)
    rows = rows_of(read_standing(outside, paths))
    degraded = [row for row in rows if row.rings]
    verdicts = outside.lake.scan(paths.lake("verdicts"), VERDICTS).filter(pl.col("date") == run_date)
    findings = find_examples(degraded, verdicts) if degraded else []
    if is_quiet:
        titles = (degraded_message(findings, paths).title,) if findings else ()
        return AlertSummary(degraded_count=len(findings), titles=titles, note=QUIET if findings else "")
    standing = Standing(findings, healthy_metrics(rows))
    return tell(standing, paths, outside.alerts, AlertMemory(outside.storage, paths), outside.clock)


def _is_published(outside: Adapters, paths: RunPaths) -> bool:
    """Whether the day's verdicts are the run's own; no, if that cannot be read: the night has its reason to stop."""
    try:
        with panics_told():
            rows = outside.lake.scan(paths.lake("verdicts"), VERDICTS).filter(pl.col("date") == paths.run_date)
            return bool(rows.select((pl.col("run_id") == paths.run_id).any()).collect().item())
    except Exception:
        return False


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
) -> AlertSummary:
    """Tell why the night stopped; again only for another reason, or after `REMIND_AFTER`. It never fails.

    Reads: lake/verdicts, state/alerts.
    Writes: the alert channels, state/alerts.
    Stops when: never; it runs when another stage has stopped the night.
    """
    message = stopped_message(error_name, reason, paths := RunPaths(settings, run_date, run_id))
    if is_quiet:
        return AlertSummary(titles=(message.title,), note=QUIET)
    try:
        outside = adapters.connect(settings)
    except ModerationError as error:
        return AlertSummary(titles=(message.title,), note=f"nobody was told: {error}")
    message = stopped_message(error_name, reason, paths, is_published=_is_published(outside, paths))
    memory, key = AlertMemory(outside.storage, paths), reason_key(error_name, reason)
    concerned = [channel for channel in outside.alerts if message.severity in channel.severities]
    delivery = deliver(
        concerned,
        lambda channel: None if memory.day.knows_stop(channel.name, key, now) else message,
        lambda channel: memory.note_stop(channel.name, key, now),
        outside.clock,
    )
    return AlertSummary(titles=(message.title,), **delivery.model_dump(), note=_note(outside.alerts, concerned))
