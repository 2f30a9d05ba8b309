"""What a night will use, before anything is submitted."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from tasks.prices import Price

#: UTF-8 bytes a token, on the low side so that an estimate errs upwards: Japanese, Chinese and Korean take about one
#: token a character of three bytes, other scripts a token for some four characters.
_BYTES_PER_TOKEN_CJK = 2.5
_BYTES_PER_TOKEN_OTHER = 3.3
_CJK = ("ja", "zh", "ko")

#: An answer object with a short explanation; measured answers are 30 to 70 tokens. Thoughts come on top.
OUTPUT_TOKENS = 60


class Estimate(NamedTuple):
    """Tokens and dollars; `cost_usd` is None when the model has no known price."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None


def text_tokens() -> pl.Expr:
    """Estimated tokens of each comment, from its language and its bytes."""
    per_token = pl.when(pl.col("language").is_in(_CJK)).then(_BYTES_PER_TOKEN_CJK).otherwise(_BYTES_PER_TOKEN_OTHER)
    return (pl.col("text_bytes") / per_token).ceil().cast(pl.Int64)


def prompt_tokens(text: str) -> int:
    """Estimated tokens of the constant part of a request."""
    wide = sum(character >= "\u2e80" for character in text)
    return round(3 * wide / _BYTES_PER_TOKEN_CJK + (len(text) - wide) / _BYTES_PER_TOKEN_OTHER)


def estimate(
    record_count: int, comment_tokens: int, constant_tokens: int, price: Price | None, reasoning_tokens: int = 0
) -> Estimate:
    """What so many records will use, the constant part of each request and the thoughts before each answer included."""
    input_tokens = comment_tokens + record_count * constant_tokens
    output_tokens = record_count * (OUTPUT_TOKENS + reasoning_tokens)
    return Estimate(input_tokens, output_tokens, price.cost_usd(input_tokens, output_tokens) if price else None)
