"""The night's books: what the ledger says was paid, and which part of it verdicts, golden items and canaries carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from data_contracts.documents.balance import Balance
from data_contracts.documents.ledger import GoldenUsage, LedgerEntry, Usage
from data_contracts.documents.plan import Plan
from tasks.base.errors import Unbalanced
from tasks.ledger.prices import PICODOLLARS, to_pico, to_usd


def balance(
    plan: Plan, ledger: Sequence[LedgerEntry], verdicts: pl.LazyFrame, valid_count: int, review_count: int = 0
) -> Balance:
    """The night's books; costs are null where a price or a count of tokens is unknown.

    Raises:
        Unbalanced: if verdicts, golden items and canaries claim more tokens or dollars than the jobs and calls
            reported.
    """
    totals = (
        verdicts.select(pl.len().alias("rows"), pl.col("input_tokens").sum(), pl.col("output_tokens").sum())
        .collect(engine="streaming")
        .row(0, named=True)
    )
    booked = [entry.usage for entry in ledger if entry.usage is not None]
    whole = _Sum.of(booked)
    canary = _Sum.of([entry.usage for entry in ledger if entry.usage is not None and entry.mode == "canary"])
    carried = _Sum(int(totals["input_tokens"]), int(totals["output_tokens"]), _cost_pico(verdicts))
    golden = _Sum.of([usage.golden for usage in booked if usage.golden is not None])
    loose = whole.minus(carried).minus(golden).minus(canary)
    if min(loose.input_tokens, loose.output_tokens) < 0:
        raise Unbalanced(
            f"verdicts claim {[*carried[:2]]}, golden items {[*golden[:2]]} and canaries {[*canary[:2]]} input and "
            f"output tokens, the jobs reported {[*whole[:2]]}"
        )
    # An earlier version kept no prices: a cost of its time may have been counted at two of them.
    is_exact = all(usage.cost_usd is None or usage.input_pico is not None for usage in booked)
    if is_exact and loose.cost_pico is not None and loose.cost_pico < 0:
        over_usd = -loose.cost_pico / PICODOLLARS
        raise Unbalanced(f"verdicts, golden items and canaries claim ${over_usd} more than the jobs cost")
    parts = {"ledger": whole, "verdict": carried, "golden": golden, "canary": canary, "unattributed": loose}
    return Balance(
        ingested_count=plan.row_count,
        valid_count=valid_count,
        rejected_count=plan.row_count - valid_count,
        verdict_count=totals["rows"],
        review_count=review_count,
        **{f"{name}_input_tokens": part.input_tokens for name, part in parts.items()},
        **{f"{name}_output_tokens": part.output_tokens for name, part in parts.items()},
        **{f"{name}_cost_usd": to_usd(part.cost_pico) for name, part in parts.items()},
    )


class _Sum(NamedTuple):
    """Tokens and picodollars, as integers; the cost is None if a part of it is unknown."""

    input_tokens: int
    output_tokens: int
    cost_pico: int | None

    @classmethod
    def of(cls, usages: Sequence[Usage | GoldenUsage]) -> _Sum:
        costs = [usage.cost_usd for usage in usages]
        return cls(
            sum(usage.input_tokens for usage in usages),
            sum(usage.output_tokens for usage in usages),
            None if None in costs else sum(to_pico(cost or 0.0) for cost in costs),
        )

    def minus(self, part: _Sum) -> _Sum:
        is_known = self.cost_pico is not None and part.cost_pico is not None
        return _Sum(
            self.input_tokens - part.input_tokens,
            self.output_tokens - part.output_tokens,
            (self.cost_pico or 0) - (part.cost_pico or 0) if is_known else None,
        )


def _cost_pico(verdicts: pl.LazyFrame) -> int | None:
    """Cost of the verdicts in picodollars, summed as integers; None if any is unknown."""
    cost = (pl.col("cost_usd") * PICODOLLARS).round().cast(pl.Int64)
    unknown, pico = (
        verdicts.select(pl.col("cost_usd").null_count(), cost.sum().alias("pico")).collect(engine="streaming").row(0)
    )
    return None if unknown else int(pico)
