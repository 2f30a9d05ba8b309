"""Stage: tell people, once, what is degraded tonight or why the night stopped.

Measuring, judging, wording (`alert_text`) and sending (the channels behind `deliver_alerts`) are apart: this module
only says which rows are news, finds ids of comments that show them, and hands the alert over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from data_contracts.metrics import State
from data_contracts.verdicts import VERDICTS, Status
from tasks import adapters
from tasks.adapters import Adapters
from tasks.alert_text import Finding, degraded_message, reason_key, stopped_message
from tasks.deliver_alerts import Delivery, deliver, load_state, save_state
from tasks.errors import ModerationError, is_transient
from tasks.metric_history import Row
from tasks.metrics_table import read_day
from tasks.paths import RunPaths
from tasks.ports import AlertMessage
from tasks.settings import Settings

#: Comment ids that an alert shows per measure.
MAX_EXAMPLES = 5

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


def degraded_rows(day: pl.DataFrame) -> list[Row]:
    """The day's degraded measurements."""
    return day.filter(pl.col("state") == State.DEGRADED).sort("metric", "slice").to_dicts()


def measure_names(rows: list[Row]) -> list[str]:
    """What the alert state remembers them by."""
    return [f"{row['metric']} {row['slice']}" for row in rows]


def showing(row: Row) -> pl.Expr | None:
    """Which verdicts show the fault, or None where single comments explain nothing."""
    metric, (dimension, _, member) = row["metric"], str(row["slice"]).partition("=")
    if metric in _FAILED:
        return pl.col("status") == _FAILED[metric]
    if (row["effect"] or 0) < 0 or member == "other":
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


def find_examples(rows: list[Row], verdicts: pl.LazyFrame) -> list[Finding]:
    """Each degraded measurement with the smallest few ids of comments that show it.

    Columns: comment_id, status, violation, category, language, product_id of `verdicts` are read.
    """
    wanted = [(row, showing(row)) for row in rows]
    queries = [
        verdicts.filter(query).select("comment_id").bottom_k(MAX_EXAMPLES, by="comment_id")
        for _, query in wanted
        if query is not None
    ]
    found = iter(pl.collect_all(queries, engine="streaming"))
    return [Finding(row, () if query is None else tuple(sorted(next(found)["comment_id"]))) for row, query in wanted]


def _send(
    outside: Adapters,
    paths: RunPaths,
    message: AlertMessage,
    stop: tuple[str, datetime] | None,
    measures: list[str],
    sleep: Callable[[float], None],
) -> Delivery:
    """Deliver to every channel that does not know yet, and put each delivery on record at once."""
    uri = paths.alert_state()
    state = load_state(outside.storage, uri)

    def is_known(channel: str) -> bool:
        return state.knows(channel, measures) if stop is None else state.knows_stop(channel, *stop)

    def note(channel: str) -> None:
        nonlocal state
        state = state.with_degraded(channel, measures) if stop is None else state.with_stop(channel, *stop)
        save_state(outside.storage, uri, state)

    return deliver(message, outside.alerts, is_known, note, sleep)


def summarise(message: AlertMessage, delivery: Delivery, degraded_count: int) -> AlertSummary:
    """The alert and its delivery in a few words."""
    told = delivery.delivered or delivery.known or delivery.failed
    return AlertSummary(
        degraded_count=degraded_count,
        titles=(message.title,),
        **delivery.model_dump(),
        note="" if told else "no alert channel is configured (MODERATION_ALERT_URLS)",
    )


@task(
    retries=2, retry_delay_seconds=[5, 30], retry_condition_fn=is_transient, persist_result=False, cache_policy=NO_CACHE
)
def send_alerts(
    settings: Settings, run_date: date, run_id: str, now: datetime, sleep: Callable[[float], None] = time.sleep
) -> AlertSummary:
    """Send one alert if anything is degraded; a rerun tells a channel only what it was not told about the day."""
    outside, paths = adapters.connect(settings), RunPaths(settings, run_date, run_id)
    rows = degraded_rows(read_day(outside, paths))
    if not rows:
        return AlertSummary()
    verdicts = outside.lake.scan(paths.lake("verdicts"), VERDICTS).filter(pl.col("date") == run_date)
    message = degraded_message(find_examples(rows, verdicts), paths)
    return summarise(message, _send(outside, paths, message, None, measure_names(rows), sleep), len(rows))


@task(persist_result=False, cache_policy=NO_CACHE)
def alert_stopped_night(
    settings: Settings,
    run_date: date,
    run_id: str,
    error_name: str,
    reason: str,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> AlertSummary:
    """Tell why the night stopped; again only for another reason, or after `REMIND_AFTER`. It never fails."""
    message = stopped_message(error_name, reason, paths := RunPaths(settings, run_date, run_id))
    stop = (reason_key(error_name, reason), now)
    try:
        outside = adapters.connect(settings)
    except ModerationError as error:
        return AlertSummary(titles=(message.title,), note=f"nobody was told: {error}")
    return summarise(message, _send(outside, paths, message, stop, [], sleep), 0)
