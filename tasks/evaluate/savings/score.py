"""Counts what a replayed policy decides against the labels: figures with intervals, what it may lose, its price."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from data_contracts.documents.evaluation.savings import ReplayRow
from tasks.evaluate.savings.guarantee import labels_needed, loss_bound
from tasks.evaluate.savings.replay import MODEL, PACK, Replayed
from tasks.measure.intervals import Interval, f1_interval, labelled_share

_OWN_CLUSTER = pl.concat_str(pl.lit("row "), pl.int_range(pl.len()).cast(pl.String))


class Share(NamedTuple):
    """A weighted share, and how many labels it is worth; None where there is nothing to take a share of."""

    value: float
    n: float


def score(
    replayed: Replayed,
    policy: str,
    plain_usd: float | None,
    margin: float,
    *,
    step: str | None = None,
    threshold: float | None = None,
    is_shipped: bool = True,
) -> ReplayRow:
    """The figures of a replay.

    Args:
        replayed: the policy over the set.
        policy: its name.
        plain_usd: what 1,000 comments cost where the model is asked for each; None if unknown.
        margin: the loss that may be borne, of `MODERATION_MARGIN`.
        step, threshold, is_shipped: as the row says them.
    """
    items = replayed.items.with_columns(pl.col("cluster").fill_null(_OWN_CLUSTER))
    hit = pl.col("violation") & pl.col("flagged")
    recall = _share(items.filter("violation"), hit)
    precision = _share(items.filter("flagged"), hit)
    union = _share(items.filter(pl.col("violation") | pl.col("flagged")), hit)
    violations, lost = _lost(items)
    cost = _per_1000(items)
    asked = items.select((pl.col("weight") * pl.col("step").is_in([MODEL, PACK])).sum() / pl.col("weight").sum())
    f1 = None if union is None else f1_interval(union.value * union.n, union.n)
    return ReplayRow(
        policy=policy,
        cost_per_1000_usd=cost,
        cost_ratio=cost / plain_usd if cost is not None and plain_usd else None,
        f1=None if union is None else 2 * union.value / (1 + union.value),
        recall=_value(recall),
        precision=_value(precision),
        recall_loss_high=loss_bound(lost, violations) if replayed.may_lose else 0.0,
        needs_labels=labels_needed(lost, violations, items.height, margin) if replayed.may_lose else None,
        step=step,
        threshold=threshold,
        is_shipped=is_shipped,
        model_share=float(asked.item()),
        violations=violations,
        lost=lost,
        f1_low=f1.low if f1 else None,
        f1_high=f1.high if f1 else None,
        **_ends("recall", recall),
        **_ends("precision", precision),
    )


def _share(items: pl.DataFrame, is_hit: pl.Expr) -> Share | None:
    """Weighted share of hits; worth as many labels as there are clusters, fewer where their weights differ (Kish)."""
    if items.is_empty():
        return None
    clusters = items.group_by("cluster").agg(
        size=pl.col("weight").sum(), hits=(pl.col("weight") * is_hit.cast(pl.Float64)).sum()
    )
    size, squares, hits = clusters.select(
        size=pl.col("size").sum(), squares=(pl.col("size") ** 2).sum(), hits=pl.col("hits").sum()
    ).row(0)
    return Share(min(1.0, hits / size), size**2 / squares)


def _value(share: Share | None) -> float | None:
    return share.value if share else None


def _ends(name: str, share: Share | None) -> dict[str, float | None]:
    ends = Interval(None, None) if share is None else labelled_share(share.value * share.n, share.n)  # type: ignore[arg-type]
    return {f"{name}_low": ends.low, f"{name}_high": ends.high}


def _lost(items: pl.DataFrame) -> tuple[int, int]:
    """Groups of like violations, and those of them of which the model flags one that the policy lets pass."""
    is_lost = pl.col("model_flagged") & ~pl.col("flagged")
    clusters = items.filter("violation").group_by("cluster").agg(is_lost=is_lost.any())
    return clusters.height, int(clusters["is_lost"].sum())


def _per_1000(items: pl.DataFrame) -> float | None:
    """Weighted mean times 1,000; None where one is unknown, since a mean of the known ones would be too low."""
    if items["cost_usd"].null_count():
        return None
    mean = items.select((pl.col("weight") * pl.col("cost_usd")).sum() / pl.col("weight").sum()).item()
    return 1000 * float(mean)
