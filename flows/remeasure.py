"""The remeasure flow: accuracy and drift of published days again, with the labels that have come; nothing is judged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows.alerts.events import emit_alerts
from flows.endings import or_refused
from flows.plain_errors import log_plainly
from tasks.alerts.send_alerts import send_alerts
from tasks.base.errors import RemeasureIncomplete, WrongUsage, describe_failure
from tasks.base.panics import panics_told
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.past_days.remeasure_day import Remeasured, describe_remeasured, remeasure_day
from tasks.reports.words.say import say_in

log_plainly()


@flow(name="remeasure", flow_run_name="remeasure-{start_date}-{end_date}", persist_result=False)
def remeasure(start_date: date, end_date: date, alerts: bool = False) -> Any:
    """Measure published days again, without judging a comment and without a paid call.

    New labels count, limits and baselines are those of today. Plain objects that differ from the lake are written
    again. A report of each day goes to this run's folder, its address to the log.

    Args:
        start_date: The first day.
        end_date: The last day, included; yesterday at the latest.
        alerts: Off: nobody is told. On: people are told how the last day stands now.
    """
    return or_refused(lambda: _carry_out(start_date, end_date, alerts))


def _carry_out(start_date: date, end_date: date, alerts: bool) -> str:
    settings, now = Settings.load(), datetime.now(UTC)
    days, run_id = _days(start_date, end_date, settings, now), f"remeasure-{now:%Y%m%dT%H%M%S}-{str(flow_run.id)[:8]}"
    lines, stopped, measured = list[str](), dict[date, str](), list[Remeasured]()
    for day in days:
        try:
            with panics_told(f"measuring {day}"):
                measured.append(remeasure_day(settings, day, run_id, datetime.now(UTC)))
            lines.append(describe_remeasured(measured[-1]))
        except Exception as error:
            stopped[day] = describe_failure(error)[1]
            lines.append(f"{day}: stopped: {stopped[day]}")
        get_run_logger().info(lines[-1])
    last = next((day for day in reversed(measured) if day.is_measured), None)
    if alerts and last is not None:
        emit_alerts(send_alerts(settings, last.run_date, run_id, datetime.now(UTC)).transitions)
    say = say_in(settings.language)
    create_markdown_artifact(
        "\n".join(f"- {literal(line)}" for line in lines),
        key="remeasure",
        description=say.plain("Days measured again"),
    )
    if stopped:
        first, reason = next(iter(stopped.items()))
        raise RemeasureIncomplete(f"{len(stopped)} of {len(days)} days stopped, the first is {first}: {reason}")
    return "\n".join(lines)


def _days(start_date: date, end_date: date, settings: Settings, now: datetime) -> list[date]:
    """Every day of the range, oldest first.

    Raises:
        WrongUsage: if the range is reversed, too long or not over yet.
    """
    yesterday = now.astimezone(settings.zone).date() - timedelta(days=1)
    count = (end_date - start_date).days + 1
    if count < 1:
        raise WrongUsage(f"end_date {end_date} lies before start_date {start_date}")
    if end_date > yesterday:
        raise WrongUsage(f"end_date {end_date} is not over yet; the last day that is complete is {yesterday}")
    if count > settings.backfill_max_days:
        raise WrongUsage(f"{count} days are more than MODERATION_BACKFILL_MAX_DAYS={settings.backfill_max_days}")
    return [start_date + timedelta(days=number) for number in range(count)]
