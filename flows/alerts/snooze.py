"""The snooze flow: what `python -m flows alerts snooze` does, as a form in the Prefect UI."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.alerts.events import emit_alerts
from flows.endings import ended, or_refused
from flows.plain_errors import log_plainly
from tasks.alerts.snooze_alerts import describe_groups, snooze_alerts
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.reports.words.say import say_in

log_plainly()


@flow(name="snooze", flow_run_name="snooze-{group}", persist_result=False)
def snooze(
    *, group: Literal["quality", "outputs", "inputs", "pipeline", "money"], until: date | None = None, reason: str = ""
) -> Any:
    """Keep a group of alerts silent until a day; without a day, end its silence.

    A page that begins meanwhile is told all the same, and ends the silence. How all groups stand is on this run's
    Artifacts tab.

    Args:
        group: Which alerts.
        until: The first day on which messages are sent again. Empty: from now on.
        reason: Why; it stays on record.
    """
    return or_refused(lambda: _carry_out(group, until, reason))


def _carry_out(group: str, until: date | None, reason: str) -> Any:
    settings = Settings.load()
    told, move = snooze_alerts(settings, group, until, datetime.now(UTC), reason)
    emit_alerts([move] if move else [])
    page = "\n".join(f"- {literal(line)}" for line in [told, *describe_groups(settings)])
    say = say_in(settings.language)
    create_markdown_artifact(f"# {say.plain('Alerts')}\n\n{page}\n", key="alerts", description=literal(told))
    return ended(told, told)
