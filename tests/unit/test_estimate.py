"""What a night will use."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.estimate import OUTPUT_TOKENS, Estimate, estimate, prompt_tokens, text_tokens
from tasks.prices import Price

PRICE = Price(500_000, 2_500_000)


def test_tokens_of_a_text_follow_its_language_and_bytes() -> None:
    """Japanese, Chinese and Korean take more tokens a byte; a part of a token is a token."""
    frame = pl.DataFrame(
        {"language": ["ja", "zh", "ko", "en", "und", "en", "ja"], "text_bytes": [30, 30, 30, 33, 33, 34, 0]}
    )
    actual = frame.select(tokens=text_tokens())
    expected = pl.DataFrame({"tokens": [12, 12, 12, 10, 10, 11, 0]})
    assert_frame_equal(actual, expected)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("a" * 33, 10, id="latin"),
        pytest.param("あ" * 10, 12, id="japanese"),
        pytest.param("a" * 33 + "あ" * 10, 22, id="mixed"),
    ],
)
def test_tokens_of_a_prompt_are_counted_by_script(text: str, tokens: int) -> None:
    """The constant part is estimated by the same measure, character by character."""
    assert prompt_tokens(text) == tokens


@pytest.mark.parametrize(
    ("record_count", "comment_tokens", "price", "expected"),
    [
        pytest.param(0, 0, PRICE, Estimate(0, 0, 0.0), id="nothing-costs-nothing"),
        pytest.param(100, 5_000, PRICE, Estimate(105_000, 100 * OUTPUT_TOKENS, 0.0675), id="prompt-is-paid-each-time"),
        pytest.param(100, 5_000, None, Estimate(105_000, 100 * OUTPUT_TOKENS, None), id="unknown-price-is-not-0"),
        pytest.param(0, 0, None, Estimate(0, 0, None), id="unknown-price-of-nothing"),
    ],
)
def test_every_request_carries_the_prompt(
    record_count: int, comment_tokens: int, price: Price | None, expected: Estimate
) -> None:
    """Input is the comments plus the constant part for each; an unknown price is None."""
    assert estimate(record_count, comment_tokens, 1_000, price) == expected


def test_thoughts_are_paid_for_as_output() -> None:
    """A model that thinks before it answers is expected to use that much more output a record."""
    plain, thinking = (estimate(100, 5_000, 1_000, PRICE, reasoning_tokens=tokens) for tokens in (0, 300))
    assert thinking.input_tokens == plain.input_tokens
    assert thinking.output_tokens == plain.output_tokens + 30_000
    assert thinking.cost_usd == pytest.approx(0.0675 + 0.075)
