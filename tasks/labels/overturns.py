"""How many published violations people took back: appeals and support decide about flagged comments alone.

Overturns come for weeks, and a day without any looks like a day without mistakes until then. So the rate of a site that
never had one is not known, and that of a day is provisional until it is two weeks old.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from data_contracts.tables.labels import LabelSource
from data_contracts.tables.metrics import Kind
from tasks.labels.truth import Settled
from tasks.measure.measurement import ALL, Measurement, nothing, rate
from tasks.measure.metric_history import LABEL_DAYS

OVERTURN_RATE = "overturn_rate"


def overturns_are_used(settled: Settled, earlier: pl.DataFrame) -> bool:
    """Whether the site has a way to overturn verdicts: the day or an earlier one has labels of that source.

    Columns: metric, n of `earlier` are read.
    """
    if (settled.comments["source"] == LabelSource.OVERTURN).any():
        return True
    return not earlier.filter(pl.col("metric") == OVERTURN_RATE, pl.col("n") > 0).is_empty()


def overturned_count(settled: Settled) -> int:
    """Comments that were published as violations, and that people say are none."""
    is_overturned = (pl.col("source") == LabelSource.OVERTURN) & pl.col("flagged") & ~pl.col("truth")
    return settled.comments.filter(is_overturned)["comment_id"].n_unique()


def measure_overturns(settled: Settled, violation_count: int, *, is_used: bool) -> Measurement:
    """Overturned violations among the published ones; no value where nobody ever overturned one."""
    if not is_used:
        return nothing(OVERTURN_RATE, Kind.RATE, "no overturned verdict ever came", slice=ALL)
    return rate(OVERTURN_RATE, overturned_count(settled), violation_count, of="published violations")


def overturns_are_over(run_date: date, now: datetime) -> bool:
    """Whether the day is so old that no more overturns are waited for."""
    return (now.date() - run_date).days >= LABEL_DAYS
