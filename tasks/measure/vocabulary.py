"""Which words a site knows: how much of a night is made of tokens that the first published days never used.

Tokens need no dictionary: words in scripts that put spaces between them, pairs of neighbouring characters in scripts
that do not. A day's vocabulary keeps only tokens that several comments share, so that nobody's own words are stored.
The vocabulary is the union of the first days and is frozen then; a later word stays new until somebody starts over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import polars as pl

from data_contracts.tables.metrics import Kind
from tasks.measure.measurement import Measurement, nothing, rate

#: Comments of a night that are read: the share of new tokens is then known to a few tenths of a point.
SAMPLE_COMMENTS = 50_000
#: Characters of a comment that are read, so that a few long ones cannot fill the memory.
SAMPLE_CHARS = 1_000
#: A token is kept if so many comments of a day have it.
MIN_COMMENTS = 5
_BATCH_ROWS = 5_000

#: Scripts written without spaces; the prolonged sound mark belongs to both kana.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = rf"[[\p{{L}}\p{{M}}]--[{_UNSPACED}]]+"
_PAIR = rf"[{_UNSPACED}]{{2}}"
_FIRST_OF_RUN = rf"(^|[^{_UNSPACED}])[{_UNSPACED}]"

OF = "comments' tokens that the first published days' vocabulary lacks"


def tokens(text: pl.Expr) -> pl.Expr:
    """Lower-case words and pairs of neighbouring characters, each once, as a list; digits and signs are no tokens.

    Overlapping pairs are found in two passes, the second without the first character of each run.
    """
    folded = text.str.head(SAMPLE_CHARS).str.normalize("NFKC").str.to_lowercase()
    shifted = folded.str.replace_all(_FIRST_OF_RUN, "${1} ")
    return pl.concat_list(
        folded.str.extract_all(_WORD), folded.str.extract_all(_PAIR), shifted.str.extract_all(_PAIR)
    ).list.unique()


def sampled(valid: pl.LazyFrame, count: int, sample: int) -> pl.LazyFrame:
    """About `sample` of the night's `count` comments, the same ones whenever it is measured.

    Record ids are hashes, so those below a bound are a uniform sample.
    Columns: record_id of `valid` is read; unchanged.
    """
    if count <= sample:
        return valid
    return valid.filter(pl.col("record_id").str.head(8) < f"{int(2**32 * sample / count):08x}")


def sample_batches(valid: pl.LazyFrame, count: int, sample: int = SAMPLE_COMMENTS) -> Iterator[pl.DataFrame]:
    """The tokens of about `sample` comments, in batches.

    Columns: record_id and text of `valid` are read; yields tokens.
    """
    sampled_tokens = sampled(valid, count, sample).select(tokens(pl.col("text")).alias("token"))
    return iter(sampled_tokens.collect_batches(chunk_size=_BATCH_ROWS))


def shared_tokens(batches: Iterable[pl.DataFrame], min_comments: int = MIN_COMMENTS) -> pl.DataFrame:
    """Tokens that at least `min_comments` comments have, with how many do.

    Columns: token (str, unique, sorted), comments (count).
    """
    counts = pl.DataFrame(schema={"token": pl.String(), "comments": pl.UInt32()})
    for batch in batches:
        fresh = batch.explode("token").drop_nulls().group_by("token").agg(pl.len().alias("comments"))
        counts = pl.concat([counts, fresh]).group_by("token").agg(pl.col("comments").sum())
    return counts.filter(pl.col("comments") >= min_comments).sort("token").cast({"comments": pl.Int64})


def measure_oov(batches: Iterable[pl.DataFrame], vocabulary: pl.Series) -> Measurement:
    """Mean over comments of the share of their distinct tokens that the vocabulary lacks.

    A comment counts once however long it is: tokens of one comment come together and are no independent sample.
    """
    words = pl.DataFrame({"token": vocabulary, "known": True}, schema={"token": pl.String(), "known": pl.Boolean()})
    x, n = 0.0, 0
    for batch in batches:
        unknown = (
            batch.with_row_index("comment")
            .explode("token")
            .drop_nulls("token")
            .join(words, on="token", how="left")
            .group_by("comment")
            .agg(pl.col("known").is_null().mean().alias("share"))["share"]
        )
        x, n = x + float(unknown.sum()), n + len(unknown)
    return rate("oov_rate", min(x, n), n, of=f"{OF}, averaged over at most about {SAMPLE_COMMENTS:,} comments")


def collecting(day_count: int, needed: int) -> Measurement:
    """The measurement of a night whose words are still being collected."""
    reason = f"the vocabulary has {day_count} of its {needed} days"
    return nothing("oov_rate", Kind.RATE, reason, is_learning=True)


def collects(days: set[date], run_date: date, needed: int) -> bool:
    """Whether this day's words belong to the vocabulary: it is one of its days, or days are still missing."""
    return run_date in days or len(days) < needed
