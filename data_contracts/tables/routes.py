"""What each step of a policy decided, and what the audit says of it."""

from __future__ import annotations

import polars as pl

from data_contracts.tables.table import Column, Table
from data_contracts.tables.verdicts import DecidingStep

_SINCE = "0.2.0"
_INT, _FLOAT, _STRING, _BOOL = pl.Int64(), pl.Float64(), pl.String(), pl.Boolean()
_UNAUDITED = "no audit of the step was answered"


def _figure(name: str, meaning: str, unit: str) -> Column:
    return Column(name, _FLOAT, meaning, nullable=True, unit=unit, null_when=_UNAUDITED, since=_SINCE)


ROUTES = Table(
    name="routes",
    meaning="One row per step of the night's policy that decided something, with what its audit says.",
    columns=(
        Column("date", pl.Date(), "The night's day.", since=_SINCE),
        Column("step", _STRING, f"The step: {', '.join(DecidingStep)}.", since=_SINCE),
        Column("decided_count", _INT, "Comments that it decided, audited ones included.", unit="row", since=_SINCE),
        Column("audited_count", _INT, "Of these, those that the model judged as well.", unit="row", since=_SINCE),
        Column("audit_errors", _INT, "Audited comments whose `violation` the model sees otherwise.", since=_SINCE),
        _figure("error_rate", "Share of the step's comments that the model would see otherwise, weighted.", "fraction"),
        _figure("ci_low", "Lower end of its 95 % interval.", "fraction"),
        _figure("ci_high", "Upper end of its 95 % interval.", "fraction"),
        _figure("missed_violations", "Comments that the step cleared and the model would flag, estimated.", "row"),
        _figure("missed_low", "Lower end of its 95 % interval.", "row"),
        _figure("missed_high", "Upper end of its 95 % interval.", "row"),
        Column(
            "cost_usd",
            _FLOAT,
            "What the step's comments cost, their audits included.",
            nullable=True,
            unit="USD",
            null_when="a cost among them is not known",
            since=_SINCE,
        ),
    ),
    key=("step",),
)

AUDITS = Table(
    name="audits",
    meaning="One row per comment that a step decided and that was drawn to be asked of the model as well; no text.",
    columns=(
        Column("date", pl.Date(), "The local day it was posted.", since=_SINCE),
        Column("comment_id", _STRING, "The comment.", since=_SINCE),
        Column("step", _STRING, "The step that decided.", since=_SINCE),
        Column("violation", _BOOL, "Whether the step says that it breaks the guideline.", since=_SINCE),
        Column("category", _STRING, "The category that the step says, `none` for none.", since=_SINCE),
        Column(
            "audit_violation",
            _BOOL,
            "Whether the model says so.",
            nullable=True,
            null_when="the model's answer is no verdict",
            since=_SINCE,
        ),
        Column(
            "audit_category",
            _STRING,
            "The category that the model says.",
            nullable=True,
            null_when="the model's answer is no verdict",
            since=_SINCE,
        ),
        Column(
            "inclusion_probability",
            _FLOAT,
            "The probability that it had of being drawn.",
            unit="fraction",
            since=_SINCE,
        ),
    ),
    key=("comment_id",),
)
