"""Verdicts of earlier days that serve for equal texts: the lake's own rows, so that what is erased there is gone here.

The key is the text, the prompt with its parameters, the models and the policy. Only what a model judged counts, never
what was itself taken from an earlier day: an error is not handed on for longer than CACHE_MAX_AGE_D.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import DecidedBy, Status

#: What is taken over from the earlier verdict.
KEPT = ("violation", "category", "confidence", "explanation", "decided_at")


def cached_verdicts(verdicts: pl.LazyFrame, texts: pl.LazyFrame, plan: Plan, max_age_d: int) -> pl.LazyFrame:
    """The youngest verdict that serves for each of the day's texts.

    Columns: verdicts (VERDICTS of any days), texts (text_sha256) -> text_sha256 and KEPT; a row a text.
    """
    first = plan.run_date - timedelta(days=max_age_d)
    policy_sha256 = plan.policy.sha256 if plan.policy else None
    askers = [(asker.model_id, asker.prompt_sha256) for asker in plan.askers]
    was_asked_so = pl.any_horizontal(
        *((pl.col("model_id") == model) & (pl.col("prompt_sha256") == prompt) for model, prompt in askers),
        pl.lit(False),
    )
    return (
        verdicts.filter(
            pl.col("date").is_between(first, plan.run_date, closed="left"),
            pl.col("policy_sha256") == policy_sha256,
            pl.col("status") == Status.JUDGED,
            pl.col("decided_by") == DecidedBy.MODEL,
            was_asked_so,
        )
        .select("text_sha256", "date", "comment_id", *KEPT)
        .join(texts.select("text_sha256"), on="text_sha256", how="semi")
        .group_by("text_sha256")
        .agg(pl.col(*KEPT).sort_by("date", "comment_id", descending=[True, False]).first())
    )
