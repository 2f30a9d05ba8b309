"""What the golden pack was answered, night by night: the texts stay, so a change is the model's or the prompt's."""

from __future__ import annotations

import polars as pl

from data_contracts.tables.table import Column, Table
from data_contracts.tables.verdicts import Status

_SINCE = "0.2.0"
_UNLESS_JUDGED = "`status` is not judged"

GOLDEN = Table(
    name="golden",
    meaning="One row per item of the golden pack that was asked in the night's jobs; no text: the pack has it.",
    columns=(
        Column("date", pl.Date(), "The night's day.", since=_SINCE),
        Column("item_id", pl.String(), "The item, as the pack's file names it.", since=_SINCE),
        Column("is_attack", pl.Boolean(), "Whether it tries to talk the model out of the right verdict.", since=_SINCE),
        Column("expected_violation", pl.Boolean(), "Whether it breaks the guideline.", since=_SINCE),
        Column("expected_category", pl.String(), "The category that it breaks, `none` for none.", since=_SINCE),
        Column("status", pl.String(), f"What became of it: {', '.join(Status)}.", since=_SINCE),
        Column(
            "violation",
            pl.Boolean(),
            "Whether the model says that it breaks the guideline.",
            nullable=True,
            null_when=_UNLESS_JUDGED,
            since=_SINCE,
        ),
        Column(
            "category",
            pl.String(),
            "The category that the model says, `none` for none.",
            nullable=True,
            null_when=_UNLESS_JUDGED,
            since=_SINCE,
        ),
        Column(
            "flipped",
            pl.Boolean(),
            "Whether `violation` or `category` is another than on the first night with this prompt, model and pack.",
            nullable=True,
            null_when=f"{_UNLESS_JUDGED}, or this is that first night",
            since=_SINCE,
        ),
        Column("model_id", pl.String(), "The model or inference profile that was asked.", since=_SINCE),
        Column("prompt_version", pl.String(), "The version of the prompt that was used.", since=_SINCE),
        Column("run_id", pl.String(), "The run that wrote the row.", since=_SINCE),
    ),
    key=("item_id",),
)
