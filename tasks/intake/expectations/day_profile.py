"""The ingested day without its text: facts about each row, and the day in numbers beside those of recent days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import expm1
from statistics import median
from typing import NamedTuple

import numpy as np
import polars as pl

from data_contracts.tables.checked_rows import ID_COLUMNS, LANGUAGES, OTHER, PROFILE, flag, presence
from data_contracts.tables.comments import Reason
from data_contracts.tolerances import Tolerances
from tasks.measure.metric_history import History

#: Two hashes of a row must not depend on each other.
_ROW_SEED, _ID_SEED = 1, 2


class RecentDays(NamedTuple):
    """What the published days before this one were like, a number for each day that has one."""

    row_counts: tuple[float, ...] = ()
    #: mean of ln(1 + characters)
    length_logs: tuple[float, ...] = ()
    language_shares: Mapping[str, tuple[float, ...]] = {}


def row_facts(rules: Mapping[Reason, pl.Expr]) -> dict[str, pl.Expr]:
    """The columns of CHECKED_ROWS that the comments lack, by name; none can be read as text or as an id.

    Args:
        rules: whether a row breaks each rule, whatever else it breaks.
    """
    return {
        "row_hash": _hash(pl.struct("source_object", "source_row"), _ROW_SEED),
        "id_hash": pl.when(pl.col("comment_id").is_not_null()).then(_hash(pl.col("comment_id"), _ID_SEED)),
        "char_count": pl.col("text").str.len_chars().cast(pl.Int64),
        **{presence(name): pl.col(name).is_not_null() for name in ID_COLUMNS},
        **{flag(reason): broken.fill_null(False) for reason, broken in rules.items()},
    }


def _hash(value: pl.Expr, seed: int) -> pl.Expr:
    return value.hash(seed=seed).reinterpret(signed=True)


def sample(rows: pl.LazyFrame, row_count: int, most: int) -> pl.LazyFrame:
    """All rows, or so many of them, drawn by the hash of their key: the same ones on every run.

    Columns: those of CHECKED_ROWS, unchanged.
    """
    if row_count <= most:
        return rows
    hashes = rows.select("row_hash").collect(engine="streaming").to_series().to_numpy()
    return rows.filter(pl.col("row_hash") <= int(np.partition(hashes, most - 1)[most - 1]))


def recent_days(row_counts: Iterable[int], history: History) -> RecentDays:
    """The trailing published days.

    Args:
        row_counts: rows ingested on each of them.
        history: what they measured; a day that measured languages without naming one had next to nothing of it.
    """
    mixes: dict[object, dict[str, float]] = {}
    for (metric, part), by_day in history.values.items():
        for day, value in by_day.items():
            if metric == "language_share" and value is not None:
                mixes.setdefault(day, {})[part.removeprefix("language=")] = value
    shares = {name: tuple(mix.get(name, 0.0) for mix in mixes.values()) for name in LANGUAGES}
    shares[OTHER] = tuple(1 - sum(mix.get(name, 0.0) for name in LANGUAGES) for mix in mixes.values())
    lengths = history.values.get(("text_length_log", "all"), {}).values()
    return RecentDays(
        tuple(float(count) for count in row_counts),
        tuple(value for value in lengths if value is not None),
        shares,
    )


def profile(rows: pl.LazyFrame, day_end: datetime, recent: RecentDays, tolerances: Tolerances) -> pl.DataFrame:
    """The day in numbers.

    Columns: those of CHECKED_ROWS -> one row of PROFILE. Freshness is against the day's end and over the rows that
    belong to the day, so that a day that is done again later is as fresh as it was.
    """
    chars, language = pl.col("char_count"), pl.col("language")
    named = language.count()
    whole = (
        rows.select(
            _share(pl.col(flag(Reason.NULL_TEXT)).sum(), pl.len()).alias("null_text_share"),
            _share(pl.col(flag(Reason.BLANK_TEXT)).sum(), pl.len()).alias("blank_text_share"),
            *(_share((language == name).sum(), named).alias(f"language_{name}_share") for name in LANGUAGES),
            _share(named - language.is_in(LANGUAGES).sum(), named).alias(f"language_{OTHER}_share"),
            chars.mean().alias("char_count_mean"),
            chars.quantile(0.5).alias("char_count_p50"),
            chars.quantile(0.99).alias("char_count_p99"),
            chars.log1p().mean().alias("length_log"),
            pl.col("rating").mean().alias("rating_mean"),
            _share(pl.col("rating").null_count(), pl.len()).alias("rating_null_share"),
            pl.col("posted_at").filter(~pl.col(flag(Reason.OUTSIDE_DAY))).max().alias("last"),
            pl.len().cast(pl.Float64).alias("row_count"),
            pl.col("id_hash").count().cast(pl.Float64).alias("id_count"),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    usual_length = _usual(recent.length_logs, tolerances)
    usual = {name: _usual(recent.language_shares.get(name, ()), tolerances) for name in (*LANGUAGES, OTHER)}
    compared = {
        "id_unique_share": _unique_share(rows),
        "freshness_h": (day_end - whole["last"]).total_seconds() / 3600 if whole["last"] else None,
        "recent_day_count": float(len(recent.row_counts)),
        "row_count_ratio": _row_count_ratio(whole["row_count"], recent.row_counts, tolerances),
        "text_length_ratio": expm1(whole["length_log"]) / expm1(usual_length)
        if whole["length_log"] is not None and usual_length
        else None,
        **{f"language_{name}_change": _minus(whole[f"language_{name}_share"], share) for name, share in usual.items()},
    }
    return pl.DataFrame([whole | compared], schema=PROFILE.polars_schema)


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """A division that is null where there is nothing to divide by."""
    return pl.when(whole > 0).then(part / whole)


def _unique_share(rows: pl.LazyFrame) -> float | None:
    """Distinct ids among those that there are: sorted hashes take 8 bytes a row, where a set of them takes many."""
    hashes = rows.select(pl.col("id_hash").drop_nulls()).collect(engine="streaming").to_series().to_numpy()
    ordered = np.sort(hashes)
    return float((1 + np.count_nonzero(ordered[1:] != ordered[:-1])) / ordered.size) if ordered.size else None


def _usual(values: tuple[float, ...], tolerances: Tolerances) -> float | None:
    return median(values) if len(values) >= tolerances.min_recent_days else None


def _row_count_ratio(count: float, recent: tuple[float, ...], tolerances: Tolerances) -> float | None:
    """Against the usual count, if that is large enough to be compared with."""
    usual = _usual(recent, tolerances)
    return count / usual if usual and usual >= tolerances.min_rows else None


def _minus(share: float | None, usual: float | None) -> float | None:
    return None if share is None or usual is None else share - usual
