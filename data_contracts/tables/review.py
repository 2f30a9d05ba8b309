"""The review list: what was published without a verdict, so that a person looks at it."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table
from data_contracts.tables.verdicts import DecidedBy


class ReviewReason(StrEnum):
    """Why a person must look; none of them says anything about the comment."""

    #: the model declined to answer
    MODEL_REFUSED = "model_refused"
    #: an answer came and cannot be read
    ANSWER_UNREADABLE = "answer_unreadable"
    #: Bedrock could not answer for this comment
    BEDROCK_ERROR = "bedrock_error"
    #: it was asked, and no answer came
    NO_ANSWER = "no_answer"
    #: no request was made for it
    NEVER_ASKED = "never_asked"


REVIEW = Table(
    name="review",
    meaning="One row per comment of the day that was published without a verdict; no comment text (join on "
    "comment_id).",
    columns=(
        Column("comment_id", pl.String(), "The comment."),
        Column("date", pl.Date(), "The local day it was posted, in the settings' time zone."),
        Column("posted_at", UTC_MICROSECONDS, "When it was posted."),
        Column("product_id", pl.String(), "The product it stands under."),
        Column("language", pl.String(), "ISO 639-1 code of its text; `und` when it cannot be told."),
        Column("reason", pl.String(), f"Why a person must look: {', '.join(ReviewReason)}."),
        Column("status", pl.String(), "The verdict's status; never `judged`."),
        Column(
            "status_detail",
            pl.String(),
            "What came instead of a verdict, in words.",
            nullable=True,
            null_when="nothing more is known than the status",
        ),
        Column(
            "decided_by",
            pl.String(),
            f"What was asked: {', '.join(DecidedBy)}; for a duplicate the comment that it repeats was.",
        ),
        Column("attempt", pl.Int32(), "How many requests were made for the record, from 1; 0 when it was never asked."),
        Column("model_id", pl.String(), "The model or inference profile that was asked."),
        Column("prompt_version", pl.String(), "The version of the prompt that was used."),
        Column("run_id", pl.String(), "The run that published the row."),
    ),
    key=("comment_id",),
)
