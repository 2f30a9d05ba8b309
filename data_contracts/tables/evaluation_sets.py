"""Sets of labelled comments, `evaluation/sets/NAME/vN.parquet`, and what candidates answered to them."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table

_SINCE = "0.2.0"
_S = pl.String()


class ItemSource(StrEnum):
    """Where an item comes from."""

    #: people wrote or chose it
    HUMAN = "human"
    #: a model wrote it; it is never mixed into figures of production
    MODEL = "model"
    #: a comment that a night judged and people labelled
    LOG = "log"


class Split(StrEnum):
    """What an item is for."""

    #: to look at while a prompt is written
    TRAIN = "train"
    #: to choose between candidates
    DEV = "dev"
    #: to be looked at once, before a promotion
    TEST = "test"


EVALUATION_SETS = Table(
    name="evaluation_sets",
    meaning="One row per labelled comment of a version of a set; with its text, so no analyst's table.",
    columns=(
        Column("item_id", _S, "The item; by default the first 32 digits of its text's hash.", since=_SINCE),
        Column("text", _S, "What candidates are asked about.", nullable=True, null_when="it was erased", since=_SINCE),
        Column("language", _S, "ISO 639-1 code; `und` when it cannot be told.", since=_SINCE),
        Column("violation", pl.Boolean(), "The label: whether it breaks the guideline.", since=_SINCE),
        Column("category", _S, "The label: which category, `none` for no violation.", since=_SINCE),
        Column("source", _S, f"Where it comes from: {', '.join(ItemSource)}.", since=_SINCE),
        Column("stratum", _S, "What it was drawn from.", nullable=True, null_when="it was not drawn", since=_SINCE),
        Column("weight", pl.Float64(), "How many comments it stands for.", unit="comment", since=_SINCE),
        Column("cluster", _S, "The group of like texts that it belongs to; one group is in one split.", since=_SINCE),
        Column("split", _S, f"What it is for: {', '.join(Split)}.", since=_SINCE),
        Column("date", pl.Date(), "The day of the comment.", nullable=True, null_when="not from a log", since=_SINCE),
        Column("comment_id", _S, "The comment.", nullable=True, null_when="not from a log", since=_SINCE),
        Column("added_at", UTC_MICROSECONDS, "When it was added.", since=_SINCE),
        Column("prompt_sha256", _S, "Hash of the guideline that its label was given under, lower hex.", since=_SINCE),
    ),
    key=("item_id",),
)

EXPERIMENTS = Table(
    name="experiments",
    meaning="One row per answer of a candidate to an item of a set; no text (join on text_sha256 and set).",
    columns=(
        Column("set", _S, "The set.", since=_SINCE),
        Column("set_version", pl.Int32(), "The version of the set that it was asked for first.", since=_SINCE),
        Column("item_id", _S, "The item.", since=_SINCE),
        Column("text_sha256", _S, "Hash of the normalised text, lower hex.", since=_SINCE),
        Column("component", _S, "What answered: `model`.", since=_SINCE),
        Column("model_id", _S, "The model, and how it was reached.", since=_SINCE),
        Column("invocation_type", _S, "How it was asked: `InvokeModel` or `Converse`.", since=_SINCE),
        Column("prompt_sha256", _S, "Hash of the prompt with its parameters, lower hex.", since=_SINCE),
        Column("policy_sha256", _S, "Hash of the policy.", nullable=True, null_when="it was `plain`", since=_SINCE),
        Column("order_seed", pl.Int32(), "0, or the number of the repetition.", since=_SINCE),
        Column("pack", pl.Int32(), "Comments a request.", since=_SINCE),
        Column("slot", pl.Int32(), "Its place in the request.", nullable=True, null_when="it was alone", since=_SINCE),
        Column("attempt", pl.Int32(), "Which attempt this was, from 1.", since=_SINCE),
        Column("status", _S, "`judged`, `refused`, `malformed`, `error` or `missing`.", since=_SINCE),
        Column("violation", pl.Boolean(), "The answer.", nullable=True, null_when="not judged", since=_SINCE),
        Column("category", _S, "The answer's category.", nullable=True, null_when="not judged", since=_SINCE),
        Column(
            "confidence", pl.Float64(), "How sure it says it is.", nullable=True, null_when="not judged", since=_SINCE
        ),
        Column("explanation", _S, "Why, without quotes.", nullable=True, null_when="not judged", since=_SINCE),
        Column("input_tokens", pl.Int64(), "Read.", nullable=True, null_when="unknown", unit="token", since=_SINCE),
        Column("output_tokens", pl.Int64(), "Written.", nullable=True, null_when="unknown", unit="token", since=_SINCE),
        Column("cost_usd", pl.Float64(), "Paid.", nullable=True, null_when="unknown", unit="USD", since=_SINCE),
        Column("masking", _S, "Which rules masked the text.", nullable=True, null_when="none did", since=_SINCE),
        Column("asked_at", UTC_MICROSECONDS, "When the answer was read.", since=_SINCE),
        Column("run_id", _S, "The evaluation run that asked.", since=_SINCE),
    ),
    key=("text_sha256", "model_id", "invocation_type", "prompt_sha256", "pack", "order_seed"),
)
