"""The comments of a day that people are asked to label, drawn each night from the judged ones."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table


class Stratum(StrEnum):
    """The parts of the judged comments that are drawn from apart."""

    #: the verdict is a violation
    FLAGGED = "flagged"
    #: no violation, and the model was not sure (`BORDERLINE_CONFIDENCE`)
    BORDERLINE = "borderline"
    #: no violation, and the model was sure
    CLEAR = "clear"


class PairedVerdicts(StrEnum):
    """The parts of a night on which a challenger was tried; the champion's verdict is what the night published."""

    #: a violation by both
    BOTH_FLAG = "both_flag"
    #: a violation by the champion alone
    CHALLENGER_CLEARS = "challenger_clears"
    #: a violation by the challenger alone
    CHALLENGER_FLAGS = "challenger_flags"
    #: no violation by either
    BOTH_CLEAR = "both_clear"


class Purpose(StrEnum):
    """Why a label is asked for."""

    #: the nightly sample: what accuracy is estimated from
    SAMPLE = "sample"
    #: a check of a shorter way of judging
    AUDIT = "audit"
    #: two candidates judge the comment differently
    DISAGREEMENT = "disagreement"


_SINCE = "0.2.0"
_S = pl.String()

LABEL_REQUESTS = Table(
    name="label_requests",
    meaning="One row per comment that people are asked to label; no comment text and no verdict (join on comment_id).",
    columns=(
        Column("date", pl.Date(), "The local day it was posted, in the settings' time zone.", since=_SINCE),
        Column("comment_id", _S, "The comment.", since=_SINCE),
        Column("product_id", _S, "The product it stands under.", since=_SINCE),
        Column("language", _S, "ISO 639-1 code of its text; `und` when it cannot be told.", since=_SINCE),
        Column(
            "stratum",
            _S,
            f"What it was drawn from: {', '.join(Stratum)}; of purpose {Purpose.DISAGREEMENT}: "
            f"{', '.join(PairedVerdicts)}.",
            since=_SINCE,
        ),
        Column("stratum_size", pl.Int64(), "Comments of the stratum on that day.", unit="comment", since=_SINCE),
        Column(
            "inclusion_probability",
            pl.Float64(),
            "The probability with which it was drawn: requests of the stratum / stratum_size. The sum of 1 / this over "
            "a day's sample is the number of its judged comments.",
            unit="fraction",
            since=_SINCE,
        ),
        Column("rater_slots", pl.Int32(), "How many raters are to label it, each by themselves.", since=_SINCE),
        Column("purpose", _S, f"Why it is asked for: {', '.join(Purpose)}.", since=_SINCE),
        Column("requested_at", UTC_MICROSECONDS, "Since when it is asked for without a break.", since=_SINCE),
        Column("run_id", _S, "The run whose verdicts it was drawn from.", since=_SINCE),
    ),
    key=("comment_id", "purpose"),
)
