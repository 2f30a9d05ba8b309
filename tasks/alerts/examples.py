"""Ids of comments that show a degraded measurement: the smallest few, so that two looks show the same."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from data_contracts.tables.metrics import MetricRow
from data_contracts.tables.verdicts import Status

#: Comment ids that an alert shows per measure.
MAX_EXAMPLES = 5

_FAILED = {
    "malformed_rate": Status.MALFORMED,
    "refused_rate": Status.REFUSED,
    "error_rate": Status.ERROR,
    "missing_rate": Status.MISSING,
}


def showing(row: MetricRow) -> pl.Expr | None:
    """Which verdicts show the fault, or None where single comments explain nothing."""
    metric, (dimension, _, member) = row.metric, row.slice.partition("=")
    if metric in _FAILED:
        return pl.col("status") == _FAILED[metric]
    if (row.effect or 0) < 0 or member == "other":
        return None
    match metric, dimension:
        case "violation_rate", "all":
            return pl.col("violation")
        case "violation_rate", "language":
            return pl.col("violation") & (pl.col("language") == member)
        case "violation_category_share", "category":
            return pl.col("violation") & (pl.col("category") == member)
        case "language_share", "language":
            return pl.col("language") == member
        case "product_share", "product":
            return pl.col("product_id") == member
        case _:
            return None


def find_examples(rows: Sequence[MetricRow], verdicts: pl.LazyFrame) -> dict[tuple[str, str], tuple[str, ...]]:
    """The smallest few ids of comments that show each degraded measurement, by (metric, slice).

    Columns: comment_id, status, violation, category, language, product_id of `verdicts` are read.
    """
    wanted = [(row, query) for row in rows if (query := showing(row)) is not None]
    queries = [
        verdicts.filter(query).select("comment_id").bottom_k(MAX_EXAMPLES, by="comment_id") for _, query in wanted
    ]
    found = pl.collect_all(queries, engine="streaming")
    return {
        (row.metric, row.slice): tuple(sorted(ids["comment_id"])) for (row, _), ids in zip(wanted, found, strict=True)
    }
