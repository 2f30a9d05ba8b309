"""How far raters of the same comments agree with each other: no judge can be measured finer than that."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

#: Comments that two raters must share before their kappa is told.
MIN_SHARED = 20


class Kappa(NamedTuple):
    """Agreement beyond chance.

    Attributes:
        value: Cohen's kappa; of several pairs of raters the mean, each pair counted by its comments.
        comment_count: comments that were shared, once for each pair.
        pair_count: pairs of raters.
    """

    value: float
    comment_count: int
    pair_count: int

    def words(self) -> str:
        """The figure with what it rests on."""
        if self.pair_count == 1:
            return f"Cohen's kappa {self.value:.2f} on {self.comment_count} comments of the same two raters"
        return (
            f"mean Cohen's kappa {self.value:.2f} of {self.pair_count} pairs of raters, {self.comment_count} comments"
        )


def cohen_kappa(labels: pl.DataFrame, least: int = MIN_SHARED) -> Kappa | None:
    """Cohen's kappa of the raters who share enough comments; None if no two do, or none of them ever disagreed in kind.

    Columns: comment_id, source, labeler, violation of `labels` are read; a rater has one row a comment and source.
    Source: Cohen, "A Coefficient of Agreement for Nominal Scales" (1960); the mean over pairs is Light's (1971).
    """
    told = labels.select("comment_id", "source", "labeler", "violation")
    shared = (
        told.join(told, on=["comment_id", "source"], how="inner", suffix="_other")
        .filter(pl.col("labeler") < pl.col("labeler_other"))
        .filter(pl.len().over("labeler", "labeler_other") >= least)
    )
    found: list[tuple[float, int]] = []
    for _, pair in sorted(shared.partition_by("labeler", "labeler_other", as_dict=True).items()):
        first, other = pair["violation"], pair["violation_other"]
        if first.n_unique() > 1 or other.n_unique() > 1:  # else chance alone agrees, and kappa is 0 / 0
            found.append((_kappa(first, other), len(pair)))
    count = sum(n for _, n in found)
    return Kappa(sum(value * n for value, n in found) / count, count, len(found)) if found else None


def _kappa(first: pl.Series, other: pl.Series) -> float:
    from sklearn.metrics import cohen_kappa_score  # over a second, for the few nights with two raters

    return float(cohen_kappa_score(first.to_numpy(), other.to_numpy()))
