"""What each job's tokens cost when they were booked; prices.toml may say something else by now."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from data_contracts.documents.plan import Plan
from data_contracts.ledger import LedgerEntry
from tasks.prices import Price, find_price
from tasks.settings import Settings


def booked_price(entry: LedgerEntry, settings: Settings) -> Price | None:
    """The price that an entry was booked at, whatever prices.toml has come to say; None if it was unknown."""
    usage = entry.usage
    if usage is not None and usage.input_pico is not None and usage.output_pico is not None:
        return Price(usage.input_pico, usage.output_pico)
    if usage is not None and usage.cost_usd is None:
        return None
    # Booked by an earlier version, which did not keep the price.
    return find_price(entry.model_id, entry.mode, settings.prices)


def job_frame(entries: Sequence[LedgerEntry], settings: Settings) -> pl.DataFrame:
    """One row per ledger entry: key, batch_job_arn, epoch, and its price in picodollars a token (null if unknown)."""
    prices = [booked_price(entry, settings) for entry in entries]
    return pl.DataFrame(
        {
            "key": [entry.key for entry in entries],
            "batch_job_arn": [entry.job_arn for entry in entries],
            "_epoch": [entry.epoch for entry in entries],
            "_input_pico": [price.input_pico if price else None for price in prices],
            "_output_pico": [price.output_pico if price else None for price in prices],
        },
        schema={
            "key": pl.String,
            "batch_job_arn": pl.String,
            "_epoch": pl.Int64,
            "_input_pico": pl.Int64,
            "_output_pico": pl.Int64,
        },
    )


def is_priced(jobs: pl.DataFrame, plan: Plan, settings: Settings) -> bool:
    """Whether the cost of what was not asked can be told: it is nothing, but not among costs that are unknown."""
    if jobs.height:
        return bool(jobs["_input_pico"].is_not_null().any())
    return find_price(plan.model_id, "batch", settings.prices) is not None
