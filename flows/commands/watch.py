"""The commands that look how things stand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import EXIT_STOPPED, EXIT_USAGE, last_line_on_error, say, say_last


def watchdog(
    quiet: Annotated[bool, typer.Option("--quiet", help="Only look: alert nobody, remember nothing.")] = False,
) -> None:
    """Look whether the last nights are published and in order; without Prefect, for cron or a Lambda.

    Exit code 0: all well; 1: something is wrong, and the last line on stderr says what.
    """
    from tasks.base.errors import WrongUsage
    from tasks.base.safe_text import inert
    from tasks.base.settings import Settings
    from tasks.watch.watchdog import describe_watch, watch

    try:
        watched = watch(Settings.load(), datetime.now(UTC), is_quiet=quiet)
    except WrongUsage as error:
        say_last(f"watchdog: {inert(error)}")
        raise typer.Exit(EXIT_USAGE) from None
    say("\n".join(describe_watch(watched)))
    if watched.problems:
        say_last(f"watchdog: {watched.verdict}")
        raise typer.Exit(EXIT_STOPPED)


def overview(
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write it as JSON too; - prints nothing else.")
    ] = None,
) -> None:
    """Show the 28 days that end with the last day on record, from what the nights left; without a Prefect server."""
    from tasks import adapters
    from tasks.base.settings import Settings
    from tasks.reports.overview.lines import terminal_lines
    from tasks.reports.overview.read_overview import read_overview
    from tasks.reports.words.say import say_in

    with last_line_on_error("overview"):
        settings = Settings.load()
        found = read_overview(adapters.connect(settings), settings)
        text = found.model_dump_json(indent=1)
        if json is not None and str(json) != "-":
            json.write_text(text + "\n", encoding="utf-8")
    if json is not None and str(json) == "-":
        print(text, flush=True)
    else:
        say("\n".join(terminal_lines(found, say_in(settings.language))))
