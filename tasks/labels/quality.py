"""How good the verdicts are, estimated from labelled comments: point estimates by weight, intervals that know n.

Source: Hajek's ratio estimator (comment on Basu, 1971) for weights by inclusion probability; `intervals` for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import polars as pl

from data_contracts.documents.quality import ConfusionMatrix
from data_contracts.tables.labels import LabelSource
from data_contracts.tables.metrics import Kind
from tasks.labels.truth import NO_CATEGORY, Settled
from tasks.measure.intervals import (
    DRAWS,
    Cell,
    Draws,
    Interval,
    Posterior,
    f1_interval,
    labelled_share,
    posterior,
    quantile_interval,
)
from tasks.measure.measurement import ALL, Measurement, nothing

STRATUM = "stratum="
QUALITY = ("accuracy", "precision", "recall", "f1", "prevalence")

_WEIGHTED = f"Hajek by inclusion probability; Beta per stratum and verdict, {DRAWS} seeded draws, 95% interval"
_UNWEIGHTED = "unweighted share of the labelled comments; Beta 95% interval"
_EMPTY = {
    "precision": "no labelled comment was flagged",
    "recall": "no labelled comment is a violation",
    "f1": "no labelled comment is a violation or was flagged",
}

Number = TypeVar("Number", float, Draws)


class ConfusionCounts(NamedTuple):
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


def weighted_interval(metric: str, draws: Posterior) -> Interval:
    """Interval of a quality metric from draws that lean either way."""
    ends = (draws.fewest, draws.most) if metric == "prevalence" else (draws.worst, draws.best)
    (low, below), (high, above) = (ratio(metric, *end) for end in ends)
    return quantile_interval(low / below, high / above)


class Slice(NamedTuple):
    """Labelled comments that are measured together.

    Attributes:
        name: as in the metrics table.
        comments: truth, flagged, stratum, inclusion_probability.
        is_blind: whether only flagged comments were labelled, so that nothing is known of what was missed.
    """

    name: str
    comments: pl.DataFrame
    is_blind: bool

    @classmethod
    def of(cls, name: str, comments: pl.DataFrame) -> Slice:
        """Comments with their own verdicts."""
        return cls(name, comments, bool(comments["flagged"].all()))


def quality_slices(settled: Settled) -> Iterator[Slice]:
    """The sample as a whole, by language, stratum and category, then each other source, unweighted."""
    sample = settled.comments.filter(pl.col("source") == LabelSource.SAMPLE)
    yield Slice.of(ALL, sample)
    for name in ("language", "stratum"):
        parts = sample.drop_nulls(name).partition_by(name, as_dict=True)
        for (part,), comments in sorted(parts.items()):
            yield Slice.of(f"{name}={part}", comments)
    yield from category_slices(sample)
    for source in LabelSource:
        comments = settled.comments.filter(pl.col("source") == source)
        if source is not LabelSource.SAMPLE and len(comments):
            yield Slice.of(f"source={source}", comments.with_columns(inclusion_probability=pl.lit(None, pl.Float64)))


def category_slices(sample: pl.DataFrame) -> Iterator[Slice]:
    """Each category that model or labels name against the rest; violations of an unnamed category are in none."""
    with_truth = sample.filter(pl.col("true_category").is_not_null())
    is_blind = bool(sample["flagged"].all())
    names = {*with_truth["flagged_category"], *with_truth["true_category"]} - {NO_CATEGORY, None}
    for name in sorted(names):
        is_named = [pl.col(column).eq_missing(name) for column in ("flagged_category", "true_category")]
        yield Slice(f"category={name}", with_truth.with_columns(flagged=is_named[0], truth=is_named[1]), is_blind)


def confusion_matrices(settled: Settled) -> list[ConfusionMatrix]:
    """The confusion matrix of every slice that has a label."""
    return [_matrix(item) for item in quality_slices(settled) if len(item.comments)]


def _matrix(item: Slice) -> ConfusionMatrix:
    weighed = with_weights(item.comments)
    counts = {name: int(value) for name, value in _confusion(weighed, pl.len())._asdict().items()}
    is_weighted = item.comments["inclusion_probability"].null_count() == 0
    sizes = _confusion(weighed, pl.col("weight").sum())._asdict()
    estimated = {f"estimated_{name}": value if is_weighted else None for name, value in sizes.items()}
    return ConfusionMatrix(slice=item.name, **counts, **estimated)


def measure_quality(settled: Settled, seed: int) -> list[Measurement]:
    """Every quality metric in every slice."""
    sources = [str(source) for source in LabelSource if (settled.comments["source"] == source).any()]
    why = f"only {' and '.join(sources)} labels came" if sources else "no labels came that can be used"
    measured = []
    for item in quality_slices(settled):
        dimension, _, member = item.name.partition("=")
        source = {ALL: LabelSource.SAMPLE, "source": member}.get(dimension)
        measured += estimate(item, seed, why_empty=why, remark=settled.remarks(LabelSource(source)) if source else None)
    return measured


def estimate(item: Slice, seed: int, *, why_empty: str = "", remark: str | None = None) -> list[Measurement]:
    """Accuracy, precision, recall, F1 and prevalence of one slice.

    Weighted by 1 / inclusion probability if every comment has one, else all alike. Where every labelled comment was
    flagged, nothing can be said about what was missed.

    Args:
        item: the slice.
        seed: of the posterior draws.
        why_empty: the reason of a slice without comments.
        remark: for the reader of the accuracy row.
    """
    if item.comments.is_empty():
        return [nothing(metric, Kind.RATE, why_empty, slice=item.name) for metric in QUALITY]
    weighed = with_weights(item.comments)
    counts, sizes = _confusion(weighed, pl.len()), _confusion(weighed, pl.col("weight").sum())
    draws = None
    if item.comments["inclusion_probability"].null_count() == 0:
        draws = posterior(cells_of(weighed), seed)
    return [_estimate_one(metric, item, counts, sizes, draws, remark) for metric in QUALITY]


def _estimate_one(
    metric: str,
    item: Slice,
    counts: ConfusionCounts,
    sizes: ConfusionCounts,
    draws: Posterior | None,
    remark: str | None,
) -> Measurement:
    part = item.name
    if metric in ("recall", "f1") and item.is_blind:
        return nothing(metric, Kind.RATE, "every labelled comment was flagged", slice=part)
    numerator, denominator = ratio(metric, *sizes)
    if denominator == 0:
        return nothing(metric, Kind.RATE, _EMPTY[metric], slice=part)
    agreed, n = ratio(metric, *counts)
    if metric == "f1":
        agreed, n = counts.true_positive, n - counts.true_positive
    if draws is None:
        interval = f1_interval(agreed, n) if metric == "f1" else labelled_share(agreed, n)
    else:
        interval = weighted_interval(metric, draws)
    value = numerator / denominator
    return Measurement(
        metric,
        part,
        Kind.RATE,
        _UNWEIGHTED if draws is None else _WEIGHTED,
        # Strata are the detector's evidence, which needs counts: there x is what was counted, whatever the weights are.
        x=agreed if part.startswith(STRATUM) and metric != "f1" else value * n,
        n=int(n),
        value=value,
        interval=interval.around(value),
        reason=remark if metric == "accuracy" else None,
    )


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


def _confusion(comments: pl.DataFrame, amount: pl.Expr) -> ConfusionCounts:
    grouped = comments.group_by("flagged", "truth").agg(amount.alias("amount")).iter_rows()
    found = {(flagged, truth): float(value) for flagged, truth, value in grouped}
    return ConfusionCounts(
        *(found.get(cell, 0.0) for cell in ((True, True), (True, False), (False, True), (False, False)))
    )


def cells_of(comments: pl.DataFrame) -> list[Cell]:
    """The labelled comments by stratum and verdict.

    Columns: flagged, truth, stratum, weight.
    """
    cells = []
    parts = comments.rename({"truth": "hit"}).partition_by("stratum", "flagged", as_dict=True)
    for (stratum, flagged), members in parts.items():
        share, effective_n = weighted_share(members)
        size = float(members["weight"].sum())
        cells.append(Cell(str(stratum), bool(flagged), size, share, len(members), effective_n))
    return cells
