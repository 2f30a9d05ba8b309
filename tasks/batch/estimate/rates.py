"""What a night will use, before anything is submitted.

A request is a constant part, the prompt, and a comment. What each of them takes comes from Bedrock itself where it
counts tokens, else from what earlier nights of the same model and prompt used, else from constants.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from data_contracts.documents.ledger import EstimateSource
from data_contracts.documents.usage import LanguageUsage
from tasks.ledger.prices import Price

#: UTF-8 bytes a token, on the low side so that an estimate errs upwards: Japanese, Chinese and Korean take about one
#: token a character of three bytes, other scripts a token for some four characters.
_BYTES_PER_TOKEN_CJK = 2.5
_BYTES_PER_TOKEN_OTHER = 3.3
_CJK = ("ja", "zh", "ko")

#: An answer object with a short explanation; measured answers are 30 to 70 tokens. Thoughts come on top.
OUTPUT_TOKENS = 60

#: Requests that a language needs before a line of its own is drawn through them.
MIN_RECORDS = 30
#: No tokenizer makes more tokens of a byte: a steeper line was drawn through noise.
_MAX_TOKENS_PER_BYTE = 2.0


class Line(NamedTuple):
    """Tokens that a request reads: the constant part, and what each byte of the escaped comment adds."""

    fixed_tokens: float
    tokens_per_byte: float


class Rates(NamedTuple):
    """What a request is expected to use.

    Attributes:
        source: where `lines` and `fixed_tokens` come from.
        lines: by language.
        fixed_tokens: the constant part for any other language, whose bytes count as the constants say.
        output_tokens: of an answer, thoughts included.
    """

    source: EstimateSource
    lines: Mapping[str, Line]
    fixed_tokens: float
    output_tokens: float

    def input_tokens(self) -> pl.Expr:
        """Estimated tokens that each request reads.

        Columns: language, text_bytes -> a whole number of tokens.
        """
        expected = self.fixed_tokens + pl.col("text_bytes") * text_rate()
        for language, line in self.lines.items():
            own = line.fixed_tokens + pl.col("text_bytes") * line.tokens_per_byte
            expected = pl.when(pl.col("language") == language).then(own).otherwise(expected)
        return expected.ceil().cast(pl.Int64)

    def in_packs(self, size: int) -> Rates:
        """The same for a comment of a pack: the constant part is shared, and so are the thoughts.

        `fixed_tokens` and each line's are those of a pack; `output_tokens` stays that of a whole one.
        """
        lines = {name: line._replace(fixed_tokens=line.fixed_tokens / size) for name, line in self.lines.items()}
        return self._replace(lines=lines, fixed_tokens=self.fixed_tokens / size)


class Estimate(NamedTuple):
    """Tokens and dollars; `cost_usd` is None when the model has no known price."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class Tokens(NamedTuple):
    """What calls used, or can use at the most."""

    read: int
    written: int


def most_tokens(size_bytes: int, body: Mapping[str, Any]) -> Tokens:
    """The most that one request of so many bytes can use.

    No tokenizer makes more tokens of a text than it has bytes, and the request itself limits what is written, thoughts
    included.
    """
    written: int = body["inferenceConfig"]["maxTokens"] if "inferenceConfig" in body else body["max_tokens"]
    return Tokens(size_bytes, written)


def text_rate() -> pl.Expr:
    """Tokens a byte of a comment by the constants, from its language."""
    return pl.when(pl.col("language").is_in(_CJK)).then(1 / _BYTES_PER_TOKEN_CJK).otherwise(1 / _BYTES_PER_TOKEN_OTHER)


def constant_rate(language: str) -> float:
    """`text_rate` of one language."""
    return 1 / (_BYTES_PER_TOKEN_CJK if language in _CJK else _BYTES_PER_TOKEN_OTHER)


def prompt_tokens(text: str) -> int:
    """Estimated tokens of the constant part of a request, by the constants."""
    wide = sum(character >= "\u2e80" for character in text)
    return round(3 * wide / _BYTES_PER_TOKEN_CJK + (len(text) - wide) / _BYTES_PER_TOKEN_OTHER)


def constant_rates(prompt_text: str, reasoning_tokens: int) -> Rates:
    """The rates for a model and a prompt of which nothing is known."""
    fixed_tokens = prompt_tokens(prompt_text)
    return Rates(EstimateSource.CONSTANTS, {}, fixed_tokens, OUTPUT_TOKENS + reasoning_tokens)


#: The same of one comment in a pack, whose explanation is mostly empty; and a place with its tags, read.
PACK_OUTPUT_TOKENS, _PLACE_TOKENS = 40, 14


def constant_pack_rates(prompt_text: str, reasoning_tokens: int, size: int) -> Rates:
    """The rates of a pack, for `Rates.in_packs`, by constants."""
    fixed_tokens = prompt_tokens(prompt_text) + _PLACE_TOKENS * size
    return Rates(EstimateSource.CONSTANTS, {}, fixed_tokens, PACK_OUTPUT_TOKENS * size + reasoning_tokens)


def learnt_rates(usages: Sequence[LanguageUsage]) -> Rates | None:
    """The rates that earlier requests had, or None if they were too few.

    Each language has its line by least squares; where it has few requests, or its comments are all of a length, the
    constant slope through its middle. A language that never came has the constant part of all others together.
    """
    total = sum(usage.record_count for usage in usages)
    if total < MIN_RECORDS:
        return None
    by_language: dict[str, list[LanguageUsage]] = {}
    for usage in usages:
        by_language.setdefault(usage.language, []).append(usage)
    common = {
        language: of_language for language, of_language in by_language.items() if _count(of_language) >= MIN_RECORDS
    }
    fixed = sum(usage.input_tokens - usage.text_bytes * constant_rate(usage.language) for usage in usages) / total
    return Rates(
        EstimateSource.LEARNT,
        {language: _line(language, of_language) for language, of_language in sorted(common.items())},
        fixed,
        sum(usage.output_tokens for usage in usages) / total,
    )


def _count(usages: Sequence[LanguageUsage]) -> int:
    return sum(usage.record_count for usage in usages)


def _line(language: str, usages: Sequence[LanguageUsage]) -> Line:
    """The least-squares line through the requests of one language; the sums are integers, and so is what decides."""
    count, size, tokens, squares, products = (
        sum(getattr(usage, name) for usage in usages)
        for name in ("record_count", "text_bytes", "input_tokens", "squared_bytes", "bytes_times_tokens")
    )
    spread = count * squares - size * size
    slope = (count * products - size * tokens) / spread if spread else 0.0
    if not 0 < slope <= _MAX_TOKENS_PER_BYTE:
        slope = constant_rate(language)
    return Line((tokens - slope * size) / count, slope)


def estimate(record_count: int, input_tokens: int, rates: Rates, price: Price | None) -> Estimate:
    """What so many records will use that together read so much."""
    output_tokens = math.ceil(record_count * rates.output_tokens)
    return Estimate(input_tokens, output_tokens, price.cost_usd(input_tokens, output_tokens) if price else None)
