"""The review list: every comment that was published without a verdict, and why a person must look at it."""

from __future__ import annotations

import polars as pl

from data_contracts.tables.review import REVIEW, ReviewReason
from data_contracts.tables.verdicts import Status

#: `missing` is told apart by whether a request was made.
_REASONS = {
    Status.REFUSED: ReviewReason.MODEL_REFUSED,
    Status.MALFORMED: ReviewReason.ANSWER_UNREADABLE,
    Status.ERROR: ReviewReason.BEDROCK_ERROR,
    Status.MISSING: ReviewReason.NO_ANSWER,
}


def review_list(verdicts: pl.LazyFrame) -> pl.LazyFrame:
    """The verdicts that are not judged, duplicates of such comments included, in the order of the verdicts.

    Columns: VERDICTS -> REVIEW.
    """
    by_status = pl.col("status").replace_strict({str(status): str(reason) for status, reason in _REASONS.items()})
    was_asked = (pl.col("status") != Status.MISSING) | (pl.col("attempt") > 0)
    reason = pl.when(was_asked).then(by_status).otherwise(pl.lit(ReviewReason.NEVER_ASKED.value))
    return REVIEW.conform(verdicts.filter(pl.col("status") != Status.JUDGED).with_columns(reason=reason))
