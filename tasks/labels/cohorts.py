"""Whether the labels of a day are complete enough to be judged: the first to come are not like the last.

What labelers find hard comes late, so that the first labels of a day flatter it. A day whose labels are still coming
is shown as provisional, and neither it nor what it says enters the history of other days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import median

import polars as pl

from data_contracts.tables.metrics import ReasonCode, State
from tasks.adapters.storage import StoredObject
from tasks.measure.measurement import ALL
from tasks.measure.metric_history import LABEL_DAYS

#: Share of the usual number of labels from which on the rest changes nothing.
ENOUGH = 0.9
#: Earlier days that say what the usual number is.
USUAL_DAYS = 28
#: Labels that have not changed for so long are all that come.
STILL = timedelta(days=3)


def usual_count(earlier: pl.DataFrame) -> float | None:
    """How many sample labels a complete day usually has: the median of the last 28 that have any; None without any.

    Columns: date, metric, slice, n, reason_code of the days before.
    """
    counts = final_rows(earlier).filter(pl.col("metric") == "accuracy", pl.col("slice") == ALL, pl.col("n") > 0)
    counted = counts.sort("date").tail(USUAL_DAYS)["n"].to_list()
    return float(median(counted)) if counted else None


def final_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows whose labels are all there.

    Columns: reason_code is read; unchanged.
    """
    return rows.filter(pl.col("reason_code").ne_missing(pl.lit(str(ReasonCode.PROVISIONAL))))


def wait_is_over(run_date: date, objects: Sequence[StoredObject], now: datetime) -> bool:
    """Whether no more labels are waited for: the day is 14 days old, or its files have not changed for three days."""
    if (now.date() - run_date).days >= LABEL_DAYS:
        return True
    return bool(objects) and now - max(item.modified_at for item in objects) >= STILL


def has_enough(count: int, usual: float | None) -> bool:
    """Whether a day has 90 % of the usual number of labels.

    The usual number stands for the labels that were asked for, where a site draws a sample of its own. For a site whose
    labels have no past any number is the usual one.
    """
    return count > 0 and (usual is None or count >= ENOUGH * usual)


def as_provisional(rows: pl.DataFrame, expected: str) -> pl.DataFrame:
    """The quality rows of a day whose labels are still coming: their values, and that nothing is said yet.

    Columns: the metrics table's; state, reason_code and reason change.

    Args:
        rows: of one day.
        expected: what is still waited for, in words; `{}` is the number of labels that have come.
    """
    has_value = pl.col("value").is_not_null()
    words = (
        pl.format(f"provisional: {expected}", pl.col("n")) if "{}" in expected else pl.lit(f"provisional: {expected}")
    )
    return rows.with_columns(
        state=pl.when(has_value).then(pl.lit(str(State.CANNOT_TELL))).otherwise(pl.lit(str(State.NO_DATA))),
        reason_code=pl.when(has_value)
        .then(pl.lit(str(ReasonCode.PROVISIONAL)))
        .otherwise(pl.lit(str(ReasonCode.NO_LABELS))),
        reason=pl.when(has_value & (pl.col("slice") == ALL))
        .then(pl.concat_str(words, pl.col("reason"), separator="; ", ignore_nulls=True))
        .otherwise("reason"),
    )


def usual_words(usual: float | None) -> str:
    """What is waited for, where only the usual number is known."""
    return f"{{}}{'' if usual is None else f' of usually {usual:,.0f}'} labels have come"
