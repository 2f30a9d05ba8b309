"""Two candidates that answered the same comments: how far apart they are, and how sure that is.

Every figure is paired: a comment that both got right, or both wrong, says nothing about which one is better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from tasks.measure.intervals import Interval, quantile_interval

DRAWS = 2000
#: Clusters that are added to the sample for each way in which the candidates can differ (a Dirichlet prior).
#: Without them no draw could hold a difference that the sample happened not to show, and few differences would look
#: like certainty.
PRIOR_CLUSTERS = 0.5

Draws = npt.NDArray[np.float64]

#: A figure of a confusion matrix: true positives, false positives, false negatives; one number or one a draw each.
_Figure = Callable[[Draws, Draws, Draws], Draws]

#: A comment without a cluster is one by itself.
_OWN_CLUSTER = pl.concat_str(pl.lit("row "), pl.int_range(pl.len()).cast(pl.String))

#: What one cluster adds to each candidate's confusion matrix; the order of the columns in `_totals`.
_PARTS = ("champion_tp", "champion_fp", "champion_fn", "challenger_tp", "challenger_fp", "challenger_fn")


class Discordance(NamedTuple):
    """Comments on which exactly one candidate is right.

    Attributes:
        n: how many comments both answered.
        gained: only the challenger is right.
        lost: only the champion is right.
        witnesses: clusters of like texts that speak for the challenger, and for the champion; None: each comment is
            a witness of its own.
    """

    n: int
    gained: int
    lost: int
    witnesses: tuple[int, int] | None = None

    @property
    def p_value(self) -> float:
        """Two-sided exact p of "both are right equally often": McNemar's test, the binomial one.

        Source: McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
        """
        speak = self.witnesses or (self.gained, self.lost)
        return min(1.0, 2 * float(stats.binom.cdf(min(speak), sum(speak), 0.5)))


class Difference(NamedTuple):
    """A figure of both candidates, and how much higher the challenger's is, with a 95 % interval."""

    champion: float
    challenger: float
    difference: float
    interval: Interval


class Differences(NamedTuple):
    """The three figures that compare two judges of violations."""

    f1: Difference
    precision: Difference
    recall: Difference


def discordance(answers: pl.DataFrame) -> Discordance:
    """Count who is right where: a candidate is right if it judged the comment and its `violation` is the label's.

    Args:
        answers: a row a comment with `violation`, `champion_violation` and `challenger_violation`; the last two are
            null where the candidate gave no verdict, which counts as wrong. With `cluster`, like texts are one witness,
            for whomever most of them speak.
    """
    champion = pl.col("champion_violation").eq_missing(pl.col("violation"))
    challenger = pl.col("challenger_violation").eq_missing(pl.col("violation"))
    n, gained, lost = answers.select(
        pl.len(), gained=(challenger & ~champion).sum(), lost=(champion & ~challenger).sum()
    ).row(0)
    if "cluster" not in answers.columns:
        return Discordance(n, gained, lost)
    clusters = answers.group_by(pl.col("cluster").fill_null(_OWN_CLUSTER)).agg(
        net=challenger.cast(pl.Int64).sum() - champion.cast(pl.Int64).sum()
    )
    speak = clusters.select(gained=(pl.col("net") > 0).sum(), lost=(pl.col("net") < 0).sum()).row(0)
    return Discordance(n, gained, lost, witnesses=(speak[0], speak[1]))


def differences(answers: pl.DataFrame, seed: int) -> Differences:
    """F1, precision and recall of both, and their differences by a stratified, paired, clustered bootstrap.

    Clusters of like texts are drawn whole, within their stratum, by Dirichlet weights (the Bayesian bootstrap) over
    the kinds of clusters that the sample has and `PRIOR_CLUSTERS` of each kind of difference. A comment without a
    verdict is no flag. A figure that is not defined (nothing flagged) is 0.

    Args:
        answers: a row a comment with `stratum` and `cluster` (both may be null), `weight` (how many comments it
            stands for, over 0), `violation`, `champion_violation`, `challenger_violation`.
        seed: of the draws; the same answers in any order with the same seed give the same intervals.

    Source: Rubin, "The Bayesian Bootstrap", Annals of Statistics 9 (1981).
    """
    totals = np.zeros((DRAWS, len(_PARTS)))
    observed = np.zeros(len(_PARTS))
    random = np.random.default_rng(seed)
    for stratum in _kinds(answers).partition_by("stratum", maintain_order=True):
        kinds = stratum.select(_PARTS).to_numpy()
        counts = stratum["clusters"].to_numpy().astype(float)
        observed += counts @ kinds
        members = answers.filter(pl.col("stratum").eq_missing(stratum["stratum"][0]))
        priors = _prior_kinds(members, kinds, counts)
        weights = np.concatenate([counts, np.full(len(priors), PRIOR_CLUSTERS)])
        shares = random.dirichlet(weights, DRAWS)
        totals += counts.sum() * (shares @ np.concatenate([kinds, priors]))
    return Differences(*(_difference(observed, totals, figure) for figure in (_f1, _precision, _recall)))


def _kinds(answers: pl.DataFrame) -> pl.DataFrame:
    """Clusters that add the same to both matrices, counted: a few rows, however many comments there are."""
    clusters = (
        answers.with_columns(pl.col("cluster").fill_null(_OWN_CLUSTER))
        .group_by("stratum", "cluster")
        .agg(_part(name).sum().alias(name) for name in _PARTS)
    )
    return clusters.group_by("stratum", *_PARTS).agg(clusters=pl.len()).sort("stratum", *_PARTS)


def _part(name: str) -> pl.Expr:
    """A comment's weight where it falls into this cell of this candidate's matrix."""
    candidate, cell = name.rsplit("_", 1)
    flagged = pl.col(f"{candidate}_violation").fill_null(value=False)
    falls = {
        "tp": pl.col("violation") & flagged,
        "fp": ~pl.col("violation") & flagged,
        "fn": pl.col("violation") & ~flagged,
    }[cell]
    return pl.when(falls).then(pl.col("weight")).otherwise(0.0)


def _prior_kinds(answers: pl.DataFrame, kinds: Draws, counts: Draws) -> Draws:
    """One cluster of usual weight of each way to differ; shape (0 to 4, 6). Ways of a truth that is absent are none."""
    priors = []
    for violation, weight in answers.group_by("violation").agg(pl.col("weight").mean()).sort("violation").iter_rows():
        column = _PARTS.index("champion_tp" if violation else "champion_fp")
        usual = _usual_weight(np.abs(kinds[:, column] - kinds[:, column + 3]), counts) or weight
        if violation:
            priors += [_kind(usual, "champion_tp", "challenger_fn"), _kind(usual, "champion_fn", "challenger_tp")]
        else:
            priors += [_kind(usual, "champion_fp"), _kind(usual, "challenger_fp")]
    return np.array(priors).reshape(-1, len(_PARTS))


def _usual_weight(weights: Draws, counts: Draws) -> float:
    """Weight of the cluster that a differing comment is in, on average; 0 if none differs.

    One text repeated fifty times is one witness of weight 50: that it could as well have spoken for the other
    candidate must be possible with that weight.
    """
    total = float(counts @ weights)
    return float(counts @ weights**2) / total if total else 0.0


def _kind(weight: float, *parts: str) -> list[float]:
    return [weight if name in parts else 0.0 for name in _PARTS]


def _difference(observed: Draws, totals: Draws, figure: _Figure) -> Difference:
    champion, challenger = figure(*observed[:3]), figure(*observed[3:])
    drawn = figure(*totals[:, 3:].T) - figure(*totals[:, :3].T)
    difference = float(challenger - champion)
    return Difference(
        float(champion), float(challenger), difference, quantile_interval(drawn, drawn).around(difference)
    )


def _f1(tp: Draws, fp: Draws, fn: Draws) -> Draws:
    return _share(2 * tp, 2 * tp + fp + fn)


def _precision(tp: Draws, fp: Draws, fn: Draws) -> Draws:
    del fn
    return _share(tp, tp + fp)


def _recall(tp: Draws, fp: Draws, fn: Draws) -> Draws:
    del fp
    return _share(tp, tp + fn)


def _share(part: Draws, whole: Draws) -> Draws:
    """The share, and 0 where there is no whole."""
    shares: Draws = np.divide(part, whole, out=np.zeros_like(whole, dtype=np.float64), where=np.greater(whole, 0))
    return shares
