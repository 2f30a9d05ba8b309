"""What tokens cost, from prices.toml; integers inside, so that sums are exact."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from data_contracts.documents.ledger import LedgerEntry, Mode
from data_contracts.documents.plan import Plan
from tasks.base.errors import SettingsInvalid
from tasks.base.settings import Settings
from tasks.llm.model_ids import parse_model_id

#: Costs are added up in integer picodollars: every listed price is a whole number of them per token.
PICODOLLARS = 10**12
_TOKENS_PER_PRICE = 10**6

#: Beside the packages, in a checkout as in site-packages.
_SHIPPED = Path(__file__).parents[2] / "prices.toml"


class Price(NamedTuple):
    """Picodollars per input and per output token."""

    input_pico: int
    output_pico: int

    def cost_pico(self, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost, in picodollars."""
        return self.input_pico * input_tokens + self.output_pico * output_tokens

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost, in dollars."""
        return self.cost_pico(input_tokens, output_tokens) / PICODOLLARS


def to_pico(cost_usd: float) -> int:
    """Dollars as the integer picodollars that they were made from; exact up to nine thousand dollars."""
    return round(cost_usd * PICODOLLARS)


def to_usd(cost_pico: int | None) -> float | None:
    """Picodollars as dollars; an unknown cost stays unknown."""
    return None if cost_pico is None else cost_pico / PICODOLLARS


def find_price(model_id: str, mode: Mode, path: Path | None = None) -> Price | None:
    """The price of a model, or None when the file does not list it: an unknown cost is null, never 0.

    A canary is a call like those on demand.

    Raises:
        SettingsInvalid: if the file cannot be read or a price in it is not two numbers.
    """
    path = path or _SHIPPED
    ref = parse_model_id(model_id)
    try:
        for entry in _entries(path.read_text(encoding="utf-8")):
            if entry["model"] == ref.base_id:
                pair = entry.get(ref.scope, entry["global"])["batch" if mode == "batch" else "on_demand"]
                return Price(*(int(Decimal(dollars) * PICODOLLARS / _TOKENS_PER_PRICE) for dollars in pair))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ArithmeticError) as error:
        raise SettingsInvalid(f"MODERATION_PRICES: {path}: {type(error).__name__}: {error}") from error
    return None


@lru_cache(maxsize=4)
def _entries(text: str) -> list[dict[str, Any]]:
    """The models of a price list: read anew only when its text changes: a night asks some fifty times."""
    entries: list[dict[str, Any]] = tomllib.loads(text, parse_float=Decimal).get("price", [])
    return entries


def booked_price(entry: LedgerEntry, settings: Settings) -> Price | None:
    """The price that an entry was booked at, whatever prices.toml has come to say; None if it was unknown."""
    usage = entry.usage
    if usage is not None and usage.input_pico is not None and usage.output_pico is not None:
        return Price(usage.input_pico, usage.output_pico)
    if usage is not None and usage.cost_usd is None:
        return None
    # Booked by an earlier version, which did not keep the price.
    return find_price(entry.priced_model_id, entry.mode, settings.prices)


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
    """Whether the cost of what was not asked is known: it is nothing, but not among costs that are unknown."""
    if jobs.height:
        return bool(jobs["_input_pico"].is_not_null().any())
    return find_price(plan.priced_model_id, "batch", settings.prices) is not None
