"""The command that looks whether all is well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.command_line import EXIT_STOPPED, EXIT_USAGE, say, say_last


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
