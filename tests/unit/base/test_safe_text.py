"""What comes from outside is shown, and never obeyed: by a page that reads Markdown, or by a terminal."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tasks.base.safe_text import code, inert, literal, unmarked, visible

TEXTS = [
    '<img src="https://evil.example/x.png" onerror=alert(1)>',
    "![x](https://evil.example/x.png) and [here](https://evil.example)",
    "see https://evil.example, www.evil.example or me@evil.example",
    "<https://evil.example> <!-- --> &lt;b&gt; `code` **bold** ~~gone~~ # no | cell",
    "a\\\\*b*\\\\`c`",
]


@pytest.mark.parametrize("text", TEXTS)
def test_markdown_shows_it_letter_by_letter(text: str) -> None:
    """No element comes of it but a paragraph, and what is read is what was written."""
    shown = MarkdownIt("commonmark").render("Reason: " + literal(text))
    assert shown.startswith("<p>Reason: ")
    assert shown.count("<") == 2
    assert html.unescape(shown.removeprefix("<p>").removesuffix("</p>\n")) == f"Reason: {inert(text)}"
    assert not re.search(r"https?:/|www\.|[^\\]@", literal(text)), "no bare address is left"


@given(st.text())
def test_any_text_stays_a_text(text: str) -> None:
    """Whatever it is, nothing but a paragraph comes of it, and a terminal gets it as it was, without what it obeys."""
    shown = MarkdownIt("commonmark").render("Reason: " + literal(text))
    assert shown.count("<") == 2
    assert unmarked(f"**Reason:** {literal(text)}") == f"Reason: {inert(text)}"
    assert all(char.isprintable() or char.isspace() for char in visible(text))
    assert "\x1b" not in visible(text)


def test_code_stays_code() -> None:
    """A back quote ends no code."""
    assert MarkdownIt("commonmark").render(code("a`<b>`c")) == "<p><code>aˋ&lt;b&gt;ˋc</code></p>\n"


def test_a_terminal_keeps_lines_and_columns() -> None:
    """Escape sequences become blanks; lines and the spaces that align a table stay."""
    assert visible("day   state\n1\x1b]0;x\x07  \x1b[31mred\u202e") == "day   state\n1 ]0;x    [31mred"
