"""The commands about Bedrock's jobs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from flows.command_line import last_line_on_error, read_day

jobs = typer.Typer(
    name="jobs", help="Bedrock's jobs of a day.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


@jobs.callback()
def _jobs() -> None:
    """Bedrock's jobs of a day."""


@jobs.command()
def forget(
    day: Annotated[date, typer.Option("--date", parser=read_day, metavar="YYYY-MM-DD", help="The day.")],
    job: Annotated[str, typer.Option(metavar="NAME", help="The job's name in the ledger, or its ARN.")],
    reason: Annotated[str, typer.Option(help="Why it is given up; it stays on record with the job.")],
) -> None:
    """Close a job that Bedrock has lost for good, so that its day can be published; its records are asked again."""
    from tasks.base.safe_text import inert
    from tasks.base.settings import Settings
    from tasks.jobs.forget_job import describe_forgotten, forget_job

    with last_line_on_error(f"jobs forget {day}"):
        now = datetime.now(UTC)
        done = forget_job(Settings.load(), day, job, reason, f"forget-{now:%Y%m%dT%H%M%S}", now)
    print("\n".join(inert(line) for line in describe_forgotten(done)), flush=True)
