"""The commands that tell others: AWS, analysts' tools, and a Prefect server."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import EXIT_USAGE, last_line_on_error, read_day, say, say_last

STACK = Path(__file__).parents[2] / "infra" / "cloudformation" / "moderation.yaml"


def stack() -> None:
    """Print the CloudFormation template: everything in AWS that nights stand on (docs/deploy.md)."""
    say(STACK.read_text(encoding="utf-8").rstrip("\n"))


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
        date | None, typer.Option(parser=read_day, metavar="YYYY-MM-DD", help="Where Athena looks for days from.")
    ] = None,
) -> None:
    """Write what analysts need, made from the data contracts; without options, print docs/tables.md."""
    from tasks.reports.catalog.document import tables_document
    from tasks.reports.catalog.write_catalog import Places, write_athena, write_contract, write_docs, write_duckdb

    with last_line_on_error("catalog"):
        wrote = [write_docs(docs)] if docs else []
        wrote += [write_contract(contract)] if contract else []
        if athena or duckdb:
            places = Places.of(output, comments, labels)
            wrote += [write_athena(athena, places, database, first_day)] if athena else []
            wrote += [write_duckdb(duckdb, places, copy=copy)] if duckdb else []
    say("\n".join(wrote) or tables_document())


def register(
    pool: Annotated[str, typer.Option(help="The work pool that the deployments run in.")] = "moderation",
    job_variables: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON of the pool's job variables: image, cpu, roles ...")
    ] = None,
) -> None:
    """Tell the Prefect server of PREFECT_API_URL about the work pool, the deployments and the automations."""
    from flows.register import register as tell
    from tasks.base.errors import WrongUsage
    from tasks.base.settings import Settings

    try:
        if "PREFECT_API_URL" not in os.environ:
            raise WrongUsage("PREFECT_API_URL is not set: which server?")
        variables = json.loads(job_variables.read_text(encoding="utf-8")) if job_variables else None
        settings = Settings.load()
        say("\n".join(tell(settings.timezone, pool, variables, settings.language)))
    except (WrongUsage, OSError, ValueError) as error:
        say_last(f"register: {error}")
        raise typer.Exit(EXIT_USAGE) from None
