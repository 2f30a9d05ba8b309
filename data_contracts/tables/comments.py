"""The comments that come in: columns, the reasons a row is rejected, and the rejected table.

A row's own key is (object, row number): it exists before any of its values can be trusted.
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table


class Reason(StrEnum):
    """Why a row broke the contract; a row carries the first that applies, in this order."""

    NULL_TEXT = "null_text"
    BLANK_TEXT = "blank_text"
    #: judged among the rows that no other reason rejects
    DUPLICATE_ID = "duplicate_id"
    #: `posted_at` is null or outside the local day
    OUTSIDE_DAY = "outside_day"
    TOO_LONG = "too_long"
    #: a null, blank, over-long or unprintable `comment_id`, or a null `product_id` or `user_id`
    BAD_ID = "bad_id"
    #: a float rating that is not a whole number
    BAD_RATING = "bad_rating"
    #: a string with bytes that are no UTF-8; U+FFFD stands for them in `rejected`
    BAD_ENCODING = "bad_encoding"
    #: erased on request: whatever else is wrong with it, nothing of the comment is kept
    ERASED = "erased"


#: Longest `comment_id` in characters: S3 keys, ledger lines and alerts carry ids.
MAX_ID_CHARS = 256

COMMENTS = Table(
    name="comments",
    meaning="One row per comment that the site received, as the upstream export wrote it.",
    columns=(
        Column("comment_id", pl.String(), "The site's id of the comment, unique within a day."),
        Column("posted_at", UTC_MICROSECONDS, "When the customer posted it."),
        Column("product_id", pl.String(), "The product that the comment stands under."),
        Column("user_id", pl.String(), "Who wrote it, pseudonymous."),
        Column("text", pl.String(), "The comment itself."),
        Column(
            "rating",
            pl.Int64(),
            "Stars given with the comment.",
            nullable=True,
            unit="star",
            null_when="none were given",
        ),
    ),
    key=("comment_id",),
)

SOURCE_COLUMNS = (
    Column("source_object", pl.String(), "URI of the input object that the row came from."),
    Column("source_row", pl.Int64(), "Row number within the input object, from 0.", unit="row"),
)

_NULL_WHEN = {
    "posted_at": "it came so, it lies outside the years 1 to 9999, or the row is of an erased comment",
}

REJECTED = Table(
    name="rejected",
    meaning="One row per ingested row that broke the contract; nothing is dropped silently.",
    columns=(
        Column("date", pl.Date(), "The run date: the local day that was ingested."),
        *(
            Column(
                c.name,
                c.dtype,
                f"As it came: {c.meaning[0].lower()}{c.meaning[1:]}",
                nullable=True,
                unit=c.unit,
                null_when=_NULL_WHEN.get(c.name, "it came so, or the row is of an erased comment"),
            )
            for c in COMMENTS
        ),
        *SOURCE_COLUMNS,
        Column("reason", pl.String(), f"Why it was rejected: {', '.join(Reason)}."),
        Column("run_id", pl.String(), "The run that rejected it."),
    ),
    key=("source_object", "source_row"),
)
