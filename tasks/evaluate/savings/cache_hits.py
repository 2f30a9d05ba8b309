"""How many comments of a night a cache would have served, from the verdicts that are published."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from data_contracts.tables.verdicts import VERDICTS, DecidedBy, Status
from tasks.adapters import Adapters
from tasks.base.paths import DayPaths


def cached_share(outside: Adapters, paths: DayPaths, max_age_d: int) -> float | None:
    """Share of the newest day's distinct texts that were judged in the days before; None without a day before.

    Args:
        max_age_d: how many days a verdict serves.
    """
    uri = paths.lake(VERDICTS.name)
    days = outside.lake.days(uri)
    if len(days) < 2:
        return None
    last = days[-1]
    verdicts = outside.lake.scan(uri, VERDICTS)
    texts = verdicts.filter(pl.col("date") == last, pl.col("decided_by") != DecidedBy.DUPLICATE).select("text_sha256")
    is_known = pl.col("date").is_between(last - timedelta(days=max_age_d), last, closed="left")
    known = verdicts.filter(is_known, pl.col("status") == Status.JUDGED).select("text_sha256")
    served = texts.join(known, on="text_sha256", how="semi")
    counts = [frame.select(pl.len()).collect(engine="streaming").item() for frame in (served, texts)]
    return counts[0] / counts[1] if counts[1] else None
