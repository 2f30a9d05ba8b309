"""From label rows to one truth per comment: what cannot be used is counted, what raters dispute is put to the vote."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl
import pyarrow as pa

from data_contracts.tables.labels import LABELS, LabelSource
from data_contracts.tables.verdicts import Status
from tasks.intake import foreign_parquet
from tasks.intake.foreign_parquet import SchemaFault

NO_CATEGORY = "none"


class Settled(NamedTuple):
    """One truth per labelled comment beside its verdict, and the count of everything that was left out.

    Attributes:
        comments: comment_id, source, truth, true_category, stratum, inclusion_probability, flagged, flagged_category,
            language; only judged comments with an undisputed truth.
        label_count: label rows that came.
        error_count: of those, rows that break the contract or belong to no comment.
        unjudged_count: labelled comments whose verdict is not `judged`.
        rated_twice_count: comments with several raters.
        disputed_count: of those, comments whose raters disagree.
        tie_count: of those, comments without a majority.
        kappa: agreement of the raters beyond chance, if two of them share enough comments.
    """

    comments: pl.DataFrame
    label_count: int
    error_count: int
    unjudged_count: int
    rated_twice_count: int
    disputed_count: int
    tie_count: int
    kappa: Kappa | None = None

    def remarks(self, source: LabelSource) -> str:
        """What was left out, for the reader of a measurement; counts are of all sources."""
        several, agreed = self.rated_twice_count, self.rated_twice_count - self.disputed_count
        remarks = {
            f"{self.unjudged_count} labelled comments have no verdict": self.unjudged_count,
            f"raters agree on {agreed} of {several} comments that several labelled": several,
            self.kappa.words() if self.kappa else "": self.kappa,
            f"{self.tie_count} ties are left out": self.tie_count,
        }
        return "; ".join([f"labels of source {source}", *(text for text, count in remarks.items() if count)])


def schema_fault(schema: pa.Schema) -> str | None:
    """What keeps a label file from being read, or None; extra columns are ignored."""
    fault = foreign_parquet.schema_fault(schema, LABELS)
    match fault:
        case None:
            return None
        case SchemaFault(column, ()):
            return f"misses {column.name}"
        case SchemaFault(column, (stored,)):
            return f"{column.name} is {stored}"
        case SchemaFault(column, _):
            return f"{column.name} stands there twice"


def is_usable() -> pl.Expr:
    """Whether a label row keeps its contract: known source, legal probability, category in line with violation."""
    probability, category = pl.col("inclusion_probability"), pl.col("category").fill_null(NO_CATEGORY)
    return (
        pl.all_horizontal(pl.col(name).is_not_null() for name in ("comment_id", "labeler", "violation", "labeled_at"))
        & pl.col("source").is_in([str(source) for source in LabelSource]).fill_null(False)
        & ((probability > 0) & (probability <= 1)).fill_null(True)
        & pl.when("violation")
        .then(pl.col("category").is_null() | (category != NO_CATEGORY))
        .otherwise(category == NO_CATEGORY)
    ).fill_null(False)


def settle(labels: pl.DataFrame, verdicts: pl.LazyFrame, lost_count: int) -> Settled:
    """Join the day's labels with the day's verdicts.

    A rater's latest word on a comment counts; several raters decide by majority, and a tie decides nothing.

    Args:
        labels: rows of the labels' contract.
        verdicts: comment_id, status, violation, category, language of the day.
        lost_count: rows of files that could not be read, which are errors too.
    """
    usable = labels.filter(is_usable())
    verdicts_of = (
        verdicts.select("comment_id", "status", "language", flagged="violation", flagged_category="category")
        .join(usable.lazy().select("comment_id"), on="comment_id", how="semi")
        .collect(engine="streaming")
    )
    of_judged = usable.join(verdicts_of, on="comment_id", how="semi")
    latest = of_judged.sort("labeled_at", *sorted(set(LABELS.names) - {"labeled_at"})).unique(
        ["comment_id", "labeler"], keep="last", maintain_order=True
    )
    votes = _count_votes(latest)
    rated_twice = votes.filter(pl.col("raters") > 1)
    disputed = rated_twice.filter(pl.col("yes").is_between(1, pl.col("raters") - 1))
    tied = pl.col("yes") * 2 == pl.col("raters")
    joined = votes.filter(~tied).join(verdicts_of, on="comment_id", how="inner", validate="m:1")
    judged = joined.filter(pl.col("status") == Status.JUDGED)
    return Settled(
        comments=judged.drop("status", "yes", "raters").sort("source", "comment_id"),
        label_count=len(labels) + lost_count,
        error_count=len(labels) - len(of_judged) + lost_count,
        unjudged_count=joined.filter(pl.col("status") != Status.JUDGED)["comment_id"].n_unique(),
        rated_twice_count=len(rated_twice),
        disputed_count=len(disputed),
        tie_count=len(votes.filter(tied)),
        kappa=cohen_kappa(latest),
    )


def _count_votes(labels: pl.DataFrame) -> pl.DataFrame:
    """One row per (comment, source): raters, yes votes, truth and the category that most of the majority name."""
    ordered = labels.sort("comment_id", "source", "labeler")
    votes = ordered.group_by("comment_id", "source", maintain_order=True).agg(
        raters=pl.len().cast(pl.Int64),
        yes=pl.col("violation").sum().cast(pl.Int64),
        true_category=pl.col("category").filter("violation").drop_nulls().mode().sort().first(),
        stratum=pl.col("stratum").drop_nulls().first(),
        inclusion_probability=pl.col("inclusion_probability").drop_nulls().first(),
    )
    truth = pl.col("yes") * 2 > pl.col("raters")
    return votes.with_columns(
        truth=truth, true_category=pl.when(truth).then("true_category").otherwise(pl.lit(NO_CATEGORY))
    )


#: Comments that two raters must share before their kappa is shown.
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
    votes = labels.select("comment_id", "source", "labeler", "violation")
    shared = (
        votes.join(votes, on=["comment_id", "source"], how="inner", suffix="_other")
        .filter(pl.col("labeler") < pl.col("labeler_other"))
        .filter(pl.len().over("labeler", "labeler_other") >= least)
    )
    kappas: list[tuple[float, int]] = []
    for _, pair in sorted(shared.partition_by("labeler", "labeler_other", as_dict=True).items()):
        first, other = pair["violation"], pair["violation_other"]
        if first.n_unique() > 1 or other.n_unique() > 1:  # else chance alone agrees, and kappa is 0 / 0
            kappas.append((_kappa(first, other), len(pair)))
    count = sum(n for _, n in kappas)
    return Kappa(sum(value * n for value, n in kappas) / count, count, len(kappas)) if kappas else None


def _kappa(first: pl.Series, other: pl.Series) -> float:
    from sklearn.metrics import cohen_kappa_score  # over a second, for the few nights with two raters

    return float(cohen_kappa_score(first.to_numpy(), other.to_numpy()))
