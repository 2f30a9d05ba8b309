"""From where the labels allow a classifier to clear, and what it has seen too seldom."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from data_contracts.documents.evaluation.classifier import TriedThreshold
from tasks.evaluate.savings.guarantee import Tried, proved_threshold
from tasks.route.classifier.fitness import GRAVE, LEAST_SEEN

#: Chances of a violation up to which comments are cleared, from the safest to the cheapest; settled beforehand.
CLEAR_TOS = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)


def try_thresholds(examples: pl.DataFrame) -> tuple[TriedThreshold, ...]:
    """Every threshold over the violations that people labelled in a sample; like texts are one, lost if one of them is.

    Columns: examples (chance, violation, is_sample: labelled in a drawn sample, cluster, weight).
    """
    proving = examples.filter("is_sample", "violation").group_by("cluster").agg(lowest=pl.col("chance").min())
    comments = float(examples["weight"].sum())
    tried = []
    for clear_to in CLEAR_TOS:
        found = Tried(clear_to, proving.filter(pl.col("lowest") <= clear_to).height, proving.height)
        cleared = float(examples.filter(pl.col("chance") <= clear_to)["weight"].sum())
        tried.append(
            TriedThreshold(
                clear_to=clear_to,
                lost=found.lost,
                violations=found.violations,
                bound=found.bound,
                cleared_share=cleared / comments if comments else 0.0,
            )
        )
    return tuple(tried)


def proved(tried: Collection[TriedThreshold], margin: float) -> TriedThreshold | None:
    """The cheapest that loses at most `margin`; None if none is proved, see `proved_threshold`."""
    found = proved_threshold((Tried(one.clear_to, one.lost, one.violations) for one in tried), margin)
    return next((one for one in tried if found is not None and one.clear_to == found.threshold), None)


def seen_violations(examples: pl.DataFrame) -> dict[str, int]:
    """How many violations of each category there are; like texts are one. Columns: violation, category, cluster."""
    counts = examples.filter("violation").group_by("category").agg(pl.col("cluster").n_unique()).sort("category")
    return dict(counts.iter_rows())


def rare(seen: dict[str, int], categories: Collection[str]) -> tuple[str, ...]:
    """The prompt's grave categories that were seen fewer than LEAST_SEEN times."""
    return tuple(sorted(one for one in GRAVE if one in categories and seen.get(one, 0) < LEAST_SEEN))
