"""What is measured each night: one row per (date, metric, slice, measurement)."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.table import FIRST_VERSION, UTC_MICROSECONDS, Column, Table

#: Every metric that a night can measure; docs/tables.md says what each is.
METRIC_NAMES = (
    "volume", "text_length_log", "language_share", "product_share", "duplicate_rate", "oov_rate", "text_shift",
    "violation_rate", "violation_category_share", "input_tokens_log", "output_tokens_log", "rejected_rate",
    "malformed_rate", "refused_rate", "error_rate", "missing_rate", "cost_usd", "label_error_rate", "accuracy",
    "golden_flip_rate", "golden_accuracy", "attack_success_rate", "overturn_rate", "precision", "recall", "f1",
    "prevalence", "slot_violation_rate",
)  # fmt: skip


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


class ReasonCode(StrEnum):
    """Why a state is what it is; null where the night is as expected."""

    #: evidence of several nights reached the limit
    SHIFT = "shift"
    #: one night alone is too far out
    JUMP = "jump"
    #: the night had no comments
    NO_INPUT = "no_input"
    #: too many answers failed
    INCOMPLETE = "incomplete"
    #: no labels came
    NO_LABELS = "no_labels"
    #: more labels of the day are still to come
    PROVISIONAL = "provisional"
    #: what the night is compared with is still being collected
    COLLECTING = "collecting"
    #: nothing was there to be measured
    NOT_MEASURED = "not_measured"
    #: numbers that cannot be
    IMPOSSIBLE = "impossible"
    #: too few earlier nights
    FEW_NIGHTS = "few_nights"
    #: too few labels or items
    FEW_ITEMS = "few_items"
    #: an announced event
    EVENT = "event"
    #: for reading; it never rings
    SHOWN = "shown"


_F, _S = pl.Float64(), pl.String()
#: Of `value` and of what is compared with it; docs/tables.md lists the metrics with theirs.
_VALUE = "that of the metric"


#: The version that first judged nights by evidence that adds up.
_DETECTOR = "0.2.0"


def _number(
    name: str,
    meaning: str,
    null_when: str,
    *,
    unit: str | None = _VALUE,
    dtype: pl.DataType = _F,
    since: str = FIRST_VERSION,
) -> Column:
    return Column(name, dtype, meaning, nullable=True, unit=unit, null_when=null_when, since=since)


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
            "How large |effect| may be before the state is degraded, given what earlier nights showed.",
            f"no value could stand out, or {_NO_BASELINE}",
        ),
        _number(
            "statistic",
            "How far the value is from what is expected of this night.",
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
        Column(
            "severity",
            _S,
            "How soon somebody should look: page, ticket, report.",
            nullable=True,
            null_when="nobody needs to look: `state` is not degraded, and labels have not stopped coming",
            since=_DETECTOR,
        ),
        _number(
            "evidence",
            "How much this and earlier nights speak for a change: chance brings it once in so many nights at most.",
            "the slice never rings, or the night was not compared",
            unit="nights",
            since=_DETECTOR,
        ),
        _number(
            "evidence_limit",
            "The evidence at which the state is degraded.",
            "`evidence` is null",
            unit="nights",
            since=_DETECTOR,
        ),
        Column(
            "reason_code",
            _S,
            f"Why the state is what it is: {', '.join(ReasonCode)}.",
            nullable=True,
            null_when="the night is as expected",
            since=_DETECTOR,
        ),
        _number(
            "detectable",
            "The smallest change for the worse that a week of such nights would show, in 8 of 10 cases.",
            "the slice never rings, the night was not compared, or no change would be large enough",
            since=_DETECTOR,
        ),
    ),
    key=("date", "metric", "slice", "measured_at"),
)


class MetricRow(BaseModel):
    """One row of the table, its columns as fields; what rows of earlier versions and of old summaries lack is null."""

    model_config = ConfigDict(frozen=True)

    date: dt.date
    metric: str
    slice: str = "all"
    kind: Kind
    x: float | None = None
    n: int | None = None
    mean: float | None = None
    variance: float | None = None
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    baseline: float | None = None
    effect: float | None = None
    threshold: float | None = None
    statistic: float | None = None
    state: State
    since: dt.date | None = None
    method: str = ""
    reason: str | None = None
    measured_at: dt.datetime | None = None
    verdicts_run_id: str = ""
    run_id: str = ""
    severity: Literal["page", "ticket", "report"] | None = None
    evidence: float | None = None
    evidence_limit: float | None = None
    reason_code: str | None = None
    detectable: float | None = None

    @property
    def rings(self) -> bool:
        """Whether somebody should look: the slice is degraded, or labels that used to come do not."""
        return self.state is State.DEGRADED or self.severity is not None


def rows_of(frame: pl.DataFrame) -> list[MetricRow]:
    """The rows of a frame with the table's columns, in order."""
    return [MetricRow.model_validate(row) for row in frame.iter_rows(named=True)]
