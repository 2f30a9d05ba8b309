"""What a night will use."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents.ledger import EstimateSource
from data_contracts.documents.usage import LanguageUsage
from tasks.batch.estimate.rates import (
    MIN_RECORDS,
    OUTPUT_TOKENS,
    Estimate,
    Line,
    Rates,
    constant_rates,
    estimate,
    learnt_rates,
    prompt_tokens,
)
from tasks.ledger.prices import Price

PRICE = Price(500_000, 2_500_000)


def used(language: str, sizes: list[int], tokens: list[int], output_tokens: int = 0) -> LanguageUsage:
    """The sums over requests with these bytes and tokens."""
    return LanguageUsage(
        language=language,
        record_count=len(sizes),
        text_bytes=sum(sizes),
        input_tokens=sum(tokens),
        output_tokens=output_tokens,
        squared_bytes=sum(size * size for size in sizes),
        bytes_times_tokens=sum(size * count for size, count in zip(sizes, tokens, strict=True)),
    )


def tokens_of(rates: Rates, language: str, text_bytes: int) -> int:
    frame = pl.DataFrame({"language": [language], "text_bytes": [text_bytes]})
    found: int = frame.select(rates.input_tokens()).item()
    return found


@pytest.mark.parametrize(
    ("language", "text_bytes", "tokens"),
    [("ja", 30, 12), ("zh", 30, 12), ("ko", 30, 12), ("en", 33, 10), ("und", 33, 10), ("en", 34, 11), ("ja", 0, 0)],
)
def test_without_knowledge_tokens_follow_language_and_bytes(language: str, text_bytes: int, tokens: int) -> None:
    """Japanese, Chinese and Korean take more tokens a byte; a part of a token is a token."""
    assert tokens_of(constant_rates("", 0), language, text_bytes) == tokens


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
    """The constant part is estimated by the same measure, character by character, and every request carries it."""
    assert prompt_tokens(text) == tokens
    assert tokens_of(constant_rates(text, 0), "ja", 30) == tokens + 12


def test_a_line_of_its_own_goes_before_the_constants() -> None:
    """A language that is known has its own constant part and rate; any other the common constant part."""
    rates = Rates(EstimateSource.COUNT_TOKENS, {"ja": Line(100.0, 0.5), "en": Line(90.0, 0.25)}, 80.0, 40.0)
    assert [tokens_of(rates, language, 40) for language in ("ja", "en", "ko")] == [120, 100, 96]


@pytest.mark.parametrize(
    ("record_count", "input_tokens", "price", "expected"),
    [
        pytest.param(0, 0, PRICE, Estimate(0, 0, 0.0), id="nothing-costs-nothing"),
        pytest.param(100, 105_000, PRICE, Estimate(105_000, 100 * OUTPUT_TOKENS, 0.0675), id="priced"),
        pytest.param(100, 105_000, None, Estimate(105_000, 100 * OUTPUT_TOKENS, None), id="unknown-price-is-not-0"),
        pytest.param(0, 0, None, Estimate(0, 0, None), id="unknown-price-of-nothing"),
    ],
)
def test_an_estimate_is_input_and_an_answer_each(
    record_count: int, input_tokens: int, price: Price | None, expected: Estimate
) -> None:
    """Each request is answered; an unknown price is None."""
    assert estimate(record_count, input_tokens, constant_rates("", 0), price) == expected


def test_thoughts_are_paid_for_as_output() -> None:
    """A model that thinks before it answers is expected to use that much more output a record."""
    plain, thinking = (estimate(100, 5_000, constant_rates("", tokens), PRICE) for tokens in (0, 300))
    assert thinking.output_tokens == plain.output_tokens + 30_000


@given(st.integers(0, 5_000), st.integers(1, 40), st.lists(st.integers(0, 4_000), min_size=40, max_size=80))
def test_a_tokenizer_that_counts_bytes_is_learnt_exactly(fixed: int, per_token: int, sizes: list[int]) -> None:
    """From the sums alone the constant part and the rate come back, whatever the lengths of later comments are."""
    sizes = [per_token * size for size in [*sizes, 1]]
    learnt = learnt_rates([used("ja", sizes, [fixed + size // per_token for size in sizes], 41 * len(sizes))])
    assert learnt is not None
    assert (learnt.source, learnt.output_tokens) == (EstimateSource.LEARNT, 41)
    if len(set(sizes)) > 1:
        assert learnt.lines["ja"].fixed_tokens == pytest.approx(fixed, abs=0.5)
        assert learnt.lines["ja"].tokens_per_byte == pytest.approx(1 / per_token, rel=1e-3)
    assert tokens_of(learnt, "ja", sizes[0]) == pytest.approx(fixed + sizes[0] // per_token, abs=2)


def test_nights_add_up_and_languages_stay_apart() -> None:
    """What several nights used is one sample; a language that never came gets the common constant part."""
    japanese = [used("ja", [30 * n for n in range(20)], [1000 + 12 * n for n in range(20)], 800) for _ in range(2)]
    english = used("en", [33 * n for n in range(40)], [1000 + 10 * n for n in range(40)], 1600)
    learnt = learnt_rates([*japanese, english])
    assert learnt is not None
    assert sorted(learnt.lines) == ["en", "ja"]
    assert [tokens_of(learnt, language, size) for language, size in (("ja", 300), ("en", 330))] == [1120, 1100]
    assert tokens_of(learnt, "ko", 300) == 1120
    assert learnt.output_tokens == 40


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        pytest.param([], None, id="no-night"),
        pytest.param([used("ja", [30] * 20, [1000] * 20)], None, id="too-few"),
        pytest.param([used("ja", [30] * 60, [1012] * 60)], 1012, id="all-of-a-length"),
        pytest.param([used("ja", [30, 60] * 30, [1030, 1000] * 30)], 1009, id="a-slope-that-no-tokenizer-has"),
        pytest.param(
            [used("ja", [30] * 10, [1012] * 10), used("en", [33] * 50, [1010] * 50)], 1012, id="few-of-the-language"
        ),
    ],
)
def test_what_cannot_be_learnt_rests_on_the_constants(usages: list[LanguageUsage], expected: int | None) -> None:
    """Too few requests teach nothing; no spread in length teaches the middle, through which the constant slope goes."""
    learnt = learnt_rates(usages)
    assert (learnt and tokens_of(learnt, "ja", 30)) == expected
    assert MIN_RECORDS > 20
