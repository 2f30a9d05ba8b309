"""What is published never repeats what a customer wrote: an explanation or an error that does is replaced."""

from __future__ import annotations

import re
import unicodedata

import polars as pl

#: What stands in the place of an explanation that repeats its comment.
REMOVED = "The model's explanation repeated the comment and was removed."
#: The same of an error's text: Bedrock may quote the part of a request that it does not take.
REMOVED_DETAIL = "the error's text repeated the comment and was removed"

#: Shortest shared run of characters that is a quotation.
MIN_QUOTED_CHARS = 12
#: The same for Chinese, Japanese and Korean letters, of which each says more.
MIN_QUOTED_CJK_CHARS = 8

_CJK = r"\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
_CJK_RUN = re.compile(rf"[{_CJK}]{{{MIN_QUOTED_CJK_CHARS},}}")
#: Letters that stand one by one, which an answer may spell a comment out with; two are a pair of initials.
_SPELT = re.compile(r"(?<!\w)[^\W_](?:[\W_]+[^\W_](?!\w)){2,}")


def quotes(explanation: str, text: str) -> bool:
    """Whether an explanation shares a run of characters with the comment that is too long to be chance.

    Both are compared in NFKC, without regard to case, with white space folded to one space; what is spelt out, letter
    by letter, is compared with the comment's letters as well.
    """
    words, written = _folded(explanation), _folded(text)
    if _shares_run(words, written):
        return True
    spelt = [_letters(run) for run in _SPELT.findall(words)]
    return bool(spelt) and any(_shares_run(run, _letters(written)) for run in spelt)


def without_quotes(column: str = "explanation", instead: str = REMOVED) -> pl.Expr:
    """The column, or the fixed sentence where it quotes.

    Columns: the column, text -> the column; null and empty stay as they are.
    """

    def replace(pairs: pl.Series) -> pl.Series:
        said, texts = pairs.struct.field(column), pairs.struct.field("text")
        kept = [
            instead if words and text and quotes(words, text) else words
            for words, text in zip(said, texts, strict=True)
        ]
        return pl.Series(column, kept, dtype=pl.String)

    return pl.struct(column, "text").map_batches(replace, pl.String, is_elementwise=True).alias(column)


def _shares_run(words: str, written: str) -> bool:
    if any(run in written for run in _runs(words, MIN_QUOTED_CHARS)):
        return True
    return any(run in written for cjk in _CJK_RUN.findall(words) for run in _runs(cjk, MIN_QUOTED_CJK_CHARS))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def _runs(text: str, length: int) -> set[str]:
    return {text[start : start + length] for start in range(len(text) - length + 1)}
