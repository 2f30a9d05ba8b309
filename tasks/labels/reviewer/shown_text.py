"""A comment's text as a page can show it: every character that hides or turns others stands there as a mark.

What a customer hid is a part of what a rater judges, so it is neither left out nor obeyed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

_JOINER = "\u200d"
#: Runs of a mark that are shown one by one; longer ones are counted.
_FEW = 3


class Piece(NamedTuple):
    """A stretch of text, or with `is_mark` the name of characters that cannot be seen."""

    text: str
    is_mark: bool = False


def shown_pieces(text: str) -> list[Piece]:
    """The text in pieces that a browser shows as they are, in order.

    Line ends of every kind are "\\n" in them; emoji stay whole. A mark is `U+202E`, a long run of one `U+200B ×9998`.
    """
    folded = text.replace("\r\n", "\n")
    pieces = []
    for is_mark, run in groupby(_signs(folded), key=lambda sign: sign[1]):
        if is_mark:
            pieces += [Piece(mark, is_mark=True) for mark in _marks([sign for sign, _ in run])]
        else:
            pieces.append(Piece("".join(sign for sign, _ in run)))
    return pieces


def _signs(text: str) -> Iterator[tuple[str, bool]]:
    """Each character as it is shown, and whether it is shown as a mark."""
    for place, sign in enumerate(text):
        if sign in "\n\t" or sign.isprintable():
            yield sign, False
        elif sign in "\r\v\f\x85\u2028\u2029":
            yield "\n", False
        else:
            is_seen = unicodedata.category(sign) == "Zs" or (sign == _JOINER and _joins_emoji(text, place))
            yield (sign, False) if is_seen else (f"U+{ord(sign):04X}", True)


def _joins_emoji(text: str, place: int) -> bool:
    before = text[max(place - 3, 0) : place].rstrip("\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")[-1:]
    after = text[place + 1 : place + 2]
    return all(sign and unicodedata.category(sign) == "So" for sign in (before, after))


def _marks(names: list[str]) -> Iterator[str]:
    for name, same in groupby(names):
        count = sum(1 for _ in same)
        if count > _FEW:
            yield f"{name} ×{count:,}"
        else:
            yield from [name] * count
