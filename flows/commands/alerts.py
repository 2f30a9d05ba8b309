"""The commands about alerts; without Prefect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from flows.command_line import last_line_on_error, read_day, say

alerts = typer.Typer(
    name="alerts", help="What is open, and silence.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

Group = Annotated[str, typer.Argument(metavar="GROUP", help="quality, outputs, inputs, pipeline or money.")]


@alerts.callback()
def _alerts() -> None:
    """What is open, and silence."""


@alerts.command()
def status() -> None:
    """Show how every group stands: what is open since when, what is snoozed, what no channel has taken."""

    def show() -> Iterable[str]:
        from tasks.alerts.snooze_alerts import describe_groups
        from tasks.base.settings import Settings

        return describe_groups(Settings.load())

    _carry_out("status", show)


@alerts.command()
def snooze(
    group: Group,
    until: Annotated[
        date,
        typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="The first day on which messages are sent again."),
    ],
    reason: Annotated[str, typer.Option(help="Why; it stays on record.")] = "",
) -> None:
    """Keep a group silent until a day. A page that begins meanwhile is told all the same, and ends the silence."""
    _carry_out("snooze", lambda: [_snooze(group, until, reason)])


@alerts.command()
def unsnooze(group: Group) -> None:
    """Send a group's messages again from now on."""
    _carry_out("unsnooze", lambda: [_snooze(group, None, "")])


def _snooze(group: str, until: date | None, reason: str) -> str:
    from tasks.alerts.snooze_alerts import snooze_alerts
    from tasks.base.settings import Settings

    told, _ = snooze_alerts(Settings.load(), group, until, datetime.now(UTC), reason)
    return told


def _carry_out(command: str, lines: Callable[[], Iterable[str]]) -> None:
    with last_line_on_error(f"alerts {command}"):
        say("\n".join(lines()))
