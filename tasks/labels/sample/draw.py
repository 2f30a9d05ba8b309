"""Which judged comments of a day people are asked to label: a stratified sample with known probabilities.

In each stratum the n with the lowest keyed hash are drawn, so that a day that is drawn again, in whatever order its
verdicts come, gives the same comments; one that has gone into another stratum takes its hash along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

import polars as pl

from data_contracts.tables.label_requests import Stratum
from data_contracts.tables.verdicts import Status
from tasks.ledger.sampling import sample_hashes

#: Columns of the verdicts that are read.
COLUMNS = ("comment_id", "product_id", "language", "status", "violation", "confidence")
#: One in so many requests is for two raters, so that their agreement is known.
ONE_FOR_TWO = 10
_KEPT = ("comment_id", "product_id", "language", "stratum")


class Drawn(NamedTuple):
    """A day's draw.

    Attributes:
        requests: comment_id, product_id, language, stratum, stratum_size, inclusion_probability, rater_slots; in order
            of comment_id.
        sizes: judged comments by stratum.
        unjudged_count: comments without a verdict, which are no part of what is drawn from.
    """

    requests: pl.DataFrame
    sizes: dict[Stratum, int]
    unjudged_count: int


def stratum_of(borderline_confidence: float) -> pl.Expr:
    """The stratum of a judged verdict; a confidence that is not known is none."""
    is_unsure = pl.col("confidence").fill_null(0.0) < borderline_confidence
    return (
        pl.when("violation")
        .then(pl.lit(Stratum.FLAGGED.value))
        .when(is_unsure)
        .then(pl.lit(Stratum.BORDERLINE.value))
        .otherwise(pl.lit(Stratum.CLEAR.value))
    )


def allocate(sizes: Mapping[Stratum, int], wanted: Mapping[Stratum, int]) -> dict[Stratum, int]:
    """How many are drawn of each stratum: what is wanted, or all of it; what one leaves over goes to the others.

    It goes in proportion to what is wanted of each, so that as many are drawn in all as are wanted in all, where the
    day has them.
    """
    drawn = {stratum: min(count, sizes.get(stratum, 0)) for stratum, count in wanted.items()}
    while left := min(sum(wanted.values()), sum(sizes.get(stratum, 0) for stratum in wanted)) - sum(drawn.values()):
        room = {stratum: sizes[stratum] - count for stratum, count in drawn.items() if sizes.get(stratum, 0) > count}
        for stratum, share in _split(left, {stratum: wanted[stratum] for stratum in room}).items():
            drawn[stratum] += min(share, room[stratum])
    return drawn


def _split(count: int, weights: Mapping[Stratum, int]) -> dict[Stratum, int]:
    """Whole shares of a count in proportion to weights, the largest remainders rounded up."""
    whole = sum(weights.values())
    shares = {stratum: count * weight // whole for stratum, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda stratum: (-(count * weights[stratum] % whole), stratum))
    for stratum in by_remainder[: count - sum(shares.values())]:
        shares[stratum] += 1
    return shares


def draw(
    pieces: Iterable[pl.DataFrame],
    run_date: date,
    salt: bytes,
    wanted: Mapping[Stratum, int],
    borderline_confidence: float,
) -> Drawn:
    """Draw a day's requests; of the verdicts no more than one piece and the candidates are held.

    Args:
        pieces: COLUMNS of the day's verdicts, some rows at a time, in any order.
        run_date: the day.
        salt: of the deployment.
        wanted: requests by stratum.
        borderline_confidence: see `stratum_of`.
    """
    sizes, unjudged_count, most = dict.fromkeys(wanted, 0), 0, sum(wanted.values())
    best = pl.DataFrame(schema=dict.fromkeys(_KEPT, pl.String()) | {"_hash": pl.UInt64()})
    for piece in pieces:
        judged = piece.filter(pl.col("status") == Status.JUDGED)
        unjudged_count += len(piece) - len(judged)
        judged = judged.with_columns(
            stratum_of(borderline_confidence).alias("stratum"),
            pl.Series("_hash", sample_hashes(salt, "label_requests", run_date, judged["comment_id"]), pl.UInt64),
        )
        for name, count in judged.group_by("stratum").len().iter_rows():
            sizes[Stratum(name)] += count
        candidates = pl.concat([best, judged.select(best.columns)]).sort("_hash", "comment_id")
        best = candidates.group_by("stratum", maintain_order=True).head(most).select(best.columns)
    counts = allocate(sizes, wanted)
    chosen = [best.filter(pl.col("stratum") == stratum).head(count) for stratum, count in counts.items()]
    requests = pl.concat([best.clear(), *chosen]).drop("_hash")
    numbers = {stratum.value: (sizes[stratum], count / max(sizes[stratum], 1)) for stratum, count in counts.items()}
    size = {name: size for name, (size, _) in numbers.items()}
    probability = {name: probability for name, (_, probability) in numbers.items()}
    requests = requests.with_columns(
        stratum_size=pl.col("stratum").replace_strict(size, return_dtype=pl.Int64),
        inclusion_probability=pl.col("stratum").replace_strict(probability, return_dtype=pl.Float64),
    )
    return Drawn(with_slots(requests, run_date, salt).sort("comment_id"), sizes, unjudged_count)


def with_slots(requests: pl.DataFrame, run_date: date, salt: bytes) -> pl.DataFrame:
    """Add how many raters are to label each: two for a tenth of them, of all strata alike.

    Columns: comment_id -> rater_slots.
    """
    hashes = pl.Series("_slots", sample_hashes(salt, "rater_slots", run_date, requests["comment_id"]), pl.UInt64)
    ordered = requests.with_columns(hashes).sort("_slots", "comment_id").drop("_slots").with_row_index("_place")
    for_two = (len(requests) + ONE_FOR_TWO // 2) // ONE_FOR_TWO
    slots = pl.when(pl.col("_place") < for_two).then(2).otherwise(1).cast(pl.Int32)
    return ordered.with_columns(rater_slots=slots).drop("_place")
