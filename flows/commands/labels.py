"""The commands about what people say of the comments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import last_line_on_error, read_day, say

labels = typer.Typer(
    name="labels", help="What people say of the comments.", no_args_is_help=True, add_completion=False,
    rich_markup_mode=None,
)  # fmt: skip


@labels.callback()
def _labels() -> None:
    """What people say of the comments: hand them out, take them in, see how far they are."""


def _run(command: str, call: Callable[[], Sequence[str]]) -> None:
    """Print what a call has to say, or end with its error as one line."""
    with last_line_on_error(f"labels {command}"):
        lines = call()
    say("\n".join(lines))


@labels.command()
def export(
    day: Annotated[date, typer.Option("--date", parser=read_day, metavar="YYYY-MM-DD", help="The comments' day.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where to; its name ends as the format's does.")],
    rater: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who is to label them: nothing that NAME has answered already.")
    ] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="csv, jsonl, parquet or label-studio.")] = "csv",
) -> None:
    """Write the comments of a day that labels are asked for into a file for a rater; nothing is reserved."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.labels.exchange.export_labels import describe_export, export_labels

        return describe_export(export_labels(Settings.load(), day, rater, form, output), day, rater)

    _run(f"export {day}", call)


@labels.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files that raters have filled in.")],
) -> None:
    """Take raters' answers in: all of the files, or with a single bad row nothing; the same file twice is once."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.labels.exchange.import_labels import describe_import, import_labels

        return describe_import(import_labels(Settings.load(), files, datetime.now(UTC)))

    _run("import", call)


@labels.command()
def status(
    days: Annotated[int, typer.Option(min=1, help="How many days, up to the last one on record.")] = 28,
) -> None:
    """Say of each day how many labels were asked for, have come, are open, and how far the raters agree."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.labels.progress.show_status import describe_status, label_status

        return describe_status(label_status(Settings.load(), days))

    _run("status", call)


@labels.command()
def review(
    rater: Annotated[str, typer.Option(metavar="NAME", help="Who answers: the labels bear this name.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of 127.0.0.1; 0: any that is free.")] = 0,
    day: Annotated[
        date | None,
        typer.Option("--date", parser=read_day, metavar="YYYY-MM-DD", help="Only comments of this day."),
    ] = None,
    settle: Annotated[bool, typer.Option("--settle", help="Begin with what two raters disagree on.")] = False,
    break_after: Annotated[int, typer.Option(min=0, help="Answers until the page asks for a break; 0: never.")] = 50,
) -> None:
    """Show a rater one comment a screen, in a browser on this machine, and keep each answer; Ctrl-C ends it."""

    def call() -> Sequence[str]:
        from tasks.base.settings import Settings
        from tasks.labels.reviewer.serve_page import ReviewCall, describe_progress, serve_page

        wanted = ReviewCall(rater, day, port, break_after, settle)
        page = serve_page(Settings.load(), wanted, lambda: datetime.now(UTC), say)
        say(describe_progress(page.progress(), rater))
        say(f"Open this link in a browser on this machine; it works once:\n  {page.server.link}\nCtrl-C ends the page.")
        with suppress(KeyboardInterrupt):
            page.server.run()
        return [describe_progress(page.progress(), rater)]

    _run("review", call)
