"""The command line: `python -m flows nightly --run-date 2026-11-19`, also installed as `moderation`.

Exit code 0 when the night is published, 1 when it stopped, 2 when the call or the settings are wrong; then the last
line on stderr is the reason.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

#: Read from the environment alone, so they are set before Prefect is imported. Nothing is sent to Prefect's makers; a
#: machine without PREFECT_API_URL runs its own ephemeral server, which may take a minute to start.
PREFECT_DEFAULTS = {
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
    wait_for_input: Annotated[
        bool, typer.Option("--wait-for-input", help="Wait until the day's input is still or marked as complete.")
    ] = False,
) -> None:
    """Judge one day of comments and publish a verdict for each."""
    from flows.nightly import nightly as flow

    call = partial(flow, run_date=run_date, epoch=epoch, waits_for_input=wait_for_input)
    _run("nightly", str(run_date or "yesterday"), call)


@app.command()
def backfill(
    start_date: Day,
    end_date: Day,
    reason: Annotated[str, typer.Option(help="Why this is done; it stays on record with the days.")],
    mode: Annotated[
        str, typer.Option(metavar="MODE", help="missing, failed, partial, stale_prompt, late_input or all.")
    ] = "missing",
    prompt_version: Annotated[str | None, typer.Option(metavar="vN", help="Default: the settings'.")] = None,
    model_id: Annotated[str | None, typer.Option(metavar="ID", help="Default: the settings'.")] = None,
    max_cost_usd: Annotated[
        float | None, typer.Option(metavar="USD", help="Of the whole backfill; default: its estimate and a quarter.")
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Do not ask whether the plan may be carried out.")] = False,
    accept_flips: Annotated[
        bool, typer.Option("--accept-flips", help="Publish days however many of their verdicts change.")
    ] = False,
) -> None:
    """Judge the days from --start-date to --end-date that need it, oldest first; show a plan and ask first.

    The same call again goes on where it stopped.
    """
    from flows.asking import AtTerminal, asking
    from flows.backfill import backfill as flow
    from tasks.backfill_request import MODES

    if mode not in MODES:
        raise typer.BadParameter(f"{mode!r} is none of {', '.join(MODES)}", param_hint="--mode")
    if max_cost_usd is not None and max_cost_usd <= 0:
        raise typer.BadParameter("must be more than 0", param_hint="--max-cost-usd")
    asking.set(AtTerminal())
    call = partial(
        flow,
        start_date=start_date,
        end_date=end_date,
        mode=mode,
        prompt_version=prompt_version,
        model_id=model_id,
        max_cost_usd=max_cost_usd,
        reason=reason,
        approve=approve,
        accept_flips=accept_flips,
    )
    _run("backfill", f"{start_date}..{end_date}", call)


@app.command()
def restore(
    day: Annotated[date, typer.Option("--date", parser=_day, metavar="YYYY-MM-DD", help="The day.")],
    version: Annotated[
        int | None, typer.Option(min=0, help="The version of its verdicts to bring back; without it, list them.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it stays on record with the day.")] = "",
) -> None:
    """Bring a day back as an earlier version had it; without --version, list the day's versions."""
    from tasks.describe import describe_failure
    from tasks.errors import WrongUsage
    from tasks.restore_day import describe_restore, list_versions, restore_day
    from tasks.settings import Settings

    try:
        settings, now = Settings.load(), datetime.now(UTC)
        if version is None:
            print("\n".join(list_versions(settings, day)), flush=True)
            return
        restored = restore_day(settings, day, version, reason, f"restore-{now:%Y%m%dT%H%M%S}", now)
    except Exception as error:
        _say_last(f"restore {day}: {describe_failure(error)[1]}")
        raise typer.Exit(EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_STOPPED) from None
    print(describe_restore(day, restored), flush=True)


@app.command()
def remeasure(
    start_date: Day,
    end_date: Day,
    alerts: Annotated[bool, typer.Option("--alerts", help="Tell people how the last day stands now.")] = False,
) -> None:
    """Measure published days again with the labels that have come, without judging; mend their plain objects."""
    from flows.remeasure import remeasure as flow

    call = partial(flow, start_date=start_date, end_date=end_date, alerts=alerts)
    _run("remeasure", f"{start_date}..{end_date}", call)


@app.command()
def watchdog(
    quiet: Annotated[bool, typer.Option("--quiet", help="Only look: alert nobody, remember nothing.")] = False,
) -> None:
    """Look whether the last nights are published and in order; without Prefect, for cron or a Lambda.

    Exit code 0: all well; 1: something is wrong, and the last line on stderr says what.
    """
    from tasks.errors import WrongUsage
    from tasks.inert_text import inert
    from tasks.settings import Settings
    from tasks.watchdog import describe_watch, watch

    try:
        watched = watch(Settings.load(), datetime.now(UTC), is_quiet=quiet)
    except WrongUsage as error:
        _say_last(f"watchdog: {inert(error)}")
        raise typer.Exit(EXIT_USAGE) from None
    print("\n".join(describe_watch(watched)), flush=True)
    if watched.problems:
        _say_last(f"watchdog: {watched.verdict}")
        raise typer.Exit(EXIT_STOPPED)


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


@app.command()
def catalog(
    docs: Annotated[Path | None, typer.Option(metavar="FILE", help="Write docs/tables.md.")] = None,
    athena: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write Athena's statements and Glue's inputs.")
    ] = None,
    duckdb: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a DuckDB file of views, or with .sql their statements.")
    ] = None,
    contract: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the schemas that a release promises: v1.2.3.json.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--from", metavar="ROOT", help="The output root, or a copy of it; default: the settings' own."),
    ] = None,
    comments: Annotated[str | None, typer.Option(metavar="ROOT", help="The comments' root.")] = None,
    labels: Annotated[str | None, typer.Option(metavar="ROOT", help="The labels' root.")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Store the rows in the DuckDB file, no views of them.")] = False,
    database: Annotated[str, typer.Option(help="The database in Glue.")] = "moderation",
    first_day: Annotated[
        date | None, typer.Option(parser=_day, metavar="YYYY-MM-DD", help="Where Athena looks for days from.")
    ] = None,
) -> None:
    """Write what analysts need, made from the data contracts; without options, print docs/tables.md."""
    from tasks.catalog.document import tables_document
    from tasks.catalog.write_catalog import Places, write_athena, write_contract, write_docs, write_duckdb
    from tasks.describe import describe_failure
    from tasks.errors import WrongUsage

    try:
        wrote = [write_docs(docs)] if docs else []
        wrote += [write_contract(contract)] if contract else []
        if athena or duckdb:
            places = Places.of(output, comments, labels)
            wrote += [write_athena(athena, places, database, first_day)] if athena else []
            wrote += [write_duckdb(duckdb, places, copy=copy)] if duckdb else []
    except Exception as error:
        _say_last(f"catalog: {describe_failure(error)[1]}")
        raise typer.Exit(EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_STOPPED) from None
    print("\n".join(wrote) or tables_document(), flush=True)


@app.command()
def register(
    pool: Annotated[str, typer.Option(help="The work pool that the deployments run in.")] = "moderation",
    job_variables: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON of the pool's job variables: image, cpu, roles ...")
    ] = None,
) -> None:
    """Tell the Prefect server of PREFECT_API_URL about the work pool, the deployments and the automations."""
    from flows.register import register as tell
    from tasks.errors import WrongUsage
    from tasks.settings import Settings

    try:
        if "PREFECT_API_URL" not in os.environ:
            raise WrongUsage("PREFECT_API_URL is not set: which server?")
        variables = json.loads(job_variables.read_text(encoding="utf-8")) if job_variables else None
        print("\n".join(tell(Settings.load().timezone, pool, variables)), flush=True)
    except (WrongUsage, OSError, ValueError) as error:
        _say_last(f"register: {error}")
        raise typer.Exit(EXIT_USAGE) from None


def _run(command: str, what: str, call: Any) -> None:
    from tasks.describe import describe_failure, describe_terminal
    from tasks.errors import WrongUsage
    from tasks.settings import Settings

    try:
        Settings.load()  # wrong settings are told at once, not after a server has started
        result = call()
    except typer.Exit:
        raise
    except BaseException as error:
        if (told := _cancelled(error)) is not None:
            _say_last(f"{command} {what}: Cancelled: {told}")
            raise typer.Exit(EXIT_STOPPED) from None
        if not isinstance(error, Exception):
            raise
        _say_last(f"{command} {what}: {describe_failure(error)[1]}")
        raise typer.Exit(EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_STOPPED) from None
    print(describe_terminal(result), flush=True)


class Terminated(SystemExit):
    """SIGTERM came; a command that does not catch it ends as the signal would have ended it."""


def _terminate(number: int, _frame: object) -> None:
    raise Terminated(128 + number)


def _cancelled(error: BaseException) -> str | None:
    """What was done about the jobs, if a signal ended the run; None if something else did."""
    from prefect.exceptions import TerminationSignal

    from tasks.stop_jobs import causes

    chain = list(causes(error))
    if not any(isinstance(cause, KeyboardInterrupt | TerminationSignal | Terminated) for cause in chain):
        return None
    notes = (note for cause in chain for note in getattr(cause, "__notes__", ()))
    return " ".join(notes) or "nothing was under way; run the day again"


_last_words: list[str] = []


def _say_last(line: str) -> None:
    _last_words.append(line)


def main() -> None:
    """Entry point of `moderation` and `python -m flows`."""
    # Registered before anything of Prefect, so it runs after Prefect's own exit handlers have had their say.
    atexit.register(lambda: [print(line, file=sys.stderr, flush=True) for line in _last_words])
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGTERM, _terminate)
    app()


if __name__ == "__main__":
    main()
