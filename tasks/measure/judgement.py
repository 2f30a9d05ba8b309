"""From measurements to rows of the metrics table: what the detector says of tonight, given the nights before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from data_contracts.tables.metrics import METRICS, ReasonCode, State
from tasks.measure.detect import Policy
from tasks.measure.detect.detectable import detectable_of
from tasks.measure.detect.replay import judge_history, last_night, replay_of
from tasks.measure.measurement import Measurement

#: What the detector reads.
EVIDENCE = ("date", "metric", "slice", "kind", "x", "n", "mean", "variance")
#: What it says, apart from words.
_FOUND = ("state", "severity", "effect", "baseline", "threshold", "since", "statistic", "evidence", "evidence_limit",
          "reason_code", "detectable")  # fmt: skip
#: Of these the measurement knows better why there is nothing.
_SILENT = [ReasonCode.NOT_MEASURED]


class Stamp(NamedTuple):
    """What all rows of one measurement share; named as the columns of the metrics table."""

    date: date
    measured_at: datetime
    verdicts_run_id: str
    run_id: str


def evidence_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the metrics table as the detector reads them.

    Columns: those of the metrics table -> EVIDENCE. A total stands in `value`, since `x` is the numerator of a rate.
    """
    is_total = pl.col("kind") == "count"
    return rows.with_columns(x=pl.when(is_total).then(pl.col("value")).otherwise(pl.col("x"))).select(EVIDENCE)


def measured_rows(measured: Sequence[Measurement], stamp: Stamp) -> pl.DataFrame:
    """A row of the metrics table per measurement, in the order given, before anything is said about it."""
    rows = [
        {
            **stamp._asdict(),
            "metric": item.metric,
            "slice": item.slice,
            "kind": str(item.kind),
            "x": item.x,
            "n": item.n,
            "mean": item.mean,
            "variance": item.variance,
            "value": item.value,
            "ci_low": item.interval.low if item.interval else None,
            "ci_high": item.interval.high if item.interval else None,
            "state": str(State.LEARNING if item.is_learning else State.NO_DATA),
            "method": item.method,
            "reason": item.reason,
            "reason_code": str(ReasonCode.COLLECTING) if item.is_learning else None,
        }
        for item in measured
    ]
    return pl.DataFrame(rows, schema=METRICS.polars_schema)


def judge(rows: pl.DataFrame, earlier: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The rows of one night with what the detector says of them; those whose reference is being collected keep theirs.

    Columns:
        rows: the metrics table's, of one date; unchanged but for what is said.
        earlier: EVIDENCE of nights before that date, final, a row a night and slice.
    """
    if rows.is_empty():
        return rows
    tonight = evidence_of(rows)
    before = earlier.select(EVIDENCE).filter(pl.col("date") < tonight["date"][0])
    judged = judge_history(pl.concat([before, tonight], how="vertical_relaxed"), policy)
    worth = detectable_of(judged).select("metric", "slice", detectable="week")
    found = last_night(replay_of(judged)).join(worth, on=["metric", "slice"], how="left")
    found = found.select("metric", "slice", *_FOUND, "method", "reason")
    joined = rows.with_row_index("place").join(found, on=["metric", "slice"], how="left", suffix="_found")
    is_judged = pl.col("reason_code").is_null() & pl.col("state_found").is_not_null()
    is_told = is_judged & ~pl.col("reason_code_found").is_in(_SILENT).fill_null(False)
    return (
        joined.sort("place")
        .with_columns(
            *(pl.when(is_judged).then(pl.col(f"{name}_found")).otherwise(pl.col(name)).alias(name) for name in _FOUND),
            method=_joined(pl.col("method"), pl.when(is_told).then(pl.col("method_found")), "; "),
            reason=_joined(
                pl.when(is_told | (is_judged & pl.col("reason").is_null())).then(pl.col("reason_found")),
                pl.col("reason"),
                "; ",
            ),
        )
        .select(METRICS.names)
        .cast(METRICS.polars_schema)
    )


def _joined(first: pl.Expr, second: pl.Expr, between: str) -> pl.Expr:
    """Both texts, or the one that there is."""
    return (
        pl.when(first.is_null())
        .then(second)
        .when(second.is_null())
        .then(first)
        .otherwise(pl.concat_str(first, pl.lit(between), second))
    )
