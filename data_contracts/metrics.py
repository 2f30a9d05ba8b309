"""What is measured each night: one row per (date, metric, slice, measurement)."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from data_contracts.table import UTC_MICROSECONDS, Column, Table


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

METRICS = Table(
    name="metrics",
    meaning="Append-only: a re-measurement adds rows, and the latest `measured_at` of a (date, metric, slice) counts.",
    columns=(
        Column("date", pl.Date(), "The day that was measured."),
        Column("metric", _S, "What was measured, e.g. violation_rate."),
        Column("slice", _S, "Of which part: `all`, `language=ja`, `category=spam`, `source=planted` ..."),
        Column("kind", _S, f"What `value` is: {', '.join(Kind)}."),
        Column("x", _F, "Numerator of a rate; null otherwise.", nullable=True),
        Column("n", pl.Int64(), "How many things were measured.", nullable=True),
        Column("mean", _F, "Mean of a mean metric; null otherwise.", nullable=True),
        Column("variance", _F, "Sample variance of a mean metric; null otherwise.", nullable=True),
        Column("value", _F, "The measurement: a fraction, a mean or a count; null when there is none.", nullable=True),
        Column("ci_low", _F, "Lower end of the 95 % interval.", nullable=True),
        Column("ci_high", _F, "Upper end of the 95 % interval.", nullable=True),
        Column("baseline", _F, "What earlier nights lead one to expect.", nullable=True),
        Column("effect", _F, "`value` minus `baseline`.", nullable=True),
        Column("threshold", _F, "How large |effect| may be before the state is degraded.", nullable=True),
        Column("statistic", _F, "How many night-to-night standard deviations the effect is.", nullable=True),
        Column("state", _S, f"What it says: {', '.join(State)}."),
        Column("since", pl.Date(), "First night of the unbroken run of degraded nights; null if not.", nullable=True),
        Column("method", _S, "How value, interval and statistic were computed."),
        Column("reason", _S, "Why the state is what it is, in words.", nullable=True),
        Column("measured_at", UTC_MICROSECONDS, "When it was measured."),
        Column("verdicts_run_id", _S, "The run whose verdicts were measured."),
        Column("run_id", _S, "The run that measured."),
    ),
    key=("date", "metric", "slice", "measured_at"),
)
