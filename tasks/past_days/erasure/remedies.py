"""What is done about each place that holds a comment which is to be erased, and how that is said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq

from data_contracts.tables.comments import REJECTED
from data_contracts.tables.evaluation_sets import EXPERIMENTS
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.label_requests import LABEL_REQUESTS
from data_contracts.tables.review import REVIEW
from data_contracts.tables.routes import AUDITS
from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import VERDICTS
from tasks.base.paths import DayPaths
from tasks.past_days.erasure.traces import ID_COLUMNS, Sought

#: The tables of the lake that have a row for a comment.
TABLES: dict[str, Table] = {table.name: table for table in (VERDICTS, REJECTED, REVIEW, FLIPS, LABEL_REQUESTS, AUDITS)}

_BATCH_ROWS = 50_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Remedy(StrEnum):
    """What is done about a place that holds the comment."""

    TABLE = "replace the day in the Delta table and delete its history"
    BATCH = "delete the batch files of the day"
    SCRATCH = "delete the scratch frame"
    ROWS = "rewrite without the rows"
    #: a set's versions, requests, answers and batch files, lake/experiments
    EVALUATION = "blank it in evaluations"
    #: with --date: the id is also that of another day's comment
    ELSEWHERE = "leave: it is of another day"
    NONE = "unknown how"


class Trace(NamedTuple):
    """An object that holds the comment."""

    uri: str
    place_count: int


class Search(NamedTuple):
    """What a search of everything came to."""

    object_count: int
    traces: tuple[Trace, ...]


def remedy(uri: str, days: Sequence[DayPaths]) -> tuple[Remedy, DayPaths | None]:
    """What is done about an object that holds the comment, and for which of the days."""
    roots = (days[0].settings.output_uri, days[0].settings.batch_uri)
    dated = {day for root in roots if uri.startswith(f"{root}/") for day in _DATE.findall(uri.removeprefix(root))}
    if is_evaluation(uri, days[0]):
        return Remedy.EVALUATION, None
    for paths in days:
        if any(uri.startswith(f"{paths.lake_day(name)}/") for name in TABLES):
            return Remedy.TABLE, paths
        if uri.startswith(f"{paths.batch}/"):
            return Remedy.BATCH, paths
        if paths.is_frame(uri):
            return Remedy.SCRATCH, paths
        if uri.endswith(".parquet") and "/lake/" not in uri and str(paths.run_date) in dated:
            return Remedy.ROWS, paths
    if any(uri.startswith(f"{days[0].lake(name)}/_delta_log/") for name in TABLES):
        return Remedy.TABLE, None
    is_elsewhere = dated and not dated & {str(paths.run_date) for paths in days}
    return (Remedy.ELSEWHERE if is_elsewhere else Remedy.NONE), None


def is_evaluation(uri: str, paths: DayPaths) -> bool:
    """Whether an object belongs to evaluations, whose sets are no days."""
    settings = paths.settings
    roots = (f"{settings.output_uri}/evaluation", f"{settings.batch_uri}/evaluation", paths.lake(EXPERIMENTS.name))
    return any(uri.startswith(f"{root}/") for root in roots)


def without_rows(source: Path, target: Path, ids: Iterable[str]) -> None:
    """Copy a Parquet file without the rows that one of the ids stands in, in its own schema."""
    gone = list(ids)
    with pq.ParquetFile(source) as file:
        present = [name for name in ID_COLUMNS if name in file.schema_arrow.names]
        with pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                frame = pl.DataFrame(batch.select(present)) if present else pl.DataFrame({"": [None] * len(batch)})
                is_gone = frame.select(pl.any_horizontal(pl.all().cast(pl.String).is_in(gone).fill_null(False)))
                writer.write_batch(batch.filter((~is_gone.to_series()).to_arrow()))


def describe_plan(found: Search, days: Sequence[DayPaths]) -> list[str]:
    """How many objects hold the comment, and what is done about each."""
    lines = [f"searched {found.object_count} objects: {len(found.traces)} hold it"]
    return lines + [f"  {trace.uri}: {trace.place_count}, {remedy(trace.uri, days)[0]}" for trace in found.traces]


def describe_inputs(inputs: Sequence[str]) -> list[str]:
    if not inputs:
        return ["the input of these days does not hold it"]
    return ["the input is not ours to change, and still holds it; later runs reject it as `erased`:"] + [
        f"  {uri}" for uri in inputs
    ]


def describe_texts(sought: Sought) -> list[str]:
    if sought.long_texts:
        return []
    return [f"its text was not searched for: it is {'too short to be its own' if sought.texts else 'not known'}"]
