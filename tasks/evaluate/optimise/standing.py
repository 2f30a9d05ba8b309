"""How a draft stands beside others over the same comments: F1, price, and which of them to take."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl

from data_contracts.documents.evaluation.comparison import Comparison
from tasks.evaluate.comparison import Compared, compare
from tasks.ledger.prices import Price

#: Half of a 95 % interval in standard errors.
_HALF_WIDTH = 1.96
#: Comparisons among drafts are no documents: they bear no moment.
_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
_GIVEN = "given_"


class Worth(NamedTuple):
    """What F1 and dollars are worth beside each other.

    Attributes:
        price: of the model's tokens in batch: nights are.
        usd_per_point: dollars per 1,000 comments that a point of F1 is worth.
    """

    price: Price
    usd_per_point: float

    def objective(self, f1: float, cost_per_1000_usd: float) -> float:
        """F1 less the price of the tokens, in F1."""
        return f1 - cost_per_1000_usd / self.usd_per_point / 100


class Standing(NamedTuple):
    """How a draft does over some comments; `answers` has a row a comment, what it answered as `given_...`."""

    answers: pl.DataFrame
    f1: float
    cost_per_1000_usd: float
    objective: float


def stand(answers: pl.DataFrame, worth: Worth) -> Standing:
    """How a draft stands.

    Args:
        answers: the items with `given_status, given_violation, given_category, given_input_tokens,
            given_output_tokens, given_cost_usd`.
        worth: of F1 and dollars.
    """
    figures = beside(answers, answers).champion
    pico = (
        (figures.input_tokens_per_1000 or 0.0) * worth.price.input_pico
        + (figures.output_tokens_per_1000 or 0.0) * worth.price.output_pico
    )  # fmt: skip
    cost, f1 = pico / 10**12, figures.f1 or 0.0
    return Standing(answers, f1, cost, worth.objective(f1, cost))


def beside(champion: pl.DataFrame, challenger: pl.DataFrame, margin: float = 0.02) -> Comparison:
    """The comparison of two drafts' answers to the same items."""
    given = [name for name in champion.columns if name.startswith(_GIVEN)]
    left = champion.rename({name: f"champion_{name.removeprefix(_GIVEN)}" for name in given})
    right = challenger.select(
        "item_id", *(pl.col(name).alias(f"challenger_{name.removeprefix(_GIVEN)}") for name in given)
    )
    joined = left.join(right, on="item_id", how="inner", validate="1:1")
    what = Compared("", 0, "dev", "champion", "challenger", joined, noise=None, looks=None)
    return compare(what, margin, _NO_MOMENT)


def standard_error(champion: pl.DataFrame, challenger: pl.DataFrame) -> float:
    """Of the F1 difference of two drafts, paired by comment and clustered by like texts."""
    found = beside(champion, challenger)
    return (found.ci_high - found.ci_low) / (2 * _HALF_WIDTH)


def cheapest_within_one_error(standings: Mapping[str, Standing]) -> str:
    """The cheapest of those whose F1 is within one standard error of the best one's.

    The best of many noisy figures looks better than it is; what is as good as far as anybody can tell may be cheaper.

    Args:
        standings: by name, at least one, over the same comments; the first of equals is taken.
    """
    best = max(standings.values(), key=lambda each: (each.f1, -each.cost_per_1000_usd))
    good = {
        name: each
        for name, each in standings.items()
        if each is best or best.f1 - each.f1 <= standard_error(best.answers, each.answers)
    }
    return min(good, key=lambda name: (good[name].cost_per_1000_usd, -good[name].f1))


def minibatch(standing: Standing, size: int, mistake_share: float = 0.75) -> Sequence[str]:
    """Ids of the items that a new draft is tried over first: mistakes of the present one, and some it got right."""
    is_right = pl.col("given_violation").eq_missing(pl.col("violation"))
    ids = {right: rows["item_id"] for (right,), rows in standing.answers.group_by(is_right.alias("right"))}
    wrong = sorted(ids.get(False, ()), key=_rank)[: round(size * mistake_share)]
    return sorted([*wrong, *sorted(ids.get(True, ()), key=_rank)[: size - len(wrong)]])


def _rank(item_id: str) -> str:
    return hashlib.sha256(f"minibatch\x1f{item_id}".encode()).hexdigest()
