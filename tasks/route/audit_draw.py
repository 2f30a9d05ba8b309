"""Which comments are asked of the model although a step decides them: drawn by a keyed hash, before any step is asked.

Each comment has a number in [0, 1) that nobody can guess and that stays over re-runs. Below the step's rate it is
drawn: so the probability is known whatever the step says, and who decides has no influence on who is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from tasks.ledger.sampling import sample_hashes

USE = "audit"


def draws(salt: bytes, run_date: date, comment_ids: Iterable[str]) -> pl.Series:
    """The number of each comment."""
    return pl.Series("draw", sample_hashes(salt, USE, run_date, comment_ids) / 2.0**64, pl.Float64)


def fill(candidates: pl.LazyFrame, drawn_count: int, lacking: int) -> tuple[pl.DataFrame, float]:
    """More comments for an audit that is to fill up a job: those with the lowest numbers after the ones drawn.

    All that are drawn then are the lowest of the step's, so each has had the same probability.

    Columns: candidates (record_id, draw: decided by the step and not drawn) -> those taken, in order of draw; and the
    probability of all that the step has drawn then.
    """
    size = drawn_count + candidates.select(pl.len()).collect(engine="streaming").item()
    taken = candidates.bottom_k(lacking, by="draw").collect(engine="streaming").sort("draw", "record_id")
    return taken, (drawn_count + taken.height) / size if size else 1.0
