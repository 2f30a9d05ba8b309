"""Whether a guideline repeats what stands in the set: an answer learnt by heart is no rule, and is personal data.

A known failure of reflecting models: words of the items that a prompt was wrong about end up in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

#: So many words in a row are no chance; Chinese, Japanese and Korean have no spaces, and are counted by letters.
WORDS_IN_A_ROW, LETTERS_IN_A_ROW = 8, 12
#: A text as short as this is common speech; a longer one must not stand in a guideline whole.
_LEAST_WORDS, _LEAST_LETTERS = 4, 6

_CJK = r"\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_UNIT = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+")
_IS_CJK = re.compile(rf"[{_CJK}]")


class Copied:
    """The runs of words of a set's texts, without those that the first guideline has already."""

    def __init__(self, texts: Iterable[str], first_guideline: str) -> None:
        own = set(_runs(_units(first_guideline)))
        self._runs = {run for text in texts for run in _telling(_units(text))} - own

    def __contains__(self, guideline: object) -> bool:
        """Whether a guideline has one of them."""
        return isinstance(guideline, str) and not self._runs.isdisjoint(_runs(_units(guideline)))


def _units(text: str) -> list[str]:
    """Words, and single letters of scripts without spaces; case, width and signs folded."""
    return _UNIT.findall(unicodedata.normalize("NFKC", text).casefold())


def _telling(units: list[str]) -> Iterator[tuple[str, ...]]:
    """The runs of a text that are too long to be chance, and the text itself if it is short."""
    size = _size(units)
    if len(units) >= size:
        yield from _of_length(units, size)
    elif len(units) >= (_LEAST_LETTERS if size == LETTERS_IN_A_ROW else _LEAST_WORDS):
        yield tuple(units)


def _runs(units: list[str]) -> Iterator[tuple[str, ...]]:
    """Every run of a guideline that a text's could equal."""
    for length in range(_LEAST_WORDS, LETTERS_IN_A_ROW + 1):
        yield from _of_length(units, length)


def _of_length(units: list[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(units[start : start + length]) for start in range(len(units) - length + 1))


def _size(units: list[str]) -> int:
    letters = sum(_IS_CJK.match(unit) is not None for unit in units)
    return LETTERS_IN_A_ROW if 2 * letters > len(units) else WORDS_IN_A_ROW
