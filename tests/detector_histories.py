"""Histories of simulated nights for the detector's tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from tasks.measure.detect.sheet import SCHEMA

FIRST = date(2026, 1, 5)
COLUMNS = ("date", "metric", "slice", "kind", "x", "n", "mean", "variance")
TYPES = {"date": pl.Date(), **dict.fromkeys(COLUMNS[4:], pl.Float64())}

Row = tuple[Any, ...]


def day(night: int) -> date:
    """The date of a night, counted from the first."""
    return FIRST + timedelta(days=night)


def rate(night: int, metric: str, x: float | None, n: float | None, part: str = "all") -> Row:
    """A row of a rate."""
    return day(night), metric, part, "rate", x, n, None, None


def volume(night: int, x: float | None) -> Row:
    """A row of the volume."""
    return day(night), "volume", "all", "count", x, x, None, None


def mean(night: int, metric: str, value: float | None, n: float = 20_000, variance: float | None = 0.5) -> Row:
    """A row of a mean."""
    return day(night), metric, "all", "mean", None, n, value, variance


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Rows as a history."""
    return pl.DataFrame(list(rows), schema=list(COLUMNS), schema_overrides=TYPES, orient="row")


def labels(errors: Sequence[float], n: float = 300, first: int = 0) -> list[Row]:
    """Accuracy, one night an entry: so many wrong of n."""
    return [rate(first + night, "accuracy", n - wrong, n) for night, wrong in enumerate(errors)]


def shares(metric: str, values: Sequence[float], part: str = "all", n: int = 20_000, seed: int = 1) -> list[Row]:
    """A rate that is drawn each night with these probabilities, and a little noise between nights."""
    random = np.random.default_rng(seed)
    noisy = np.clip(np.asarray(values) * np.exp(0.04 * random.standard_normal(len(values))), 0, 1)
    return [rate(night, metric, float(random.binomial(n, share)), n, part) for night, share in enumerate(noisy)]


def steady_errors(nights: int, share: float = 0.05, n: int = 300, seed: int = 3) -> list[float]:
    """Errors of nights without a change."""
    return [float(wrong) for wrong in np.random.default_rng(seed).binomial(n, share, nights)]


def row_of(answer: pl.DataFrame, night: int, metric: str, part: str = "all") -> dict[str, Any]:
    """One row of an answer."""
    found = answer.filter(pl.col("date") == day(night), pl.col("metric") == metric, pl.col("slice") == part)
    return found.row(0, named=True)


def states(answer: pl.DataFrame, metric: str, part: str = "all") -> list[str]:
    """States of a chart, night by night."""
    return answer.filter(pl.col("metric") == metric, pl.col("slice") == part)["state"].to_list()


def assert_is_answer(answer: pl.DataFrame) -> None:
    """What holds of every answer."""
    assert dict(answer.schema) == SCHEMA
    assert answer.select("date", "metric", "slice").is_duplicated().sum() == 0
    for name in ("date", "metric", "slice", "state"):
        assert answer[name].null_count() == 0
    assert set(answer["state"]) <= {"ok", "degraded", "cannot_tell", "no_data", "learning"}
    degraded = answer.filter(pl.col("state") == "degraded")
    assert degraded.filter(pl.any_horizontal(pl.col("severity", "since", "reason_code", "reason").is_null())).is_empty()
    others = answer.filter(pl.col("state") != "degraded")
    assert others["since"].is_null().all()
    is_missing_labels = (pl.col("reason_code") == "no_labels") & (pl.col("state") == "no_data")
    assert others.filter(pl.col("severity").is_not_null() & ~is_missing_labels).is_empty()
    for name in ("effect", "baseline", "threshold", "statistic", "evidence", "evidence_limit"):
        assert answer[name].is_nan().sum() == 0
        assert answer[name].is_infinite().sum() == 0
    assert answer.filter(pl.col("evidence") > pl.col("evidence_limit") * (1 + 1e-9)).is_empty()
