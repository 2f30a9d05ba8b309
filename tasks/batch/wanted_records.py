"""Which records are asked now, and whether the night may pay for them.

A record that a live job holds, or that was judged or refused, is never asked again; one whose answer failed is asked
again, until a run has asked MAX_ATTEMPTS times in all. That makes a crash harmless: the next run asks for what is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

from data_contracts.documents.ledger import LedgerEntry, Mode
from data_contracts.tables.table import Column, Table
from data_contracts.tables.verdicts import REQUESTS, Status
from tasks.base.errors import BelowMinimum, OverBudget
from tasks.base.settings import Settings
from tasks.batch.estimate.rates import Estimate, Rates, estimate
from tasks.ledger.asker import Prices
from tasks.ledger.entries import is_live
from tasks.llm.masking import masked_records

#: The run's own frame of records that are asked now; it lives on the local disk while shards are written.
WANTED = Table(
    name="wanted",
    meaning="One row per record that a new request is needed for.",
    columns=(
        *REQUESTS.columns,
        Column("text", pl.String(), "The comment."),
        Column("language", pl.String(), "Its language."),
        Column("text_bytes", pl.Int64(), "Bytes of the escaped comment inside a line.", unit="byte"),
    ),
    key=("record_id",),
)


def asked_records(
    requests: pl.LazyFrame, answers: pl.LazyFrame, entries: Sequence[LedgerEntry], run_id: str
) -> pl.LazyFrame:
    """Every request of the day so far and what came of it.

    Columns: requests (REQUESTS plus key) and answers (ANSWERS plus key) -> record_id, text_sha256, attempt, status
    (a Status, or null while the job is live), is_own (asked by this run).
    """
    jobs = pl.LazyFrame(
        {
            "key": [entry.key for entry in entries],
            "_live": [is_live(entry) for entry in entries],
            "is_own": [entry.run_id == run_id for entry in entries],
        },
        schema={"key": pl.String, "_live": pl.Boolean, "is_own": pl.Boolean},
    )
    return (
        requests.join(answers.select("record_id", "key", "status"), on=["record_id", "key"], how="left")
        .join(jobs, on="key", how="inner")
        .with_columns(status=pl.when(~pl.col("_live")).then(pl.col("status").fill_null(Status.MISSING.value)))
        .select("record_id", "text_sha256", "attempt", "status", "is_own")
    )


def settled_records(asked: pl.LazyFrame, max_attempts: int) -> pl.LazyFrame:
    """Records that need no new request: a live job holds them, a verdict or a refusal came, or this run asked enough.

    Columns: those of `asked_records` -> record_id, text_sha256.
    """
    done = (pl.col("status").is_null() | pl.col("status").is_in([Status.JUDGED.value, Status.REFUSED.value])).any()
    return (
        asked.group_by("record_id", "text_sha256")
        .agg(_settled=done | (pl.col("is_own").sum() >= max_attempts))
        .filter(pl.col("_settled"))
        .select("record_id", "text_sha256")
    )


def records_to_ask(
    valid: pl.LazyFrame,
    duplicates: pl.LazyFrame,
    asked: pl.LazyFrame,
    max_attempts: int,
    masking: str | None = None,
) -> pl.LazyFrame:
    """The valid records that a new request is needed for, in the order of `valid`, their texts as the model sees them.

    Columns: those of the run's `valid` frame -> those of WANTED; attempt is 1 for a record that was never asked, and
    `text_sha256` that of the comment's own text, whether or not rules mask what is asked.
    """
    settled = settled_records(asked, max_attempts)
    attempts = asked.group_by("record_id").agg(attempt=(pl.col("attempt").max() + 1).cast(pl.Int32))
    to_ask = (
        valid.select("record_id", "text", "text_sha256", "language", "text_bytes", *_named(valid))
        .join(duplicates.select("record_id"), on="record_id", how="anti", maintain_order="left")
        .join(settled, on=["record_id", "text_sha256"], how="anti", maintain_order="left")
        .join(attempts, on="record_id", how="left", maintain_order="left")
        .with_columns(pl.col("attempt").fill_null(1).cast(pl.Int32))
    )
    return masked_records(to_ask) if masking else to_ask


def _named(valid: pl.LazyFrame) -> list[str]:
    """What a step beside the model's own asks by; not in the frame of a plain night."""
    return [name for name in ("asked_as", "inclusion_probability") if name in valid.collect_schema()]


def check_minimum(record_count: int, min_job_records: int) -> None:
    """Raises BelowMinimum if there is something to ask, but too little for a job.

    Raises:
        BelowMinimum: naming the minimum.
    """
    if 0 < record_count < min_job_records:
        raise BelowMinimum(
            f"{record_count} comments to judge, fewer than Bedrock's minimum of {min_job_records} records a batch job "
            "(MODERATION_MIN_JOB_RECORDS), and MODERATION_ON_DEMAND is off: nothing was submitted"
        )


def check_budget(estimated_usd: float | None, booked_usd: float, max_cost_usd: float) -> None:
    """Raises OverBudget unless what the day has cost and is expected to cost stays within the budget.

    Raises:
        OverBudget: naming the amounts.
    """
    if estimated_usd is not None and booked_usd + estimated_usd > max_cost_usd:
        already = f" on top of ${booked_usd:.4f} already booked or under way" if booked_usd else ""
        raise OverBudget(
            f"an estimated ${estimated_usd:.4f}{already} is over MODERATION_MAX_COST_USD={max_cost_usd:g}: "
            "nothing was submitted"
        )


def booked_cost(entries: Iterable[LedgerEntry]) -> float:
    """What the day's jobs have cost, or are expected to cost where that is not known; without a price, nothing."""
    costs = (
        entry.estimated_cost_usd if entry.usage is None or entry.usage.cost_usd is None else entry.usage.cost_usd
        for entry in entries
    )
    return math.fsum(cost for cost in costs if cost is not None)


class Choice(NamedTuple):
    """Which of the records are asked now.

    Attributes:
        sizes: their text_bytes, input_tokens and attempt.
        mode: how they are asked.
        is_first_attempt_only: whether further attempts are left out.
        left_count: how many of those there are.
        has_golden: whether the golden items ride along.
        expected: what will be used, by golden items too.
        expected_of_golden: their part of it.
    """

    sizes: pl.DataFrame
    mode: Mode
    is_first_attempt_only: bool
    left_count: int
    has_golden: bool
    expected: Estimate
    expected_of_golden: Estimate


def choose(
    sizes: pl.DataFrame,
    settings: Settings,
    booked_usd: float,
    rates: Rates,
    prices: Prices,
    is_canary_due: bool = False,
    golden: pl.DataFrame | None = None,
) -> Choice:
    """Ask for everything that is open; failed records and golden items alone never stop a night.

    Too few records for a job are asked on demand, at its price. Where that is switched off, or the budget is too small,
    golden items are left out first, then further attempts: what is left of them keeps its status. Golden items ride in
    jobs alone, and only beside comments that are enough for one.

    Args:
        sizes: text_bytes, input_tokens and attempt of the records.
        settings: the minimum of a job and the budget.
        booked_usd: what the day has cost so far.
        rates: what a request is expected to use.
        prices: of each mode.
        is_canary_due: whether a call will try the requests before a first job.
        golden: the same of the golden items that are open; they are no part of the records.

    Raises:
        BelowMinimum: if comments that were never asked are fewer than a job takes.
        OverBudget: if they alone are over the budget.
    """
    new, none = sizes.filter(pl.col("attempt") == 1), sizes.clear()
    choices = [(sizes, none)]
    if golden is not None and golden.height and sizes.height >= settings.min_job_records:
        choices.insert(0, (sizes, golden.select(sizes.columns)))
    if new.height < sizes.height:
        choices.append((new, none))
    for place, (wanted, items) in enumerate(choices, 1):
        mode: Mode = "on_demand" if settings.on_demand and wanted.height < settings.min_job_records else "batch"
        all_wanted = pl.concat([wanted, items])
        tokens = int(all_wanted["input_tokens"].sum())
        expected = estimate(all_wanted.height, tokens, rates, prices[mode])
        try:
            if mode == "batch":
                check_minimum(wanted.height, settings.min_job_records)
            tried = _tried(all_wanted.height, tokens, rates, prices) if is_canary_due and mode == "batch" else 0.0
            check_budget(expected.cost_usd and expected.cost_usd + tried, booked_usd, settings.max_cost_usd)
        except (BelowMinimum, OverBudget):
            if place == len(choices) and wanted.height:
                raise
            continue
        break
    return Choice(
        sizes=wanted,
        mode=mode,
        is_first_attempt_only=wanted.height < sizes.height,
        left_count=sizes.height - wanted.height,
        has_golden=items.height > 0,
        expected=expected,
        expected_of_golden=estimate(items.height, int(items["input_tokens"].sum()), rates, prices[mode]),
    )


def _tried(record_count: int, input_tokens: int, rates: Rates, prices: Prices) -> float:
    """Dollars of a canary that is as large as the average request; 0 where there is nothing to try, or no price."""
    if not record_count:
        return 0.0
    return estimate(1, math.ceil(input_tokens / record_count), rates, prices["canary"]).cost_usd or 0.0
