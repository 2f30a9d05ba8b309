"""Explanations give a reason and never repeat what a customer wrote: one that does is replaced by a fixed sentence."""

from __future__ import annotations

import re
import unicodedata

import polars as pl

#: What stands in the place of an explanation that repeats its comment.
REMOVED = "The model's explanation repeated the comment and was removed."

#: Shortest shared run of characters that is a quotation.
MIN_QUOTED_CHARS = 12
#: The same for Chinese, Japanese and Korean letters, of which each says more.
MIN_QUOTED_CJK_CHARS = 8

_CJK = r"\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
_CJK_RUN = re.compile(rf"[{_CJK}]{{{MIN_QUOTED_CJK_CHARS},}}")


def quotes(explanation: str, text: str) -> bool:
    """Whether an explanation shares a run of characters with the comment that is too long to be chance.

    Both are compared in NFKC, without regard to case, with white space folded to one space.
    """
    said, written = _folded(explanation), _folded(text)
    if any(run in written for run in _runs(said, MIN_QUOTED_CHARS)):
        return True
    return any(run in written for cjk in _CJK_RUN.findall(said) for run in _runs(cjk, MIN_QUOTED_CJK_CHARS))


def without_quotes() -> pl.Expr:
    """The explanation, or the fixed sentence where it quotes.

    Columns: explanation, text -> explanation; null and empty stay as they are.
    """
    return pl.struct("explanation", "text").map_batches(_replace, pl.String, is_elementwise=True).alias("explanation")


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def _runs(text: str, length: int) -> set[str]:
    return {text[start : start + length] for start in range(len(text) - length + 1)}


def _replace(pairs: pl.Series) -> pl.Series:
    explanations, texts = pairs.struct.field("explanation"), pairs.struct.field("text")
    kept = [
        REMOVED if explanation and text and quotes(explanation, text) else explanation
        for explanation, text in zip(explanations, texts, strict=True)
    ]
    return pl.Series("explanation", kept, dtype=pl.String)
