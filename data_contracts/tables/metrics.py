"""What is measured each night: one row per (date, metric, slice, measurement)."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table


class Kind(StrEnum):
    """What the value is."""

    RATE = "rate"
    MEAN = "mean"
    COUNT = "count"


class State(StrEnum):
    """What a measurement says about the night."""

    OK = "ok"
    DEGRADED = "degraded"
    #: too little was measured to say
    CANNOT_TELL = "cannot_tell"
    NO_DATA = "no_data"
    #: too few earlier nights to compare with
    LEARNING = "learning"


_F, _S = pl.Float64(), pl.String()
#: Of `value` and of what is compared with it; docs/tables.md lists the metrics with theirs.
_VALUE = "that of the metric"


def _number(name: str, meaning: str, null_when: str, *, unit: str | None = _VALUE, dtype: pl.DataType = _F) -> Column:
    return Column(name, dtype, meaning, nullable=True, unit=unit, null_when=null_when)


_NO_BASELINE = "the night was not compared: see `state` and `reason`"


METRICS = Table(
    name="metrics",
    meaning="Append-only: a re-measurement adds rows, and the latest `measured_at` of a (date, metric, slice) counts.",
    columns=(
        Column("date", pl.Date(), "The day that was measured."),
        Column("metric", _S, "What was measured, e.g. violation_rate."),
        Column("slice", _S, "Of which part: `all`, `language=ja`, `category=spam`, `source=planted` ..."),
        Column("kind", _S, f"What `value` is: {', '.join(Kind)}."),
        _number("x", "Numerator of a rate; weighted labels make it no whole number.", "`kind` is not rate", unit=None),
        _number("n", "How many things were measured.", "unknown", unit=None, dtype=pl.Int64()),
        _number("mean", "Mean of a mean metric.", "`kind` is not mean, or there is no value"),
        _number("variance", "Sample variance of a mean metric.", "`kind` is not mean, or n is 1", unit=None),
        _number("value", "The measurement: a fraction, a mean or a count.", "nothing could be measured: never 0 then"),
        _number("ci_low", "Lower end of the 95 % interval.", "the value is a total, or there is none"),
        _number("ci_high", "Upper end of the 95 % interval.", "the value is a total, or there is none"),
        _number("baseline", "What earlier nights lead one to expect.", _NO_BASELINE),
        _number("effect", "`value` minus `baseline`.", _NO_BASELINE),
        _number(
            "threshold",
            "How large |effect| may be before the state is degraded.",
            f"no value could stand out, or {_NO_BASELINE}",
        ),
        _number(
            "statistic",
            "How far the value is from the baseline.",
            _NO_BASELINE,
            unit="standard deviation between nights",
        ),
        Column("state", _S, f"What it says: {', '.join(State)}."),
        _number(
            "since",
            "First night of the unbroken run of degraded nights.",
            "`state` is not degraded",
            unit=None,
            dtype=pl.Date(),
        ),
        Column("method", _S, "How value, interval and statistic were computed."),
        Column(
            "reason", _S, "Why the state is what it is, in words.", nullable=True, null_when="there is nothing to say"
        ),
        Column("measured_at", UTC_MICROSECONDS, "When it was measured: the latest of a (date, metric, slice) counts."),
        Column("verdicts_run_id", _S, "The run whose verdicts were measured."),
        Column("run_id", _S, "The run that measured."),
    ),
    key=("date", "metric", "slice", "measured_at"),
)
