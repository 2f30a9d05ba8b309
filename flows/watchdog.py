"""The watchdog as a flow: what `python -m flows watchdog` does without Prefect, on the server's schedule and page."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact

from flows.alerts.events import emit_alerts
from flows.pages.standing import show_overview, show_standing
from flows.plain_errors import log_plainly
from tasks.base.errors import SomethingWrong
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.reports.words.say import say_in
from tasks.watch.watchdog import describe_watch, watch

log_plainly()


@flow(name="watchdog", persist_result=False)
def watchdog(is_quiet: bool = False) -> str:
    """Look whether the last nights are published and in order, and whether Bedrock's jobs have owners.

    Fails, with what is wrong as its message, when something is; people are told once and when it is over.

    Args:
        is_quiet: Only look: alert nobody, remember nothing.
    """
    settings, now = Settings.load(), datetime.now(UTC)
    watched = watch(settings, now, is_quiet=is_quiet)
    emit_alerts(watched.telling.transitions)
    lines = list(describe_watch(watched))
    for line in lines:
        get_run_logger().info(line)
    say = say_in(settings.language)
    title = say.plain("Watchdog: {count} wrong", count=len(watched.problems))
    create_markdown_artifact(
        f"# {title}\n\n" + "\n".join(f"- {literal(line)}" for line in lines),
        key="watchdog",
        description=say.plain("What the watchdog saw last"),
    )
    show_overview(settings)
    show_standing(settings)
    if watched.problems:
        raise SomethingWrong(watched.verdict)
    return watched.verdict
