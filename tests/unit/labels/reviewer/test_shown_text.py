"""What a comment hides is seen by its rater."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.labels.reviewer.shown_text import Piece, shown_pieces


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("良い　商品 <b>&amp;", [Piece("良い　商品 <b>&amp;")], id="plain"),
        pytest.param("a\r\nb\rc\u2028d", [Piece("a\nb\nc\nd")], id="line-ends"),
        pytest.param("L\u200bINE", [Piece("L"), Piece("U+200B", True), Piece("INE")], id="zero-width"),
        pytest.param("\u202eexe", [Piece("U+202E", True), Piece("exe")], id="bidi"),
        pytest.param("死\u200dね", [Piece("死"), Piece("U+200D", True), Piece("ね")], id="joiner-between-letters"),
        pytest.param("👨\u200d👩\u200d👧", [Piece("👨\u200d👩\u200d👧")], id="family"),
        pytest.param("🏳\ufe0f\u200d🌈", [Piece("🏳\ufe0f\u200d🌈")], id="flag"),
        pytest.param(
            "a\x00\x1b[2J", [Piece("a"), Piece("U+0000", True), Piece("U+001B", True), Piece("[2J")], id="esc"
        ),
        pytest.param("a" + "\u200b" * 9998, [Piece("a"), Piece("U+200B ×9,998", True)], id="flood"),
    ],
)
def test_hidden_characters_are_marks(text: str, expected: list[Piece]) -> None:
    """A mark stands where a character hides or turns others; emoji and spaces of other scripts stay."""
    assert shown_pieces(text) == expected


@given(st.text(max_size=200))
def test_nothing_that_a_browser_obeys_is_left(text: str) -> None:
    """No control, no direction, no invisible character is in what is shown, but joiners of emoji."""
    shown = "".join(piece.text for piece in shown_pieces(text))
    assert not {sign for sign in shown if unicodedata.category(sign)[0] == "C"} - {"\n", "\t", "\u200d"}
