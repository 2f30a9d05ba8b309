"""Words from outside as one line of visible text: pages, logs and terminals would obey what they do not show."""

from __future__ import annotations

import unicodedata


def inert(value: object) -> str:
    """A value as one line of visible text: controls become spaces; bidi, zero-width, lone surrogates and what is no
    character, or a private one, go."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category[0] != "C":
            kept.append(char)
    return " ".join("".join(kept).split())


def brief(value: object, most: int = 80) -> str:
    """`inert`, cut to a length that a table bears."""
    text = inert(value)
    return text if len(text) <= most else text[: most - 1] + "…"
