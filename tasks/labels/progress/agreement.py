"""How far raters agree who labelled the same comments: beyond chance, and on the violations.

Few comments are violations, and then kappa is low although raters rarely differ: the share of agreement on violations
stands beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.labels.truth import MIN_SHARED

_DRAWS, _SEED = 2_000, 1
#: both see a violation, only the first does, only the other does, neither
_CELLS = ("both", "first", "other", "neither")


class Agreement(NamedTuple):
    """What the comments say that several raters labelled.

    Attributes:
        compared_count: comments, once for each pair of raters.
        agreed_count: of these, with one answer of both.
        kappa: Cohen's; of several pairs the mean, weighted by their comments; None where no pair shares enough.
        interval: 95 % interval of `kappa`, by a bootstrap over comments.
        positive: 2a / (2a + b + c), where a violation was seen by both, by the one, by the other; None without any.
    """

    compared_count: int = 0
    agreed_count: int = 0
    kappa: float | None = None
    interval: tuple[float, float] | None = None
    positive: float | None = None


def agreement(labels: pl.DataFrame) -> Agreement:
    """The agreement of all pairs of raters.

    Columns: date, comment_id, labeler, violation are read; one row a comment and rater.
    Source: Cohen (1960), of several pairs Light (1971); Cicchetti and Feinstein, "High agreement but low kappa" (1990).
    """
    told = labels.select("date", "comment_id", "labeler", "violation")
    shared = told.join(told, on=["date", "comment_id"], suffix="_other").filter(
        pl.col("labeler") < pl.col("labeler_other")
    )
    if shared.is_empty():
        return Agreement()
    first, other = pl.col("violation"), pl.col("violation_other")
    kinds = {"both": first & other, "first": first & ~other, "other": ~first & other, "neither": ~first & ~other}
    tables = shared.group_by("labeler", "labeler_other").agg(kind.sum().alias(name) for name, kind in kinds.items())
    counts = tables.sort("labeler", "labeler_other").select(_CELLS).to_numpy().astype(np.float64)
    both, one, another, neither = (int(value) for value in counts.sum(axis=0))
    kappa, interval = _mean_kappa(counts[counts.sum(axis=1) >= MIN_SHARED])
    seen = 2 * both + one + another
    return Agreement(both + one + another + neither, both + neither, kappa, interval, 2 * both / seen if seen else None)


def _mean_kappa(counts: npt.NDArray[np.float64]) -> tuple[float | None, tuple[float, float] | None]:
    """Kappa and its interval from a row of four cells for each pair; None where it is 0 / 0."""
    sizes = counts.sum(axis=1)
    kappas = kappa_of(counts)
    is_known = np.isfinite(kappas)
    if not is_known.any():
        return None, None
    counts, sizes = counts[is_known], sizes[is_known]
    random = np.random.default_rng(_SEED)
    drawn = np.stack(
        [random.multinomial(int(size), row / size, _DRAWS) for row, size in zip(counts, sizes, strict=True)]
    ).astype(np.float64)
    means = np.average(kappa_of(drawn), axis=0, weights=sizes)
    low, high = np.nanquantile(means, [0.025, 0.975])
    return float(np.average(kappas[is_known], weights=sizes)), (float(low), float(high))


def kappa_of(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Kappa of tables whose last axis is _CELLS; NaN where both raters only ever gave one answer."""
    both, first, other, neither = np.moveaxis(counts, -1, 0)
    n = counts.sum(axis=-1)
    agreed = (both + neither) / n
    chance = ((both + first) * (both + other) + (neither + first) * (neither + other)) / n**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (agreed - chance) / (1 - chance), np.nan)
