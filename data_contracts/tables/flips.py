"""The comments whose verdict changed when their day was published anew."""

from __future__ import annotations

import polars as pl

from data_contracts.tables.table import Column, Table

_SINCE = "0.2.0"

FLIPS = Table(
    name="flips",
    meaning="One row per comment whose verdict changed when its day was last published anew, against the verdicts that "
    "this took the place of; no comment text (join on comment_id).",
    columns=(
        Column("date", pl.Date(), "The local day it was posted, in the settings' time zone.", since=_SINCE),
        Column("comment_id", pl.String(), "The comment.", since=_SINCE),
        Column("old_violation", pl.Boolean(), "Whether it broke the guideline before.", since=_SINCE),
        Column(
            "new_violation",
            pl.Boolean(),
            "Whether it breaks the guideline now.",
            nullable=True,
            null_when="it has no verdict any more",
            since=_SINCE,
        ),
        Column("old_category", pl.String(), "The category it broke before, `none` for none.", since=_SINCE),
        Column(
            "new_category",
            pl.String(),
            "The category it breaks now, `none` for none.",
            nullable=True,
            null_when="it has no verdict any more",
            since=_SINCE,
        ),
        Column("old_run_id", pl.String(), "The run whose verdict it had.", since=_SINCE),
        Column("run_id", pl.String(), "The run whose verdict it has.", since=_SINCE),
    ),
    key=("comment_id",),
)
