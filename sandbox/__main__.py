"""The sandbox's command line: ``python -m sandbox serve``."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="A local S3 and a local Amazon Bedrock that stand in for AWS.", no_args_is_help=True, add_completion=False
)


@app.callback()
def main() -> None:
    """A local S3 and a local Amazon Bedrock that stand in for AWS."""


@app.command()
def serve(
    s3_port: Annotated[int, typer.Option(help="Port of S3; 0 takes a free one.")] = 0,
    bedrock_port: Annotated[int, typer.Option(help="Port of Bedrock; 0 takes a free one.")] = 0,
    data: Annotated[Path | None, typer.Option(help="Folder that the buckets are loaded from and saved to.")] = None,
    fault: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Something to go wrong.")] = None,
    seed: Annotated[int, typer.Option(help="Which records and calls the faults pick.")] = 0,
    job_seconds: Annotated[float, typer.Option(help="How long a batch job takes, if its records allow.")] = 1.0,
    cache: Annotated[Path, typer.Option(help="Folder that the trained stand-in is kept in.")] = Path(".sandbox"),
) -> None:
    """Serve S3 and Bedrock on 127.0.0.1 until interrupted, and print the environment that uses them.

    Only export lines are printed, once all is ready: eval "$(...)" or source them.
    """
    # Imported here, for --help to be quick.
    from sandbox.bedrock.faults import UnknownFault
    from sandbox.serve import CannotServe
    from sandbox.serve import serve as run

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        run(
            s3_port=s3_port,
            bedrock_port=bedrock_port,
            data=data,
            faults=fault or [],
            seed=seed,
            job_seconds=job_seconds,
            cache_dir=cache,
        )
    except (CannotServe, UnknownFault) as error:
        typer.echo(f"sandbox: {error}", err=True)
        raise typer.Exit(2) from None


@app.command()
def faults() -> None:
    """List everything that can be made to go wrong, as a Markdown table."""
    from sandbox.bedrock.faults import markdown_table

    typer.echo(markdown_table())


@app.command()
def night(folder: Annotated[Path, typer.Option(help="Folder that the outputs are saved in.")] = Path("night")) -> None:
    """Play a month of sample days, the last of them as a night through Prefect, and say what to open."""
    from sandbox.month import play

    raise typer.Exit(play(folder))


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Port of the Prefect server and its UI.")] = 4200,
    s3_port: Annotated[int, typer.Option(help="Port of the sandbox's S3; 0 takes a free one.")] = 0,
    bedrock_port: Annotated[int, typer.Option(help="Port of the sandbox's Bedrock; 0 takes a free one.")] = 0,
    home: Annotated[Path, typer.Option(help="Prefect's folder: database and logs.")] = Path(".prefect"),
    data: Annotated[Path, typer.Option(help="The sandbox's folder: its buckets.")] = Path("sandbox-data"),
    fault: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Something to go wrong.")] = None,
    job_seconds: Annotated[float, typer.Option(help="How long a batch job takes, if its records allow.")] = 10.0,
    dask: Annotated[int, typer.Option(min=0, help="Workers of a Dask cluster that nights work with; 0: none.")] = 0,
) -> None:
    """Start everything for an operator: sandbox (or the account that the environment names), Prefect, a worker.

    Ends with Ctrl-C, and goes on from the same folders the next time.
    """
    from sandbox.bedrock.faults import UnknownFault, parse_options
    from sandbox.kept import CannotStart
    from sandbox.serve import CannotServe
    from sandbox.up import Options
    from sandbox.up import up as run
    from tasks.base.errors import SettingsInvalid

    try:
        faults = parse_options(fault or [])
        run(Options(home.absolute(), data.absolute(), port, s3_port, bedrock_port, faults, job_seconds, dask))
    except (CannotServe, CannotStart, SettingsInvalid, UnknownFault) as error:
        typer.echo(f"up: {error}", err=True)
        raise typer.Exit(2) from None


@app.command(hidden=True)
def history() -> None:
    """Play the sample days before the night, against the sandbox that the environment names."""
    from sandbox.month import history as run

    run()


if __name__ == "__main__":
    app()
