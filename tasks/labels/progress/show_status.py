"""Says of each day how many labels were asked for, how many have come, and how far the raters agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data_contracts.tables.label_requests import LABEL_REQUESTS
from data_contracts.tables.labels import LABELS
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths, lake
from tasks.base.settings import Settings
from tasks.labels.label_files import list_labels_of, read_labels
from tasks.labels.progress.agreement import Agreement, agreement
from tasks.labels.requests import UNASKED, latest_labels, request_states
from tasks.labels.truth import is_usable

_DATED = pl.Schema({"date": pl.Date()} | dict(LABELS.polars_schema))


class DayStatus(NamedTuple):
    """How far the labels of a day are.

    Attributes:
        run_date: the day; None for all of them together.
        asked_count: comments that a label was asked for.
        answered_count: of these, with at least one.
        open_count: of these, with a slot that is free.
        disputed_count: of these, on which as many raters see a violation as see none.
        agreement: of raters who labelled the same comments of the day, whether they were asked or not.
    """

    run_date: date | None
    asked_count: int
    answered_count: int
    open_count: int
    disputed_count: int
    agreement: Agreement


def day_status(requests: pl.DataFrame, labels: pl.DataFrame, run_date: date | None) -> DayStatus:
    """The status of one day, or of several together.

    Columns: LABEL_REQUESTS of `requests`; date and LABELS of `labels`, usable ones, one row a comment and rater.
    """
    counts = requests.select(
        pl.len(),
        answered=(pl.col("raters").list.len() > 0).sum(),
        open=pl.col("is_open").sum(),
        disputed=pl.col("is_disputed").sum(),
    ).row(0)
    asked, answered, is_open, disputed = map(int, counts)
    told = agreement(labels.filter(~pl.col("source").is_in(UNASKED)))
    return DayStatus(run_date, asked, answered, is_open, disputed, told)


@reading_lake()
def label_status(settings: Settings, day_count: int) -> list[DayStatus]:
    """Each of the last days that labels were asked for, the first one first; at the end all of them together.

    Args:
        settings: say where.
        day_count: how many days, up to the last one on record.
    """
    outside, uri = adapters.connect(settings), lake(settings, LABEL_REQUESTS.name)
    days = outside.lake.days(uri)
    days = [day for day in days if day > days[-1] - timedelta(days=day_count)]
    if not days:
        return []
    requests = outside.lake.scan(uri, LABEL_REQUESTS).filter(pl.col("date").is_in(days)).collect()
    listed, states, labels = list_labels_of(outside.storage, settings, days, {}), [], [pl.DataFrame(schema=_DATED)]
    for day in days:
        with scratch() as folder:
            paths = DayPaths(settings, day)
            found = read_labels(outside.storage, listed[day].read, paths.labels, Path(folder)).labels
        usable = latest_labels(found.filter(is_usable()))
        states.append(request_states(requests.filter(pl.col("date") == day), usable))
        labels.append(usable.select(pl.lit(day).alias("date"), *LABELS.names))
    asked, came = pl.concat(states), pl.concat(labels)
    each = [day_status(asked.filter(pl.col("date") == day), came.filter(pl.col("date") == day), day) for day in days]
    return [*each, day_status(asked, came, None)]


_HEADS = ("day", "asked", "answered", "open", "twice", "agreed", "disputed", "kappa", "positive")


def describe_status(days: Sequence[DayStatus]) -> list[str]:
    """A table in lines, and what its columns are."""
    if not days:
        return ["no labels were ever asked for: the first night to be published asks"]
    rows = [_HEADS, *(_cells(day) for day in days)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADS))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [
        *lines,
        "",
        "open: a rater is lacking. twice, agreed: comments that two raters labelled, alike. disputed: as many say",
        "violation as say none. kappa: agreement beyond chance, from 20 comments of the same two raters on. positive:",
        "of what either of two raters calls a violation, how much both do, each counted for both.",
    ]


def _cells(day: DayStatus) -> tuple[str, ...]:
    told = day.agreement
    kappa = "-" if told.kappa is None else f"{told.kappa:.2f}"
    if told.interval is not None and day.run_date is None:
        kappa += f" ({told.interval[0]:.2f} to {told.interval[1]:.2f})"
    counts = (day.asked_count, day.answered_count, day.open_count, told.compared_count, told.agreed_count)
    positive = "-" if told.positive is None else f"{told.positive:.2f}"
    return (
        str(day.run_date or "all"),
        *(f"{count:,}" for count in (*counts, day.disputed_count)),
        kappa,
        positive,
    )
