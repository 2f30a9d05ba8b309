"""The command that says what a policy would save, and miss, before anybody chooses it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import last_line_on_error, say


def savings(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The set's name.")],
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a list of the policies there too.")] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every policy and threshold there, as JSON.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw price against recall there, as SVG.")] = None,
) -> None:
    """Score and price every policy on the stored answers of a set of labelled comments; nobody is asked."""
    with last_line_on_error(f"savings {name}"):
        from tasks.base.settings import Settings
        from tasks.evaluate.savings.describe_savings import describe_savings
        from tasks.evaluate.savings.measure_savings import measure_savings
        from tasks.reports.charts.savings import draw_savings

        found = measure_savings(Settings.load(), name, datetime.now(UTC))
        for file, rows in ((json, found.policies), (replay, found.replay)):
            if file is not None:
                listed = ",\n".join(row.model_dump_json() for row in rows)
                file.write_text(f"[{listed}]\n", encoding="utf-8")
        if plot is not None:
            plot.write_text(draw_savings(found.replay), encoding="utf-8")
    say("\n".join(describe_savings(found)))
