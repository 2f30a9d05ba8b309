"""What champion and challenger say of a night's comments, in four cells, and which comments of each are labelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import polars as pl

from data_contracts.tables.label_requests import LABEL_REQUESTS, PairedVerdicts, Purpose
from data_contracts.tables.verdicts import Status
from tasks.evaluate.disagreements import Cell
from tasks.evaluate.runs.experiments import UNANSWERED
from tasks.labels.requests import UNASKED
from tasks.ledger.sampling import sample_hashes

#: Comments of each kind of agreement that are labelled: they say how many violations both miss or both flag wrongly.
CHECKS = 60
#: Most comments that are labelled where the two differ; of more, so many are drawn.
MOST_DIFFERING = 1000
#: One use of the salt for all challengers: the checks of one are the checks of the next, as far as its cells allow.
_USE = "disagreements"
#: The two verdicts of a cell: the champion's, the challenger's.
FLAGS: Mapping[PairedVerdicts, tuple[bool, bool]] = {
    PairedVerdicts.BOTH_FLAG: (True, True),
    PairedVerdicts.CHALLENGER_CLEARS: (True, False),
    PairedVerdicts.CHALLENGER_FLAGS: (False, True),
    PairedVerdicts.BOTH_CLEAR: (False, False),
}


class NightDraw(NamedTuple):
    """Which comments of a night are labelled.

    Attributes:
        rows: comment_id, product_id, language, stratum (the cell), stratum_size, inclusion_probability.
        sizes: comments of each cell.
    """

    rows: pl.DataFrame
    sizes: dict[PairedVerdicts, int]


class Answered(NamedTuple):
    """How far the drawn comments are labelled.

    Attributes:
        cells: size, labels with a majority and violations among them, of each cell that has comments.
        drawn_count: comments that are asked about.
        answered_count: of these, with at least one label.
    """

    cells: tuple[Cell, ...]
    drawn_count: int
    answered_count: int


def in_share(verdicts: pl.DataFrame, share: float, run_date: date, salt: bytes) -> pl.DataFrame:
    """The part of a night that is tried: a larger share holds a smaller one.

    Columns: comment_id is read; unchanged.
    """
    if share >= 1:
        return verdicts
    hashes = sample_hashes(salt, f"{_USE} share", run_date, verdicts["comment_id"])
    return verdicts.filter(pl.Series(hashes < int(share * 2**64)))


def with_cells(pairs: pl.DataFrame) -> pl.DataFrame:
    """The comments that both have answered, plus `stratum`: the cell; a comment without a verdict is not flagged.

    Columns: champion_status, champion_violation, challenger_status, challenger_violation are read.
    """
    statuses = [pl.col(f"{role}_status") for role in ("champion", "challenger")]
    given = pairs.filter(~status.fill_null(Status.MISSING).is_in(list(UNANSWERED)) for status in statuses)
    champion, challenger = (pl.col(f"{role}_violation").fill_null(value=False) for role in ("champion", "challenger"))
    cell = pl.lit(None, pl.String)
    for name, (first, second) in FLAGS.items():
        cell = pl.when((champion == first) & (challenger == second)).then(pl.lit(name.value)).otherwise(cell)
    return given.with_columns(stratum=cell)


def draw_night(cells: pl.DataFrame, run_date: date, salt: bytes) -> NightDraw:
    """Draw who is labelled: all that differ, or `MOST_DIFFERING` of them, and `CHECKS` of each agreement.

    In each cell those with the lowest keyed hash: the same night and challenger give the same comments every time.

    Args:
        cells: comment_id, product_id, language, stratum of every comment that was tried.
        run_date: the night.
        salt: of the deployment.
    """
    counted = dict(cells.group_by("stratum").len().iter_rows())
    sizes = {cell: int(counted.get(cell.value, 0)) for cell in FLAGS}
    differing = sizes[PairedVerdicts.CHALLENGER_CLEARS] + sizes[PairedVerdicts.CHALLENGER_FLAGS]
    part = min(1.0, MOST_DIFFERING / max(differing, 1))
    hashes = pl.Series("_hash", sample_hashes(salt, _USE, run_date, cells["comment_id"]), pl.UInt64)
    ordered = cells.with_columns(hashes).sort("_hash", "comment_id")
    parts = []
    for cell, (champion, challenger) in FLAGS.items():
        wanted = CHECKS if champion == challenger else max(CHECKS, round(part * sizes[cell]))
        drawn = ordered.filter(pl.col("stratum") == cell.value).head(wanted)
        parts.append(
            drawn.select(
                "comment_id",
                "product_id",
                "language",
                "stratum",
                stratum_size=pl.lit(sizes[cell], pl.Int64),
                inclusion_probability=pl.lit(drawn.height / max(sizes[cell], 1)),
            )
        )
    return NightDraw(pl.concat(parts), sizes)


def new_requests(drawn: NightDraw, before: pl.DataFrame, **stamp: object) -> pl.DataFrame:
    """The requests that the day does not have yet.

    Columns: LABEL_REQUESTS.

    Args:
        drawn: who is to be labelled.
        before: all the day's requests; one for another challenger asks the same.
        stamp: date, requested_at and run_id of the new ones.
    """
    asked = before.filter(pl.col("purpose") == Purpose.DISAGREEMENT)
    fresh = drawn.rows.join(asked, on="comment_id", how="anti").with_columns(
        rater_slots=pl.lit(1), purpose=pl.lit(Purpose.DISAGREEMENT.value), **{k: pl.lit(v) for k, v in stamp.items()}
    )
    return LABEL_REQUESTS.conform(fresh.lazy()).collect()


def answered(drawn: NightDraw, labels: pl.DataFrame) -> Answered:
    """What people say of the drawn comments, whatever they were asked it for; a tie of raters says nothing.

    Args:
        drawn: who is labelled.
        labels: of the day, usable ones, one row a comment and rater, with the columns of LABELS.
    """
    votes = (
        labels.filter(~pl.col("source").is_in(UNASKED))
        .group_by("comment_id")
        .agg(raters=pl.len().cast(pl.Int64), yes=pl.col("violation").sum().cast(pl.Int64))
    )
    given = drawn.rows.join(votes, on="comment_id", how="inner", validate="1:1")
    lead = pl.col("yes") * 2 - pl.col("raters")
    settled = given.filter(lead != 0).with_columns(truth=lead > 0)
    cells = []
    for cell, size in drawn.sizes.items():
        truths = settled.filter(pl.col("stratum") == cell.value)["truth"]
        cells.append(Cell(*FLAGS[cell], size, len(truths), int(truths.sum())))
    return Answered(tuple(cell for cell in cells if cell.size), drawn.rows.height, given.height)
