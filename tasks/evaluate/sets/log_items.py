"""Labelled comments of a published night as items of a set: each stands for as many as it was drawn from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from data_contracts.tables.evaluation_sets import ItemSource
from data_contracts.tables.labels import LabelSource
from tasks.evaluate.sets.next_version import ADDED_SCHEMA

#: The labels that become items, the first kind that the day has. Overturned verdicts never do: people complain about
#: the champion's mistakes alone, and every challenger would look better on them. Nor do disagreements.
TAKEN = (LabelSource.SAMPLE, LabelSource.PLANTED)


class LogItems(NamedTuple):
    """A night's labels as items, and what could not become one.

    Attributes:
        items: with the columns of ADDED_SCHEMA; cluster and split are null.
        source: of the labels; None if the day has none that is taken.
        without_text_count: comments whose text the input no longer holds, or that were erased.
        without_category_count: violations of which no rater named the category.
    """

    items: pl.DataFrame
    source: LabelSource | None
    without_text_count: int
    without_category_count: int


def log_item_id(run_date: date, comment_id: str) -> str:
    """The id of a night's comment in sets and in lake/experiments: 32 lower hex, from which nobody reads the comment's
    own, and which is none of its ids in the batch files."""
    return hashlib.sha256(f"log\x1f{run_date}\x1f{comment_id}".encode()).hexdigest()[:32]


def taken_source(comments: pl.DataFrame) -> LabelSource | None:
    """Which of the day's labels become items.

    Columns: source.
    """
    present = set(comments["source"])
    return next((source for source in TAKEN if source in present), None)


def log_items(
    comments: pl.DataFrame, verdicts: pl.DataFrame, texts: Mapping[str, str], run_date: date, now: datetime
) -> LogItems:
    """The day's labelled comments as items.

    The weight is 1 / inclusion probability, and 1 where that is unknown. The guideline of a label is that of the
    verdict: raters are asked about a night by what the night judged by.

    Args:
        comments: comment_id, source, truth, true_category, stratum, inclusion_probability, language, as
            `Settled.comments` has them.
        verdicts: comment_id, posted_at, prompt_sha256 of the same comments.
        texts: as they were judged, by comment_id.
        run_date: the day.
        now: when they are added.
    """
    source = taken_source(comments)
    labelled = comments.filter(pl.col("source") == source) if source else comments.clear()
    shown = labelled.filter(pl.col("comment_id").is_in(list(texts)))
    whole = shown.filter(pl.col("true_category").is_not_null())
    joined = whole.join(verdicts, on="comment_id", how="inner", validate="1:1").sort("comment_id")
    ids = joined["comment_id"].to_list()
    items = joined.select(
        item_id=pl.Series([log_item_id(run_date, one) for one in ids], dtype=pl.String),
        text=pl.Series([texts[one] for one in ids], dtype=pl.String),
        language="language",
        violation="truth",
        category="true_category",
        source=pl.lit(ItemSource.LOG.value),
        stratum="stratum",
        weight=(1 / pl.col("inclusion_probability")).fill_null(1.0),
        cluster=pl.lit(None, pl.String),
        split=pl.lit(None, pl.String),
        date=pl.lit(run_date),
        comment_id="comment_id",
        added_at=pl.lit(now, ADDED_SCHEMA["added_at"]),
        prompt_sha256="prompt_sha256",
        posted_at="posted_at",
    )
    return LogItems(
        items.select(list(ADDED_SCHEMA)).cast(ADDED_SCHEMA),
        source,
        labelled.height - shown.height,
        shown.height - whole.height,
    )
