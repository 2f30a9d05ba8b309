"""How a night grows with its comments: a table for the README and a plot, from the figures of `benchmarks.night`.

python -m benchmarks.growth benchmarks/figures/*.json --svg docs/growth.svg
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from tasks.reports.charts.drawing import load_library

_NAMES = {"ours": "this project", "baseline": "a plain script", "floor": "its bytes, moved"}
_COLOURS = {"this project": "#2a6fbb", "a plain script": "#c2571a", "its bytes, moved": "#7a7a7a"}


def main(
    files: Annotated[list[Path], typer.Argument(help="Figures of `benchmarks.night --json`, one size each.")],
    svg: Annotated[Path | None, typer.Option(help="File for the plot.")] = None,
) -> None:
    """Print the table, and draw the plot."""
    nights = sorted((json.loads(file.read_text(encoding="utf-8")) for file in files), key=lambda one: one["comments"])
    print(table(nights))
    if svg:
        svg.write_text(draw(points(nights)) + "\n", encoding="utf-8")


def table(nights: list[dict[str, Any]]) -> str:
    """A row a size, in Markdown."""
    heads = (
        *("comments", "CPU s", "comments a CPU s", "CPU over the script's", "time over the floor's"),
        *("bytes read over needed", "peak MB", "requests"),
    )
    lines = [f"| {' | '.join(heads)} |", f"|{'---:|' * len(heads)}"]
    for night in nights:
        own, ratios = night["runs"]["ours"], night["ratios"]
        shown = [
            f"{night['comments']:,}",
            f"{own['cpu_s']:.1f}",
            f"{own['records_per_cpu_s']:,}",
            *(f"{ratios[name]:.2f}" if name in ratios else "" for name in _RATIOS),
            f"{own['peak_mb']:,}",
            f"{own['request_count']:,}",
        ]
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines)


_RATIOS = ("cpu_over_baseline", "wall_over_floor", "read_over_needed")


def points(nights: list[dict[str, Any]]) -> pl.DataFrame:
    """What is drawn. Columns: comments, value, who, panel."""
    panels = {"CPU seconds": "cpu_s", "peak memory, MB": "peak_mb", "requests to S3": "request_count"}
    return pl.DataFrame(
        [
            {"comments": night["comments"], "value": float(run[key]), "who": _NAMES[name], "panel": panel}
            for night in nights
            for name, run in night["runs"].items()
            for panel, key in panels.items()
        ]
    )


def draw(frame: pl.DataFrame) -> str:
    """A panel each for seconds, memory and requests, both axes logarithmic: even growth is a line of one slope."""
    lp = load_library()
    plot = (
        lp.ggplot(frame.to_dict(as_series=False), lp.aes("comments", "value", color="who"))
        + lp.geom_line(size=1.2)
        + lp.geom_point(size=3)
        + lp.facet_wrap("panel", ncol=3, scales="free_y")
        + lp.scale_x_log10(format=",d")
        + lp.scale_y_log10(breaks=[0.01, 0.1, 1, 10, 100, 1000, 10_000], format=",~g")
        + lp.scale_color_manual(values=list(_COLOURS.values()), breaks=list(_COLOURS))
        + lp.labs(x="comments of the night", y="", color="")
        + lp.theme(legend_position="bottom", plot_background=lp.element_rect(fill="white"))
        + lp.ggsize(960, 340)
    )
    return str(plot.to_svg())


if __name__ == "__main__":
    typer.run(main)
