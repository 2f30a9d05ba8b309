"""The golden pack's records: they ride in the shards of a night's comments, and never make a job of their own.

They are asked by the rules for comments: an item that a live job holds, or that was judged or refused, is not asked
again, and one whose answer failed rides once more if a batch job goes out for comments anyway. No round is played for
golden items alone, and none is asked on demand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

import polars as pl

from data_contracts.documents.ledger import LedgerEntry, step_record_id
from prompts.golden import GoldenPack
from tasks.batch.wanted_records import WANTED, asked_records, records_to_ask
from tasks.intake.row_rules import normalise
from tasks.llm.masking import masked_records
from tasks.llm.request_line import comment_json

STEP = "golden"


def golden_records(pack: GoldenPack | None, run_date: date, masking: str | None = None) -> pl.DataFrame:
    """The pack's items as records of a day, masked where the plan says by which rules; no row without a pack.

    Columns: those of WANTED without attempt, in the pack's order.
    """
    rows = [
        {
            "record_id": step_record_id(run_date, STEP, (item.item_id,)),
            "golden_item_id": item.item_id,
            "text": item.text,
            "language": item.language,
            "text_bytes": len(comment_json(item.text)),
        }
        for item in (pack.items if pack else ())
    ]
    schema = {name: dtype for name, dtype in WANTED.polars_schema.items() if name not in ("attempt", "text_sha256")}
    frame = pl.DataFrame(rows, schema=schema)
    normal = frame.select(normalise(pl.col("text")))["text"]
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in normal]
    frame = frame.with_columns(pl.Series("text_sha256", hashes, dtype=pl.String))
    return masked_records(frame.lazy()).collect() if masking else frame


def golden_to_ask(
    records: pl.DataFrame,
    requests: pl.LazyFrame,
    answers: pl.LazyFrame,
    serving: Sequence[LedgerEntry],
    run_id: str,
    max_attempts: int,
) -> pl.DataFrame:
    """The golden records that a new request is needed for.

    Columns: those of `golden_records`; of requests and answers those that `asked_records` reads -> those of WANTED.
    """
    if records.is_empty():
        return WANTED.empty()
    is_mine = pl.col("record_id").is_in(records["record_id"].implode())
    asked = asked_records(requests.filter(is_mine), answers.filter(is_mine), serving, run_id)
    no_duplicates, items = pl.LazyFrame(schema={"record_id": pl.String}), records.lazy()
    wanted = records_to_ask(items, no_duplicates, asked, max_attempts)
    named = items.select("record_id", "golden_item_id")
    asked = wanted.join(named, on="record_id", how="left", maintain_order="left")
    return WANTED.conform(WANTED.widen(asked)).collect()
