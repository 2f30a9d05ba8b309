"""The commands that judge days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated

import typer

from flows.command_line import Day, read_day, run_flow


def nightly(
    run_date: Annotated[
        date | None,
        typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="The local day to judge; default: yesterday."),
    ] = None,
    epoch: Annotated[int, typer.Option(min=0, help="A higher number judges, and pays for, the day again.")] = 0,
    wait_for_input: Annotated[
        bool, typer.Option("--wait-for-input", help="Wait until the day's input is still or marked as complete.")
    ] = False,
) -> None:
    """Judge one day of comments and publish a verdict for each."""

    def call() -> object:
        from flows.night import check_is_over
        from tasks.base.settings import Settings

        if run_date is not None:  # told at once, not after a server has started
            check_is_over(Settings.load(), run_date, datetime.now(UTC))
        from flows.nightly import nightly as flow

        return flow(run_date=run_date, epoch=epoch, waits_for_input=wait_for_input)

    run_flow("nightly", str(run_date or "yesterday"), call)


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
    from flows.approval import MAX_BUDGET_USD, AtTerminal, asking
    from flows.backfill import backfill as flow
    from tasks.past_days.backfill.request import MODES

    if mode not in MODES:
        raise typer.BadParameter(f"{mode!r} is none of {', '.join(MODES)}", param_hint="--mode")
    if max_cost_usd is not None and not 0 < max_cost_usd <= MAX_BUDGET_USD:
        raise typer.BadParameter(f"must be more than 0 and at most {MAX_BUDGET_USD:,.0f}", param_hint="--max-cost-usd")
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
    run_flow("backfill", f"{start_date}..{end_date}", call)
