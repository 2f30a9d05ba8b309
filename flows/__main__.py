"""The command line: `python -m flows nightly --run-date 2026-11-19`, also installed as `moderation`.

Exit code 0 when the night is published, 1 when it stopped, 2 when the call or the settings are wrong; then the last
line on stderr is the reason.
"""

from __future__ import annotations

import atexit
import os
import sys
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

#: Read from the environment alone, so they are set before Prefect is imported. Nothing is sent to Prefect's makers; a
#: machine without PREFECT_API_URL runs its own ephemeral server, which may take a minute to start.
_PREFECT_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "GX_ANALYTICS_ENABLED": "false",
}

EXIT_STOPPED, EXIT_USAGE = 1, 2

app = typer.Typer(
    name="moderation",
    help="Judges e-commerce comments every night with Amazon Bedrock batch inference.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date; write it as 2026-11-19") from None


Day = Annotated[date, typer.Option(parser=_day, metavar="YYYY-MM-DD")]


@app.command()
def nightly(
    run_date: Annotated[
        date | None,
        typer.Option(parser=_day, metavar="YYYY-MM-DD", help="The local day to judge; default: yesterday."),
    ] = None,
    epoch: Annotated[int, typer.Option(min=0, help="A higher number judges, and pays for, the day again.")] = 0,
) -> None:
    """Judge one day of comments and publish a verdict for each."""
    from flows.nightly import nightly as flow

    _run("nightly", str(run_date or "yesterday"), lambda: flow(run_date=run_date, epoch=epoch))


@app.command()
def backfill(start_date: Day, end_date: Day) -> None:
    """Run the nightly for each day from --start-date to --end-date, oldest first."""
    from flows.backfill import backfill as flow

    _run("backfill", f"{start_date}..{end_date}", lambda: flow(start_date=start_date, end_date=end_date))


@app.command()
def prompts(
    diff: Annotated[
        tuple[str, str] | None, typer.Option(metavar="V1 V2", help="Show what changed between two versions.")
    ] = None,
    freeze: Annotated[bool, typer.Option("--freeze", help="Add new versions to the catalog's hash file.")] = False,
) -> None:
    """List the prompt versions: hash, parameters, tokens, dollars, where each was used."""
    from prompts import PromptFileError
    from prompts.freeze import freeze as add_new
    from tasks.describe_prompts import diff_prompts, list_prompts
    from tasks.errors import WrongUsage

    try:
        if freeze:
            print("\n".join(f"frozen: {name} {sha256}" for name, sha256 in add_new().items()) or "nothing is new")
        else:
            print(diff_prompts(*diff) if diff else list_prompts())
    except (PromptFileError, WrongUsage) as error:
        _say_last(f"prompts: {error}")
        raise typer.Exit(EXIT_USAGE) from None


@app.command()
def erase(
    comment_id: Annotated[str, typer.Option(metavar="ID", help="The comment to erase.")],
    day: Annotated[
        date | None,
        typer.Option("--date", parser=_day, metavar="YYYY-MM-DD", help="Its day, if other days have the same id."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, only show what would be done.")] = False,
) -> None:
    """Remove one comment from every table, history and batch file, and prove it; the exit code is 1 if that fails."""
    from tasks.describe import describe_failure
    from tasks.erase_comment import erase_comment
    from tasks.errors import WrongUsage
    from tasks.settings import Settings

    try:
        erasure = erase_comment(Settings.load(), comment_id, day, datetime.now(UTC), yes)
    except Exception as error:
        _say_last(f"erase {comment_id}: {describe_failure(error)[1]}")
        raise typer.Exit(EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_STOPPED) from None
    print("\n".join(erasure.lines), flush=True)
    if not erasure.is_good:
        _say_last(f"erase {comment_id}: not done, or not proven: see above")
        raise typer.Exit(EXIT_STOPPED)


def _run(command: str, what: str, call: Any) -> None:
    from tasks.describe import describe_failure, describe_terminal
    from tasks.errors import WrongUsage
    from tasks.settings import Settings

    try:
        Settings.load()  # wrong settings are told at once, not after a server has started
        result = call()
    except (KeyboardInterrupt, SystemExit):
        raise
    except Exception as error:
        _say_last(f"{command} {what}: {describe_failure(error)[1]}")
        raise typer.Exit(EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_STOPPED) from None
    print(describe_terminal(result), flush=True)


_last_words: list[str] = []


def _say_last(line: str) -> None:
    _last_words.append(line)


def main() -> None:
    """Entry point of `moderation` and `python -m flows`."""
    # Registered before anything of Prefect, so it runs after Prefect's own exit handlers have had their say.
    atexit.register(lambda: [print(line, file=sys.stderr, flush=True) for line in _last_words])
    for name, value in _PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    app()


if __name__ == "__main__":
    main()
