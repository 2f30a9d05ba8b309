"""How good the verdicts are, estimated from labelled comments: point estimates by weight, intervals that know n.

Source: Hajek's ratio estimator (comment on Basu, 1971) for weights by inclusion probability; `intervals` for the rest.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import polars as pl

from data_contracts.labels import LabelSource
from data_contracts.metrics import Kind
from tasks.intervals import DRAWS, Cell, Confusion, Draws, confusion_draws, f1_interval, jeffreys, quantile_interval
from tasks.measurements import ALL, Measurement, nothing
from tasks.settle_labels import NO_CATEGORY, Settled

QUALITY = ("accuracy", "precision", "recall", "f1", "prevalence")

_WEIGHTED = f"Hajek by inclusion probability; Jeffreys per stratum and verdict, {DRAWS} seeded draws, 95% interval"
_UNWEIGHTED = "unweighted share of the labelled comments; Jeffreys 95% interval"
_EMPTY = {
    "precision": "no labelled comment was flagged",
    "recall": "no labelled comment is a violation",
    "f1": "no labelled comment is a violation or was flagged",
}

Number = TypeVar("Number", float, Draws)


class Counts(NamedTuple):
    """A confusion matrix, in comments or in weight."""

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float


def ratio(metric: str, tp: Number, fp: Number, fn: Number, tn: Number) -> tuple[Number, Number]:
    """Numerator and denominator of a quality metric from a confusion matrix, of numbers or of draws."""
    match metric:
        case "accuracy":
            return tp + tn, tp + fp + fn + tn
        case "precision":
            return tp, tp + fp
        case "recall":
            return tp, tp + fn
        case "f1":
            return 2 * tp, 2 * tp + fp + fn
        case "prevalence":
            return tp + fn, tp + fp + fn + tn
        case _:
            raise ValueError(metric)


def measure_quality(settled: Settled, seed: int) -> list[Measurement]:
    """Every quality metric in every slice: the sample as a whole and in parts, other sources apart."""
    by_source = {source: settled.comments.filter(pl.col("source") == source) for source in LabelSource}
    sample = by_source.pop(LabelSource.SAMPLE)
    came = [str(source) for source, comments in by_source.items() if len(comments)]
    why = f"only {' and '.join(came)} labels came" if came else "no labels came that can be used"
    measured = estimate(sample, ALL, seed, why_empty=why, remark=settled.remarks(LabelSource.SAMPLE))
    for name in ("language", "stratum"):
        parts = sample.drop_nulls(name).partition_by(name, as_dict=True)
        for (part,), comments in sorted(parts.items()):
            measured += estimate(comments, f"{name}={part}", seed)
    measured += measure_categories(sample)
    for source, comments in by_source.items():
        if len(comments):
            unweighted = comments.with_columns(inclusion_probability=pl.lit(None, pl.Float64))
            measured += estimate(unweighted, f"source={source}", seed, remark=settled.remarks(source))
    return measured


def estimate(
    comments: pl.DataFrame, part: str, seed: int, *, why_empty: str = "", remark: str | None = None
) -> list[Measurement]:
    """Accuracy, precision, recall, F1 and prevalence of one slice.

    Weighted by 1 / inclusion probability if every comment has one, else all alike. Where every labelled comment was
    flagged, nothing can be said about what was missed.

    Args:
        comments: truth, flagged, stratum, inclusion_probability.
        part: the slice's name.
        seed: of the posterior draws.
        why_empty: the reason of a slice without comments.
        remark: for the reader of the accuracy row.
    """
    if comments.is_empty():
        return [nothing(metric, Kind.RATE, why_empty, slice=part) for metric in QUALITY]
    weighed = with_weights(comments)
    counts, sizes = _confusion(weighed, pl.len()), _confusion(weighed, pl.col("weight").sum())
    draws = None
    if comments["inclusion_probability"].null_count() == 0:
        draws = confusion_draws(_cells(weighed), seed)
    return [_estimate_one(metric, part, counts, sizes, draws, remark) for metric in QUALITY]


def _estimate_one(
    metric: str, part: str, counts: Counts, sizes: Counts, draws: Confusion | None, remark: str | None
) -> Measurement:
    is_blind = counts.false_negative + counts.true_negative == 0
    if metric in ("recall", "f1") and is_blind:
        return nothing(metric, Kind.RATE, "every labelled comment was flagged", slice=part)
    numerator, denominator = ratio(metric, *sizes)
    if denominator == 0:
        return nothing(metric, Kind.RATE, _EMPTY[metric], slice=part)
    agreed, n = ratio(metric, *counts)
    if metric == "f1":
        agreed, n = counts.true_positive, n - counts.true_positive
    if draws is None:
        interval = f1_interval(agreed, n) if metric == "f1" else jeffreys(agreed, n)
    else:
        top, bottom = ratio(metric, *draws)
        interval = quantile_interval(top / bottom)
    value = numerator / denominator
    return Measurement(
        metric,
        part,
        Kind.RATE,
        _UNWEIGHTED if draws is None else _WEIGHTED,
        x=value * n,
        n=int(n),
        value=value,
        interval=interval.around(value),
        reason=remark if metric == "accuracy" else None,
    )


def measure_categories(sample: pl.DataFrame) -> list[Measurement]:
    """Precision of each category that the model named and recall of each that the labels name, one against the rest."""
    weighed = with_weights(sample)
    is_same = (pl.col("flagged_category") == pl.col("true_category")).fill_null(False).alias("hit")
    measured = []
    for metric, column in (("precision", "flagged_category"), ("recall", "true_category")):
        named = weighed.filter(pl.col(column) != NO_CATEGORY).with_columns(is_same)
        for (category,), comments in sorted(named.partition_by(column, as_dict=True).items()):
            share, effective_n = weighted_share(comments)
            interval = jeffreys(share * effective_n, effective_n)
            n = len(comments)
            slice_name = f"category={category}"
            method = "weighted share, one category against the rest; Jeffreys 95% interval at Kish's effective n"
            measured.append(
                Measurement(
                    metric,
                    slice_name,
                    Kind.RATE,
                    method,
                    x=share * n,
                    n=n,
                    value=share,
                    interval=interval.around(share),
                )
            )
    return measured


def with_weights(comments: pl.DataFrame) -> pl.DataFrame:
    """Add how many comments each stands for; all alike unless every one has an inclusion probability.

    Columns: inclusion_probability, stratum -> weight; a null stratum becomes "".
    """
    is_known = comments["inclusion_probability"].null_count() == 0
    weight = 1 / pl.col("inclusion_probability") if is_known else pl.lit(1.0)
    return comments.with_columns(weight.cast(pl.Float64).alias("weight"), pl.col("stratum").fill_null(""))


def weighted_share(comments: pl.DataFrame) -> tuple[float, float]:
    """Weighted share of `hit`, and Kish's effective number of comments.

    Source: Kish, "Survey Sampling" (1965).
    """
    weight, hit = comments["weight"], comments["hit"].cast(pl.Float64)
    size = float(weight.sum())
    return min(float((weight * hit).sum()) / size, 1.0), min(size**2 / float((weight**2).sum()), float(len(comments)))


def _confusion(comments: pl.DataFrame, amount: pl.Expr) -> Counts:
    grouped = comments.group_by("flagged", "truth").agg(amount.alias("amount")).iter_rows()
    found = {(flagged, truth): float(value) for flagged, truth, value in grouped}
    return Counts(*(found.get(cell, 0.0) for cell in ((True, True), (True, False), (False, True), (False, False))))


def _cells(comments: pl.DataFrame) -> list[Cell]:
    cells = []
    parts = comments.rename({"truth": "hit"}).partition_by("stratum", "flagged", as_dict=True)
    for (stratum, flagged), members in parts.items():
        share, effective_n = weighted_share(members)
        size = float(members["weight"].sum())
        cells.append(Cell(str(stratum), bool(flagged), size, share, len(members), effective_n))
    return cells
