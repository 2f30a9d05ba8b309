"""Which rows of an evaluation set are a comment that is to be erased, and what is left of them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date

import polars as pl

from data_contracts.tables.evaluation_sets import ItemSource
from tasks.intake.row_rules import normalise
from tasks.past_days.erasure.traces import Sought

#: What a variant's id has behind the id of the item that it is made from: its kind.
_OF_VARIANT = r"\.[a-z]+$"


def own_rows(
    items: pl.DataFrame, sought: Sought, days: Collection[date] | None, origins: Collection[str] = ()
) -> pl.Series:
    """Whether each item is the comment: by its id, by its text where no other comment is named, or a variant of such.

    Args:
        items: a version of a set, with the columns of EVALUATION_SETS.
        sought: the comment.
        days: only of these days, or of no day; None: of any day.
        origins: ids of items, of any set, that are the comment: variants of them are it, too.
    """
    is_its_day = pl.lit(value=True) if days is None else pl.col("date").is_null() | pl.col("date").is_in(list(days))
    by_id = (pl.col("comment_id") == sought.comment_id).fill_null(value=False) & is_its_day
    needles = sorted({*sought.long_texts, *normal_texts(sought)})
    says_it = pl.col("text").str.contains_any(needles) if needles else pl.lit(value=False)
    by_text = pl.col("comment_id").is_null() & says_it.fill_null(value=False)
    is_own = items.select((by_id | by_text).alias("own")).to_series()
    known = sorted({*origins, *items.filter(is_own)["item_id"]})
    origin = pl.col("item_id").str.replace(_OF_VARIANT, "")
    is_variant = (pl.col("source") == ItemSource.MODEL) & origin.is_in(known)
    return is_own | items.select(is_variant.fill_null(value=False)).to_series()


def normal_texts(sought: Sought) -> list[str]:
    """The texts that are long enough to be looked for, as a night sends them."""
    texts = pl.DataFrame({"text": sought.long_texts}, schema={"text": pl.String})
    return texts.select(normalise(pl.col("text"))).to_series().to_list()


def digests_of(texts: Collection[str]) -> set[str]:
    """The `text_sha256` of texts."""
    frame = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return {hashlib.sha256(text.encode()).hexdigest() for text in frame.select(normalise(pl.col("text"))).to_series()}


def blanked(items: pl.DataFrame, is_own: pl.Series, sought: Sought) -> pl.DataFrame:
    """The version without what those rows say and whose they are; labels, weight and split stay.

    An item that bears the comment's id as its own gets another, the same in every version.
    """
    named = [
        pl.Series(name, [_unnamed(value, sought) for value in items[name]], dtype=pl.String)
        for name in ("item_id", "cluster")
    ]
    return items.with_columns(
        *(pl.when(is_own).then(None).otherwise(pl.col(name)).alias(name) for name in ("text", "comment_id")),
        *(pl.when(is_own).then(pl.lit(values)).otherwise(pl.col(values.name)).alias(values.name) for values in named),
    )


def _unnamed(value: str, sought: Sought) -> str:
    if not sought.id_pattern.search(value.encode()):
        return value
    return hashlib.sha256(f"erased\x1f{value}".encode()).hexdigest()[:32]
