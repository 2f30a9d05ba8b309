"""The page `days` of the Prefect UI: how the last days stand, one row a day, in Markdown.

What may be clicked leads to S3's console, where the reader's own permissions count.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.documents.stopped import Stop
from data_contracts.tables.metrics import METRICS, MetricRow, State, rows_of
from data_contracts.tables.verdicts import NIGHTS, Status
from tasks.adapters import Adapters
from tasks.base.errors import ModerationError
from tasks.base.figures import dollars, moment, percent
from tasks.base.paths import DayPaths, RunPaths, lake
from tasks.base.safe_text import brief, code, literal
from tasks.base.settings import Settings
from tasks.ledger.lease import FREE_AFTER_S, Holder
from tasks.measure.metric_history import latest_rows
from tasks.reports.ending import describe_end
from tasks.reports.report_parts import headline_accuracy

#: Days that the page shows, and those among them whose runs are looked at if they are not published.
DAYS, _LOOKED_AT = 28, 7
_READERS = 8
_HEADINGS = ("day", "state", "verdicts", "without", "accuracy", "cost", "alerts", "open")


class _Summary(BaseModel):
    """What the page takes from summary.json."""

    model_config = ConfigDict(frozen=True)

    alerts: dict[str, Any] = {}


def describe_days(outside: Adapters, settings: Settings, now: datetime) -> str:
    """The page, the newest day first."""
    last = now.astimezone(settings.zone).date() - timedelta(days=1)
    days = [last - timedelta(days=back) for back in range(DAYS)]
    is_shown = pl.col("date").is_between(days[-1], days[0])
    nights = outside.lake.scan(lake(settings, NIGHTS.name), NIGHTS).filter(is_shown).collect().to_dicts()
    metrics = latest_rows(outside.lake.scan(lake(settings, METRICS.name), METRICS).filter(is_shown)).collect()
    published = {night["date"]: night for night in nights}
    measured: dict[date, list[MetricRow]] = {day: [] for day in days}
    for row in rows_of(metrics):
        measured[row.date].append(row)

    def look(day: date) -> tuple[str, ...]:
        if (night := published.get(day)) is not None:
            return _published(outside, settings, night, measured[day])
        state = _unpublished(outside, DayPaths(settings, day)) if day in days[:_LOOKED_AT] else "not published"
        return (str(day), literal(state), *[""] * (len(_HEADINGS) - 2))

    with ThreadPoolExecutor(_READERS) as readers:
        lines = [f"| {' | '.join(cells)} |" for cells in readers.map(look, days)]
    head = [f"| {' | '.join(_HEADINGS)} |", f"|{'---|' * len(_HEADINGS)}"]
    return "\n".join([f"# The last {DAYS} days", "", f"As of {moment(now, settings.zone)}.", "", *head, *lines, ""])


def _published(
    outside: Adapters, settings: Settings, night: Mapping[str, Any], rows: list[MetricRow]
) -> tuple[str, ...]:
    statuses = {str(status): night[f"{status}_count"] for status in Status}
    count = sum(statuses.values())
    end = describe_end([row for row in rows if row.state is State.DEGRADED], statuses, count)
    accuracy, _ = headline_accuracy(rows)
    paths = RunPaths(settings, night["date"], night["run_id"])
    links = {"report": paths.file("report.html"), "checks": paths.file("data_docs/index.html")}
    links |= {"review": paths.plain("review")} if end.lacking else {}
    return (
        str(night["date"]),
        f"**{end.ending}**" if end.ending else "published",
        f"{count:,}",
        f"{end.lacking:,}",
        percent(accuracy.value) if accuracy else "no labels",
        dollars(night["cost_usd"]),
        literal(brief("; ".join(_alerts(outside, paths)) or "none", 200)),
        ", ".join(f"[{name}]({outside.storage.web_link(uri)})" for name, uri in links.items()),
    )


def _alerts(outside: Adapters, paths: RunPaths) -> tuple[str, ...]:
    try:
        summary = _Summary.model_validate_json(outside.storage.get(paths.file("summary.json")) or b"{}")
    except (ModerationError, ValidationError):
        return ("unknown",)
    return tuple(map(str, summary.alerts.get("titles", ())))


def _unpublished(outside: Adapters, paths: DayPaths) -> str:
    """What is known of a day that is not published: a run works on it, one stopped, or none was there."""
    lease = outside.storage.get_versioned(paths.lease)
    if lease is not None:
        holder = Holder.model_validate_json(lease.body)
        if not holder.is_released and lease.age_s <= FREE_AFTER_S:
            return "running"
    stops = [item for item in outside.storage.list(paths.runs) if item.uri.endswith("/stopped.json")]
    if not stops:
        return "not published"
    body = outside.storage.get(max(stops, key=lambda item: item.modified_at).uri)
    return f"stopped: {Stop.model_validate_json(body).name}" if body else "not published"


def describe_settings(settings: Settings) -> str:
    """The settings in force where this run runs, secrets left out."""
    shown = settings.public()
    rows = [f"| {code(name)} | {literal(brief(value, 200))} |" for name, value in sorted(shown.items())]
    return "\n".join(
        ["# Settings in force", "", "Secrets are left out.", "", "| setting | value |", "|---|---|", *rows]
    )
