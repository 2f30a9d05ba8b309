"""The commands about what is written: the prompts, and a person's comments."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from flows.command_line import EXIT_STOPPED, EXIT_USAGE, last_line_on_error, read_day, say, say_last


def prompts(
    diff: Annotated[
        tuple[str, str] | None, typer.Option(metavar="V1 V2", help="Show what changed between two versions.")
    ] = None,
    freeze: Annotated[bool, typer.Option("--freeze", help="Add new versions to the catalog's hash file.")] = False,
) -> None:
    """List the prompt versions: hash, parameters, tokens, dollars, where each was used."""
    from prompts import PromptFileError
    from prompts.freeze import freeze as add_new
    from tasks.base.errors import WrongUsage
    from tasks.reports.prompt_list import diff_prompts, list_prompts

    try:
        if freeze:
            say("\n".join(f"frozen: {name} {sha256}" for name, sha256 in add_new().items()) or "nothing is new")
        else:
            say(diff_prompts(*diff) if diff else list_prompts())
    except (PromptFileError, WrongUsage) as error:
        say_last(f"prompts: {error}")
        raise typer.Exit(EXIT_USAGE) from None


def erase(
    comment_id: Annotated[str, typer.Option(metavar="ID", help="The comment to erase.")],
    day: Annotated[
        date | None,
        typer.Option("--date", parser=read_day, metavar="YYYY-MM-DD", help="Its day, if other days have the same id."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, only show what would be done.")] = False,
) -> None:
    """Remove one comment from every table, history and batch file, and prove it; the exit code is 1 if that fails."""
    from tasks.base.settings import Settings
    from tasks.past_days.erasure.erase_comment import erase_comment

    with last_line_on_error(f"erase {comment_id}"):
        erasure = erase_comment(Settings.load(), comment_id, day, datetime.now(UTC), yes)
    say("\n".join(erasure.lines))
    if not erasure.is_good:
        say_last(f"erase {comment_id}: not done, or not proven: see above")
        raise typer.Exit(EXIT_STOPPED)
