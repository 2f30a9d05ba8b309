"""Which tables there are for people outside: where each lies, how a day of it is written, what is promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from data_contracts.tables.checked_rows import CHECKED_ROWS, PROFILE
from data_contracts.tables.comments import COMMENTS, REJECTED
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.golden import GOLDEN
from data_contracts.tables.label_requests import LABEL_REQUESTS
from data_contracts.tables.labels import LABELS
from data_contracts.tables.metrics import METRICS
from data_contracts.tables.review import REVIEW
from data_contracts.tables.routes import AUDITS, ROUTES
from data_contracts.tables.table import Column, Table
from data_contracts.tables.verdicts import ANSWERS, NIGHTS, REQUESTS, VERDICTS

#: How a table's day comes into being.
PublishWay = Literal["replaced", "appended"]


@dataclass(frozen=True)
class Publication:
    """A published table.

    Attributes:
        table: its columns.
        way: `replaced`: a day is replaced whole in one commit; `appended`: rows are added, and none goes.
        has_plain: whether the current day also stands as one Parquet object.
        note: what its reader has to know beyond the columns.
    """

    table: Table
    way: PublishWay
    has_plain: bool
    note: str


PUBLISHED = (
    Publication(
        VERDICTS,
        "replaced",
        True,
        "A comment whose `status` is not judged has no verdict: count it apart, never as fine. "
        "`sum(cost_usd)` is the cost of the verdicts; what the night cost in all is in `nights`.",
    ),
    Publication(
        REJECTED,
        "replaced",
        True,
        "The only published table with comment text. Rows + verdicts = rows ingested, to the row.",
    ),
    Publication(
        METRICS,
        "appended",
        True,
        "Labels come days later and measure a day again: take the view `metrics_latest`, or the latest `measured_at` "
        "of each (date, metric, slice) yourself. The plain object holds the latest rows alone.",
    ),
    Publication(
        NIGHTS,
        "replaced",
        False,
        "Its row is written last, so a day without one is not published, whatever else there is of it.",
    ),
    Publication(REVIEW, "replaced", True, "One row for each verdict that is not judged."),
    Publication(
        FLIPS,
        "replaced",
        True,
        "Empty for a day that was published once. A night, a backfill and a restore compare with what readers had "
        "before; what earlier publications changed stands in the table's history. An answer that was lacking and has "
        "come is no flip. How many, which way and why: `flips.json` of the run.",
    ),
    Publication(
        LABEL_REQUESTS,
        "replaced",
        True,
        "The sample of a day is drawn anew whenever its verdicts become others, by the same hash, so that most of it "
        "stays. Labels that were given keep the stratum and probability that they were asked with. "
        "How it gets labelled: docs/labels.md.",
    ),
    Publication(
        GOLDEN,
        "replaced",
        False,
        "Of nights whose batch jobs carried the golden pack: not of backfills, nor of nights too small for a job. Its "
        "items are no comments: none is in `verdicts`. What they cost: `golden_cost_usd` of `nights`. What a change of "
        "model or prompt did to them: `golden.json` of the run.",
    ),
    Publication(
        ROUTES,
        "replaced",
        False,
        "Of nights whose policy is not plain. `error_rate` is the weighted share of the audited comments whose "
        "`violation` the model sees otherwise: the model is the measure here, and people are the measure of the model. "
        "What the intervals are: docs/policies.md.",
    ),
    Publication(
        AUDITS,
        "replaced",
        False,
        "Of nights whose policy is not plain. `verdicts` has the model's answer of these comments.",
    ),
)

#: What upstream and the labelers write; read only.
INPUTS = (COMMENTS, LABELS)

#: The pipeline's own: no promise, not for analysts.
INTERNAL = (ANSWERS, REQUESTS, CHECKED_ROWS, PROFILE)

#: The column that every table is partitioned by; an input has it in its path alone.
PARTITION = Column("date", pl.Date(), "The local day, YYYY-MM-DD, from the path.")


def delta_columns(table: Table) -> list[Column]:
    """The columns that are in a Delta table's files: all but the partition's."""
    return [column for column in table if column.name != PARTITION.name]


def sql_type(dtype: pl.DataType) -> str:
    """The type's name in Athena's DDL and in Glue.

    Raises:
        ValueError: for a type that no published table has; Delta and Athena both have to know it.
    """
    names: dict[pl.DataType, str] = {
        pl.String(): "string",
        pl.Boolean(): "boolean",
        pl.Int32(): "int",
        pl.Int64(): "bigint",
        pl.Float64(): "double",
        pl.Date(): "date",
        pl.Datetime("us", "UTC"): "timestamp",
    }
    if dtype not in names:
        raise ValueError(
            f"no SQL type for {dtype}: Athena and Delta must know it, see tasks/reports/catalog/publications.py"
        )
    return names[dtype]
