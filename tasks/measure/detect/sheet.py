"""The answer while it is being filled: one cell a chart and night, and the frame it becomes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.tables.metrics import ReasonCode, State
from tasks.base.ports import Severity
from tasks.measure.detect.evidence import Array, Mask
from tasks.measure.detect.history import History

Words = npt.NDArray[np.object_]


SCHEMA: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "metric": pl.String(),
    "slice": pl.String(),
    "state": pl.String(),
    "severity": pl.String(),
    "effect": pl.Float64(),
    "baseline": pl.Float64(),
    "threshold": pl.Float64(),
    "since": pl.Date(),
    "statistic": pl.Float64(),
    "evidence": pl.Float64(),
    "evidence_limit": pl.Float64(),
    "method": pl.String(),
    "reason_code": pl.String(),
    "reason": pl.String(),
}


class Sheet(NamedTuple):
    """Named as the columns of the answer; arrays of shape (charts, nights), NaN and None where there is nothing."""

    state: Words
    severity: Words
    effect: Array
    baseline: Array
    threshold: Array
    statistic: Array
    evidence: Array
    evidence_limit: Array
    method: Words
    reason_code: Words
    reason: Words

    @classmethod
    def blank(cls, charts: int, nights: int) -> Sheet:
        """Every cell without data."""
        shape = (charts, nights)
        words = {name: np.full(shape, None, dtype=object) for name in ("severity", "method", "reason_code", "reason")}
        numbers = ("effect", "baseline", "threshold", "statistic", "evidence", "evidence_limit")
        state = np.full(shape, str(State.NO_DATA), dtype=object)
        return cls(state=state, **words, **{name: np.full(shape, np.nan) for name in numbers})

    def say(
        self, chart: int, where: Mask, state: State, reason: ReasonCode | None = None, severity: Severity | None = None
    ) -> None:
        """Overwrite state, reason code and severity of a chart on some nights; shape of `where`: (nights,)."""
        self.state[chart, where] = str(state)
        self.reason_code[chart, where] = None if reason is None else str(reason)
        self.severity[chart, where] = None if severity is None else str(severity)

    def nights_of(self, chart: int, reason: ReasonCode) -> npt.NDArray[np.int_]:
        """The nights on which a chart has this reason code."""
        return np.flatnonzero(self.reason_code[chart] == str(reason))

    @property
    def is_degraded(self) -> Mask:
        """Where a chart rings."""
        return np.asarray(self.state == str(State.DEGRADED), dtype=bool)

    def frame(self, history: History) -> pl.DataFrame:
        """The cells of every chart from the night on which it was first seen, by date, metric and slice."""
        shape = (len(history.dates), len(history.charts))
        night, chart = (places.ravel() for places in np.indices(shape))
        is_seen = night >= history.first[chart]
        night, chart = night[is_seen], chart[is_seen]
        since = self._since()[chart, night]
        days = pl.Series(history.dates, dtype=pl.Date())
        columns: dict[str, Any] = {
            "date": days.gather(night),
            "metric": pl.Series([metric for metric, _ in history.charts], dtype=pl.String()).gather(chart),
            "slice": pl.Series([part for _, part in history.charts], dtype=pl.String()).gather(chart),
            "since": pl.Series([None if place < 0 else history.dates[place] for place in since], dtype=pl.Date()),
        }
        for name, cells in self._asdict().items():
            values = cells[chart, night]
            if values.dtype == object:
                columns[name] = pl.Series(values.tolist(), dtype=pl.String())
            else:
                columns[name] = pl.Series(values, nan_to_null=True)  # no query each, as fill_nan is
        frame = pl.DataFrame(columns, schema_overrides=SCHEMA).select(list(SCHEMA))
        return frame.sort("date", "metric", "slice", maintain_order=True)

    def _since(self) -> npt.NDArray[np.int_]:
        """Index of the first night of the unbroken run of degraded nights; -1 where a chart is not degraded."""
        degraded = self.is_degraded
        places = np.arange(degraded.shape[1])
        last_calm = np.maximum.accumulate(np.where(degraded, -1, places), axis=1) if degraded.size else degraded * 0
        return np.where(degraded, last_calm + 1, -1)
