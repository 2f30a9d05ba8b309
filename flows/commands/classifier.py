"""The commands that train the classifier and show what is proved of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.command_line import last_line_on_error, say

classifier = typer.Typer(
    name="classifier", help="Train the classifier that a policy may ask.", no_args_is_help=True, add_completion=False,
    rich_markup_mode=None,
)  # fmt: skip


@classifier.callback()
def _classifier() -> None:
    """Train the classifier that a policy may ask, or show what is proved of it."""


@classifier.command()
def train(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days, up to yesterday, it learns from.")] = 28,
) -> None:
    """Train it on labels first and verdicts with less weight, and keep the version with what the labels prove."""
    with last_line_on_error("classifier train"):
        from tasks.base.settings import Settings
        from tasks.evaluate.classifier.recalibrate import describe_version, recalibrate

        lines = describe_version(recalibrate(Settings.load(), days, datetime.now(UTC)))
    say("\n".join(lines))


@classifier.command()
def show() -> None:
    """Show the newest version: what it learnt from, from where it clears, and what that may lose."""
    with last_line_on_error("classifier show"):
        from tasks.base.settings import Settings
        from tasks.evaluate.classifier.recalibrate import show_newest

        lines = show_newest(Settings.load())
    say("\n".join(lines))
