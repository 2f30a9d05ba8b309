"""Human truth about comments: what a labeler decided, and how the comment was chosen for labelling."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table


class LabelSource(StrEnum):
    """How a comment came to be labelled; estimators use `sample` rows, the others are reported apart."""

    SAMPLE = "sample"
    OVERTURN = "overturn"
    PLANTED = "planted"
    #: asked for by a request of that purpose (`label_requests`)
    AUDIT = "audit"
    DISAGREEMENT = "disagreement"


LABELS = Table(
    name="labels",
    meaning="One row per (comment, labeler); `date` in the path is the comment's day, files may come days later.",
    columns=(
        Column("comment_id", pl.String(), "The labelled comment."),
        Column("labeler", pl.String(), "Who labelled it."),
        Column("violation", pl.Boolean(), "Whether the comment breaks the guideline."),
        Column(
            "category",
            pl.String(),
            "The category that it breaks; `none` when it breaks none.",
            nullable=True,
            null_when="the labeler named none",
        ),
        Column("labeled_at", UTC_MICROSECONDS, "When it was labelled."),
        Column("source", pl.String(), f"How it was chosen: {', '.join(LabelSource)}."),
        Column(
            "stratum", pl.String(), "The sampling stratum.", nullable=True, null_when="it was not sampled in strata"
        ),
        Column(
            "inclusion_probability",
            pl.Float64(),
            "The probability, in (0, 1], with which the sample took this comment.",
            nullable=True,
            unit="fraction",
            null_when="unknown: then all labelled comments of the day count alike",
        ),
    ),
    key=("comment_id", "labeler"),
)
