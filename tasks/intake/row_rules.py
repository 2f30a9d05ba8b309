"""What becomes of each ingested row: valid, or rejected with one reason, decided here alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Set
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from data_contracts.documents.ledger import erasure_id, record_id
from data_contracts.documents.plan import InputObject
from data_contracts.tables.comments import COMMENTS, MAX_ID_CHARS, REJECTED, Reason
from tasks.intake.foreign_parquet import BROKEN, copy_plain
from tasks.intake.language import identify_languages
from tasks.intake.repeats import find_repeats
from tasks.llm.request_line import comments_json

_ROW_KEY = ("source_object", "source_row")


class Split(NamedTuple):
    """Both have every column of the checked rows; `rejected` has a reason in each row."""

    valid: pl.LazyFrame
    rejected: pl.LazyFrame


class DayBounds(NamedTuple):
    """The local day as instants: `start` belongs to it, `end` does not."""

    start: datetime
    end: datetime


def day_bounds(run_date: date, zone: ZoneInfo) -> DayBounds:
    """Local midnight to the next local midnight, in UTC: 23 or 25 hours where clocks change."""
    start, end = (datetime.combine(day, time(), zone) for day in (run_date, run_date + timedelta(days=1)))
    return DayBounds(start.astimezone(UTC), end.astimezone(UTC))


def read_comments(path: Path, source: InputObject) -> pl.LazyFrame:
    """A local copy of an input object as comments with their row key; the rows are copied to a file beside it.

    Columns: those of COMMENTS, in its types, plus source_object, source_row and BROKEN (a string of the row is no
    UTF-8). A float rating stays a float, so that the row rules can see one that is not whole.

    Raises:
        SchemaDrift: if a column cannot be read.
    """
    plain = path.with_suffix(".plain.parquet")
    copy_plain(path, plain, COMMENTS, source.uri)
    return (
        pl.scan_parquet(plain, glob=False, hive_partitioning=False)
        .with_row_index("source_row")
        .with_columns(pl.col("source_row").cast(pl.Int64), source_object=pl.lit(source.uri))
        .select(*COMMENTS.names, *_ROW_KEY, BROKEN)
    )


def normalise(text: pl.Expr) -> pl.Expr:
    """NFKC, runs of white space folded to one space, none at the ends: what makes two texts the same."""
    return text.str.normalize("NFKC").str.replace_all(r"\s+", " ").str.strip_chars()


def is_whole(number: pl.Expr) -> pl.Expr:
    """Whether a float is an integer that 64 bits hold; infinity is none."""
    return (number == number.round()) & number.cast(pl.Int64, strict=False).is_not_null()


#: The normalised text, while rows are checked: it is the costliest of all that is made of a text, and made once.
_NORMAL = "_normal"


def with_normal(comments: pl.LazyFrame) -> pl.LazyFrame:
    """The comments with their normalised text beside them, unless they have it already, for `row_rules`."""
    if _NORMAL in comments.collect_schema():
        return comments
    return comments.with_columns(normalise(pl.col("text")).alias(_NORMAL))


def row_rules(day: DayBounds, max_text_chars: int) -> dict[Reason, pl.Expr]:
    """Whether a row breaks each rule that a row alone can break: true if it does, null or false if not.

    `duplicate_id` is not among them: it takes the other rows to see.

    Columns: those of `with_normal`.
    """
    text, posted_at, rating = pl.col("text"), pl.col("posted_at"), pl.col("rating")
    # Anything but white space, control and format characters (zero-width spaces, joiners); the first one is enough.
    is_visible = pl.col(_NORMAL).str.contains(r"[^\s\p{Cc}\p{Cf}]")
    comment_id = pl.col("comment_id")
    bad_id = (
        comment_id.is_null()
        | (comment_id.str.strip_chars() == "")
        | (comment_id.str.len_chars() > MAX_ID_CHARS)
        | comment_id.str.contains(r"[\p{Cc}\p{Zl}\p{Zp}]")
        | pl.col("product_id").is_null()
        | pl.col("user_id").is_null()
    )
    return {
        Reason.NULL_TEXT: text.is_null(),
        Reason.BLANK_TEXT: ~is_visible,
        Reason.OUTSIDE_DAY: posted_at.is_null() | (posted_at < day.start) | (posted_at >= day.end),
        Reason.TOO_LONG: text.str.len_chars() > max_text_chars,
        Reason.BAD_ID: bad_id,
        Reason.BAD_RATING: rating.is_not_null() & rating.is_not_nan() & ~is_whole(rating),
        Reason.BAD_ENCODING: pl.col(BROKEN),
    }


def first_reason(day: DayBounds, max_text_chars: int) -> pl.Expr:
    """The first reason, in the contract's order, why a row alone is rejected; null for none."""
    rules = row_rules(day, max_text_chars)
    return pl.coalesce(
        *(pl.when(rules[reason]).then(pl.lit(reason.value)) for reason in Reason if reason in rules),
        pl.lit(None, pl.String),
    )


def erase(comments: pl.LazyFrame, run_date: date, erased: Set[str]) -> pl.LazyFrame:
    """The rows, but nothing of a comment that was erased on request: its reason says so, whatever it was before.

    Columns: COMMENTS and reason are read, and all of COMMENTS are null where the reason is `erased`.
    """
    if not erased:
        return comments
    is_erased = pl.col("comment_id").map_batches(
        lambda ids: _each(ids, lambda value: erasure_id(run_date, value) in erased, pl.Boolean),
        pl.Boolean,
        is_elementwise=True,
    )
    reason = pl.when(is_erased).then(pl.lit(Reason.ERASED.value)).otherwise("reason")
    is_kept = pl.col("reason").ne_missing(Reason.ERASED.value)
    return comments.with_columns(reason=reason).with_columns(
        pl.when(is_kept).then(pl.col(name)).alias(name) for name in COMMENTS.names
    )


def check_rows(
    comments: pl.LazyFrame, run_date: date, day: DayBounds, max_text_chars: int, erased: Set[str] = frozenset()
) -> pl.LazyFrame:
    """Add `reason` to every row, and the record's columns to those without one.

    Columns: those of `read_comments` -> plus reason, record_id (32 hex), text_sha256 (of the normalised text),
    language (ISO 639-1 or `und`), text_chars, text_bytes (of the escaped text inside a JSON line); null where the row
    is rejected. A rating of whole floats becomes an integer, NaN null.

    Args:
        erased: the `erasure_id` of each comment of the day that was erased on request.
    """
    rating = pl.col("rating").fill_nan(None)
    whole = pl.when(is_whole(rating)).then(rating.cast(pl.Int64, strict=False))
    kept = pl.col("reason").is_null()
    return (
        with_normal(comments)
        .with_columns(reason=first_reason(day, max_text_chars))
        .pipe(erase, run_date, erased)
        .with_columns(
            pl.when(kept).then(_NORMAL).alias(_NORMAL),
            rating=whole,
            text_chars=pl.when(kept).then(pl.col("text").str.len_chars().cast(pl.Int64)),
            _sent=pl.when(kept).then(pl.col("text")),
            _id=pl.when(kept).then(pl.col("comment_id")),
        )
        .with_columns(
            text_sha256=pl.col(_NORMAL).map_batches(_sha256, pl.String, is_elementwise=True),
            language=pl.col(_NORMAL).map_batches(identify_languages, pl.String, is_elementwise=True),
            text_bytes=comments_json(pl.col("_sent")).str.len_bytes().cast(pl.Int64),
            record_id=pl.col("_id").map_batches(
                lambda ids: _each(ids, lambda value: record_id(run_date, value), pl.String),
                pl.String,
                is_elementwise=True,
            ),
        )
        .drop(_NORMAL, "_sent", "_id", BROKEN)
    )


def split_records(checked: pl.LazyFrame) -> Split:
    """Valid and rejected rows; of several valid rows with one id the lowest (posted_at, object, row) is kept.

    Columns: those of `check_rows`; `reason` is null in valid and set in rejected. Order is kept.
    """
    numbered, sound = checked.with_row_index("_number"), pl.col("reason").is_null()
    repeats = np.sort(find_repeats(numbered.filter(sound), "comment_id", keep=("_number",))["_number"].to_numpy())
    # A lookup in a sorted array and not a join: an order-keeping join holds the night, this streams.
    repeated = pl.col("_number").map_batches(
        lambda numbers: pl.Series(numbers.name, np.isin(numbers.to_numpy(), repeats)), pl.Boolean, is_elementwise=True
    )
    # Two filters and no decided column: a filter over a computed column made the engine hold the night.
    valid = numbered.filter(sound & ~repeated).drop("_number")
    rejected = numbered.filter(~sound | repeated).drop("_number")
    return Split(valid, rejected.with_columns(pl.col("reason").fill_null(Reason.DUPLICATE_ID.value)))


def rejected_rows(rejected: pl.LazyFrame, run_date: date, run_id: str) -> pl.LazyFrame:
    """The rejected rows as they are published."""
    return REJECTED.conform(rejected.with_columns(date=pl.lit(run_date), run_id=pl.lit(run_id)))


def _each(values: pl.Series, function: Callable[[str], object], dtype: type[pl.DataType]) -> pl.Series:
    """A function of each value, null for null."""
    return pl.Series(values.name, [None if v is None else function(v) for v in values], dtype=dtype)


def _sha256(texts: pl.Series) -> pl.Series:
    return _each(texts, lambda text: hashlib.sha256(text.encode()).hexdigest(), pl.String)
