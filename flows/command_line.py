"""What all commands share: how a day is written, how a flow is run, the exit codes and the last words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any

import typer

from tasks.base.safe_text import inert, visible

EXIT_STOPPED, EXIT_USAGE = 1, 2

#: What is said on stderr once everything else has been.
last_words: list[str] = []


def read_day(text: str) -> date:
    """A day as people write it; typer tells what is wrong with any other text."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date; write it as 2026-11-19") from None


Day = Annotated[date, typer.Option(parser=read_day, metavar="YYYY-MM-DD")]


def say(text: str) -> None:
    """Print lines, without what a terminal would obey: ids and reasons come from outside."""
    print(visible(text), flush=True)


def say_last(line: str) -> None:
    """Say a line when the process ends, after whatever Prefect has to say then."""
    last_words.append(inert(line))


@contextmanager
def last_line_on_error(command: str) -> Iterator[None]:
    """Around the work of a command without Prefect: an error, a panic too, becomes its last line and its exit code.

    Bad rows of files, and the reasons against a promotion, come before that line, each on one of its own.
    """
    from tasks.base.errors import BadRows, NotPromoted, WrongUsage, describe_failure
    from tasks.base.panics import panics_told

    try:
        with panics_told():
            yield
    except Exception as error:
        if isinstance(error, BadRows | NotPromoted):
            lines = error.faults if isinstance(error, BadRows) else error.reasons
            print(visible("\n".join(lines)), file=sys.stderr, flush=True)
        say_last(f"{command}: {describe_failure(error)[1]}")
        raise typer.Exit(EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_STOPPED) from None


def run_flow(command: str, what: str, call: Any) -> None:
    """Call a flow and print what it amounts to.

    How it stopped is the exit code and the last line on stderr; the line before that says what to do.
    """
    from tasks.base.errors import SettingsInvalid
    from tasks.base.panics import panics_told
    from tasks.base.settings import Settings

    try:
        Settings.load()  # wrong settings are told at once, before Prefect is imported or a server started
    except SettingsInvalid as error:
        raise _stop(command, what, error) from None
    try:
        with panics_told():
            result = call()
        from flows.endings import Refusal

        if isinstance(result, Refusal):  # it ended well for Prefect, whose page says why; here it is an exit code
            raise result.error
    except typer.Exit:
        raise
    except BaseException as error:
        if (cancelled := _cancelled(error)) is not None:
            say_last(f"{command} {what}: Cancelled: {cancelled}")
            raise typer.Exit(EXIT_STOPPED) from None
        if not isinstance(error, Exception):
            raise
        raise _stop(command, what, error) from None
    from tasks.reports.night_summary import describe_terminal

    say(describe_terminal(result))


def _stop(command: str, what: str, error: Exception) -> typer.Exit:
    """Say what to do, then how it stopped; the exit that follows."""
    from tasks.base.advice import find_advice, runbook_place
    from tasks.base.errors import WrongUsage, describe_failure

    name, reason = describe_failure(error)
    say_last(f"{name}: {find_advice(name)} ({runbook_place(name)})")
    say_last(f"{command} {what}: {reason}")
    return typer.Exit(EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_STOPPED)


class Terminated(SystemExit):
    """SIGTERM came; a command that does not catch it ends as the signal would have ended it."""


def terminate(number: int, _frame: object) -> None:
    """End as a signal asks, through every `finally` on the way."""
    raise Terminated(128 + number)


def _cancelled(error: BaseException) -> str | None:
    """What was done about the jobs, if a signal ended the run; None if something else did."""
    from prefect.exceptions import TerminationSignal

    from tasks.jobs.stop_jobs import causes

    chain = list(causes(error))
    if not any(isinstance(cause, KeyboardInterrupt | TerminationSignal | Terminated) for cause in chain):
        return None
    notes = (note for cause in chain for note in getattr(cause, "__notes__", ()))
    return " ".join(notes) or "nothing was under way; run the day again"
