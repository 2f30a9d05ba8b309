"""The commands about days that were judged."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated

import typer

from flows.command_line import Day, last_line_on_error, read_day, run_flow, say


def restore(
    day: Annotated[date, typer.Option("--date", parser=read_day, metavar="YYYY-MM-DD", help="The day.")],
    version: Annotated[
        int | None, typer.Option(min=0, help="The version of its verdicts to bring back; without it, list them.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it stays on record with the day.")] = "",
) -> None:
    """Bring a day back as an earlier version had it; without --version, list the day's versions."""
    from tasks.base.settings import Settings
    from tasks.past_days.restore_day import describe_restore, list_versions, restore_day

    with last_line_on_error(f"restore {day}"):
        settings, now = Settings.load(), datetime.now(UTC)
        if version is None:
            say("\n".join(list_versions(settings, day)))
            return
        restored = restore_day(settings, day, version, reason, f"restore-{now:%Y%m%dT%H%M%S}", now)
    say(describe_restore(day, restored))


def remeasure(
    start_date: Day,
    end_date: Day,
    alerts: Annotated[bool, typer.Option("--alerts", help="Tell people how the last day stands now.")] = False,
) -> None:
    """Measure published days again with the labels that have come, without judging; mend their plain objects."""
    from flows.remeasure import remeasure as flow

    call = partial(flow, start_date=start_date, end_date=end_date, alerts=alerts)
    run_flow("remeasure", f"{start_date}..{end_date}", call)


def link(
    day: Annotated[date, typer.Option("--date", parser=read_day, metavar="YYYY-MM-DD", help="The published day.")],
    minutes: Annotated[int, typer.Option(min=1, max=720, help="How long the links work.")] = 60,
) -> None:
    """Print links by which anybody can open the day's report and checks, until they run out.

    They end sooner where the credentials that sign them do: those of a role live an hour or so.
    """
    from tasks.base.settings import Settings
    from tasks.reports.links import report_links

    with last_line_on_error(f"link {day}"):
        lines = report_links(Settings.load(), day, minutes)
    say("\n".join(lines))


def compact() -> None:
    """Make lake/metrics small again, once a year or so: one file a day, few checkpoints; no row and no version goes."""
    from tasks.base.settings import Settings
    from tasks.watch.upkeep import compact_metrics

    with last_line_on_error("compact"):
        line = compact_metrics(Settings.load(), datetime.now(UTC))
    say(line)
