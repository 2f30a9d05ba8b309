"""What replies of a judge add up to, and whether the judge can be believed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.documents.evaluation.judgement import JudgeGate, ShareFigure
from tasks.evaluate.judge.criteria import CRITERIA, FIRST, SECOND, TIE, Pair
from tasks.labels.progress.agreement import kappa_of
from tasks.measure.intervals import labelled_share

#: Explanations that two people must have rated, and how far below people's own agreement a judge may be.
LEAST_RATED, MOST_BELOW = 100, 0.1
_DRAWS, _SEED = 2_000, 1

#: The cells of two raters: both say met, only the first, only the other, neither.
_Cells = npt.NDArray[np.float64]


class Kappa(NamedTuple):
    """Agreement beyond chance with its 95 % interval; None where both only ever said one thing."""

    value: float | None
    low: float | None = None
    high: float | None = None


def share(name: str, x: int, n: int) -> ShareFigure:
    """A share with its interval."""
    if n == 0:
        return ShareFigure(name=name, x=x, n=n, share=None, ci_low=None, ci_high=None)
    low, high = labelled_share(x, n)
    return ShareFigure(name=name, x=x, n=n, share=x / n, ci_low=low, ci_high=high)


def criteria_shares(replies: Sequence[Mapping[str, bool]]) -> list[ShareFigure]:
    """The share of explanations that meets each criterion, and all of them."""
    shares = [share(name, sum(reply[name] for reply in replies), len(replies)) for name in CRITERIA]
    whole = sum(all(reply[name] for name in CRITERIA) for reply in replies)
    return [*shares, share("all", whole, len(replies))]


class PairFigures(NamedTuple):
    """See `PairJudgement`."""

    champion_wins: int
    challenger_wins: int
    tie_count: int
    position_consistency: ShareFigure
    win_rate: ShareFigure
    longer_win_rate: ShareFigure
    follows_length: ShareFigure


def pair_figures(replies: Iterable[tuple[Pair, str, str]]) -> PairFigures:
    """What pairs add up to; only a win in both orders is one.

    Args:
        replies: a pair, the reply with the champion first, the reply with the challenger first.
    """
    champion_wins = challenger_wins = ties = consistent = longer_wins = unequal = 0
    longer_is_challenger = 0
    for pair, champion_first, challenger_first in replies:
        longer = len(pair.challenger[1]) - len(pair.champion[1])
        unequal += longer != 0
        longer_is_challenger += longer > 0
        winner = _winner(champion_first, challenger_first)
        consistent += winner is not None
        champion_wins += winner == FIRST
        challenger_wins += winner == SECOND
        ties += winner not in (FIRST, SECOND)
        longer_wins += (winner == SECOND and longer > 0) or (winner == FIRST and longer < 0)
    won = champion_wins + challenger_wins
    return PairFigures(
        champion_wins,
        challenger_wins,
        ties,
        share("position_consistency", consistent, won + ties),
        share("win_rate", challenger_wins, won),
        share("longer_win_rate", longer_is_challenger, unequal),
        share("follows_length", longer_wins, won),
    )


def _winner(champion_first: str, challenger_first: str) -> str | None:
    """FIRST for the champion, SECOND for the challenger, TIE; None where the order has decided."""
    turned = {FIRST: SECOND, SECOND: FIRST, TIE: TIE}[challenger_first]
    return champion_first if champion_first == turned else None


def gate(ratings: pl.DataFrame, judged: Mapping[str, Mapping[str, bool]]) -> JudgeGate:
    """Whether the judge may be believed.

    Args:
        ratings: of people: `comment_id, rater` and a boolean column for each of CRITERIA; one row a comment and rater.
        judged: the judge's reply by comment_id.
    """
    known = ratings.filter(pl.col("comment_id").is_in(list(judged)))
    several = known.filter(pl.len().over("comment_id") > 1)
    rated_count = several["comment_id"].n_unique()
    people, judge = _kappa(_people_cells(several)), _kappa(_judge_cells(several, judged))
    reason = _reason(rated_count, people, judge)
    return JudgeGate(
        rated_count=rated_count,
        people_kappa=people.value,
        people_low=people.low,
        people_high=people.high,
        judge_kappa=judge.value,
        judge_low=judge.low,
        judge_high=judge.high,
        is_validated=not reason,
        reason=reason or "the judge agrees with people about as well as people with each other",
    )


def _reason(rated_count: int, people: Kappa, judge: Kappa) -> str:
    """Why the judge is not validated; empty if it is."""
    if rated_count < LEAST_RATED:
        return f"not validated: {rated_count} explanations were rated by two people, {LEAST_RATED} are needed"
    if people.value is None or judge.value is None:
        return "not validated: raters only ever gave one answer, so that agreement is chance"
    if judge.value < people.value - MOST_BELOW:
        return (
            f"not validated: kappa with people is {judge.value:.2f}, more than {MOST_BELOW:g} below the "
            f"{people.value:.2f} of people with each other"
        )
    return ""


def _people_cells(ratings: pl.DataFrame) -> _Cells:
    """The cells of every pair of people, added up by explanation."""
    both = ratings.join(ratings, on="comment_id", suffix="_other").filter(pl.col("rater") < pl.col("rater_other"))
    return _cells(both, {name: (pl.col(name), pl.col(f"{name}_other")) for name in CRITERIA})


def _judge_cells(ratings: pl.DataFrame, judged: Mapping[str, Mapping[str, bool]]) -> _Cells:
    """The cells of the judge with each person, added up by explanation."""
    rows = [{"comment_id": name, **{f"{key}_judge": reply[key] for key in CRITERIA}} for name, reply in judged.items()]
    schema = {"comment_id": pl.String, **dict.fromkeys((f"{name}_judge" for name in CRITERIA), pl.Boolean)}
    both = ratings.join(pl.DataFrame(rows, schema=schema), on="comment_id")
    return _cells(both, {name: (pl.col(name), pl.col(f"{name}_judge")) for name in CRITERIA})


def _cells(both: pl.DataFrame, columns: Mapping[str, tuple[pl.Expr, pl.Expr]]) -> _Cells:
    """How often both said met, only the first, only the other, neither; a row an explanation."""
    pairs = list(columns.values())
    kinds = {
        "both": [first & other for first, other in pairs],
        "first": [first & ~other for first, other in pairs],
        "other": [~first & other for first, other in pairs],
        "neither": [~first & ~other for first, other in pairs],
    }
    named = [pl.sum_horizontal(kind).cast(pl.Int64).alias(name) for name, kind in kinds.items()]
    counted = both.select("comment_id", *named).group_by("comment_id").sum().sort("comment_id")
    return counted.select(list(kinds)).to_numpy().astype(np.float64)


def _kappa(cells: _Cells) -> Kappa:
    """Of all units together; the interval by drawing explanations with all their criteria."""
    if not len(cells):
        return Kappa(None)
    value = float(kappa_of(cells.sum(axis=0)))
    if not np.isfinite(value):
        return Kappa(None)
    random = np.random.default_rng(_SEED)
    counts = random.multinomial(len(cells), np.full(len(cells), 1 / len(cells)), _DRAWS).astype(np.float64)
    low, high = np.nanquantile(kappa_of(counts @ cells), [0.025, 0.975])
    return Kappa(value, float(low), float(high))
