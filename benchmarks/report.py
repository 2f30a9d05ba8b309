"""What a night's report costs: CPU seconds to import the plotting library, to draw a month, to make the page; its size.

    python -m benchmarks.report --pages 5

A process draws its first page slower than the others: a night in a container of its own pays for the first. The budget
is half a second a night.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from statistics import median
from typing import Annotated, TypeVar

import typer

Made = TypeVar("Made")


def taken(make: Callable[[], Made]) -> tuple[float, Made]:
    """CPU seconds of this process that making something took, and what was made."""
    begun = resource.getrusage(resource.RUSAGE_SELF)
    made = make()
    ended = resource.getrusage(resource.RUSAGE_SELF)
    return ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime, made


def main(pages: Annotated[int, typer.Option(min=1, help="Pages after the first one.")] = 5) -> None:
    """Measure it."""
    from tasks.reports.charts.drawing import load_library
    from tasks.reports.report import Surroundings, render_report
    from tasks.reports.report_blocks import draw_charts
    from tasks.reports.trail import Trail
    from tasks.reports.words.say import say_in
    from tests.reported_month import month
    from tests.sample_nights import RUN_DATE, a_night

    rows = month(is_bad=True)
    trail = Trail(last=RUN_DATE, rows=rows)
    night = a_night(metrics=[row for row in rows if row.date == RUN_DATE])
    imported, _ = taken(load_library)
    drawn, charts = taken(lambda: draw_charts(trail, (), say_in("en")))
    first, page = taken(lambda: render_report(night, Surroundings(trail=trail)))
    later = [taken(lambda: render_report(night, Surroundings(trail=trail)))[0] for _ in range(pages)]
    print(f"importing the plotting library  {imported:.2f} s CPU")
    print(f"drawing {len(charts.drawn)} charts, the first time  {drawn:.2f} s CPU")
    print(f"the first page, charts drawn again  {first:.2f} s CPU, {len(page.encode()) / 1e3:,.0f} kB")
    print(f"a later page  {median(later):.2f} s CPU")


if __name__ == "__main__":
    typer.run(main)
