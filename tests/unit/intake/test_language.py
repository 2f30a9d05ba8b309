"""The language of a text."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_series_equal

from tasks.intake.language import UNDETERMINED, identify_language, identify_languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        pytest.param("配送が早くて助かりました", "ja", id="japanese"),
        pytest.param("ありがとう", "ja", id="one-word-of-hiragana"),
        pytest.param("カワイイ", "ja", id="one-word-of-katakana"),
        pytest.param("最悪の店。ﾆﾄﾞﾄ買わない!!", "ja", id="half-width-kana"),
        pytest.param("The delivery was late and nobody answered.", "en", id="english"),
        pytest.param("THE DELIVERY WAS LATE AND NOBODY ANSWERED", "en", id="capitals"),
        pytest.param("line one of the review\nline two of the review", "en", id="lines"),
        pytest.param("Sehr gute Qualität, gerne wieder bei diesem Händler", "de", id="german"),
        pytest.param("这个产品质量很好,我非常满意,下次还会买", "zh", id="chinese"),
        pytest.param("이 제품 정말 좋아요 배송도 빨라요", "ko", id="korean"),
        pytest.param("👍👍", UNDETERMINED, id="emoji"),
        pytest.param("12345 67", UNDETERMINED, id="digits"),
        pytest.param("", UNDETERMINED, id="empty"),
        pytest.param("\n", UNDETERMINED, id="line-break"),
        pytest.param("配送が早くて助かりました。" * 1000, "ja", id="long"),
    ],
)
def test_a_text_has_a_language_or_none_that_can_be_told(text: str, language: str) -> None:
    """Japanese and its neighbours are told apart; what has no words is `und`."""
    assert identify_language(text) == language


def test_a_column_keeps_its_name_order_and_nulls() -> None:
    """Each text gets its own language, null stays null."""
    actual = identify_languages(pl.Series("text", ["とても良い商品でした", None, "!!!"]))
    assert_series_equal(actual, pl.Series("text", ["ja", None, UNDETERMINED]))
