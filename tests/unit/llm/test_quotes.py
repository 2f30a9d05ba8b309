"""An explanation never repeats its comment."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.llm.quotes import MIN_QUOTED_CHARS, MIN_QUOTED_CJK_CHARS, REMOVED, REMOVED_DETAIL, quotes, without_quotes


@pytest.mark.parametrize(
    ("explanation", "text", "expected"),
    [
        pytest.param("says: you worthless id", "You worthless idiot", True, id="english"),
        pytest.param("abcdefghijkl", "xxabcdefghijklxx", True, id="twelve-letters"),
        pytest.param("abcdefghijk-", "xxabcdefghijklxx", False, id="eleven-letters"),
        pytest.param("「店長は頭が悪い消えろ」と侮辱", "ここの店長は頭が悪い消えろ。", True, id="japanese"),
        pytest.param("店に火をつけるぞと脅す", "店に火をつけるぞ", True, id="eight-japanese-letters"),
        pytest.param("店に火をつけると脅す", "店に火をつけるぞ", False, id="seven-japanese-letters"),
        pytest.param("店に火を、つけるぞ", "店に火を、つけるぞ", False, id="a-mark-parts-japanese-runs"),
        pytest.param("가나다라마바사아라고 함", "가나다라마바사아", True, id="korean"),
        pytest.param("YOU WORTHLESS IDIOT", "you worthless idiot", True, id="case"),
        pytest.param("you  worthless\nidiot", "you worthless idiot", True, id="white-space"),
        pytest.param("ＹＯＵ ｗｏｒｔｈｌｅｓｓ", "you worthless idiot", True, id="full-width"),
        pytest.param("ﾃﾝﾁｮｳﾊｱ", "テンチョウハア", False, id="half-width-below"),
        pytest.param("ﾃﾝﾁｮｳﾊｱﾎﾀﾞﾈ", "テンチョウハアホダネ", True, id="half-width-kana"),
        pytest.param("insults a member of staff", "You worthless idiot", False, id="own-words"),
        pytest.param("", "", False, id="empty"),
        pytest.param("bad", "bad", False, id="too-short-to-quote"),
        pytest.param("it says y-o-u w o r t h l e s s i.d.i.o.t", "You worthless idiot!", True, id="spelt-out"),
        pytest.param(
            "店 長 は 頭 が 悪 い 消 え ろ と侮辱", "ここの店長は頭が悪い消えろ。", True, id="spelt-out-japanese"
        ),
        pytest.param("a b c d e f g h i j k", "abcdefghijklmnop", False, id="eleven-letters-spelt-out"),
        pytest.param("A. B. wrote 1 or 2 of it", "a b wrote it: 1 or 2", False, id="single-letters-are-no-spelling"),
    ],
)
def test_a_long_shared_run_is_a_quotation(explanation: str, text: str, expected: bool) -> None:
    """Twelve shared characters quote, eight if they are Chinese, Japanese or Korean letters, however they are spelt."""
    assert quotes(explanation, text) is expected


@given(st.text(st.characters(codec="ascii", categories=["L"]), min_size=MIN_QUOTED_CHARS), st.text(), st.text())
def test_a_repeated_comment_always_quotes(comment: str, before: str, after: str) -> None:
    """A comment that stands whole in its explanation is found, whatever stands around it."""
    assert quotes(f"{before} {comment} {after}", comment)


@given(st.text(alphabet="店長悪い消えろカタナ漢字", min_size=MIN_QUOTED_CJK_CHARS))
def test_a_repeated_japanese_comment_always_quotes(comment: str) -> None:
    """The same for Japanese, between corner brackets."""
    assert quotes(f"「{comment}」", comment)


def test_only_a_quoting_explanation_is_replaced() -> None:
    """Null, empty and honest explanations stay; the fixed sentence is no quotation by chance."""
    frame = pl.DataFrame(
        {
            "explanation": [None, "", "an advert", "says: buy at my shop now"],
            "text": ["buy at my shop now"] * 4,
        },
        schema={"explanation": pl.String, "text": pl.String},
    )
    actual = frame.lazy().select(without_quotes()).collect(engine="streaming")["explanation"].to_list()
    assert actual == [None, "", "an advert", REMOVED]


def test_an_error_that_quotes_is_replaced_too() -> None:
    """Bedrock's own words about a record follow the same rule, with a sentence of their own."""
    said = ["400: the value 'buy at my shop now' is not valid", "400: bad request"]
    frame = pl.DataFrame({"status_detail": said, "text": ["Buy at my shop now!"] * 2})
    actual = frame.select(without_quotes("status_detail", REMOVED_DETAIL))["status_detail"].to_list()
    assert actual == [REMOVED_DETAIL, "400: bad request"]
