"""What became of a day's verdicts when it was judged again: how many flipped, which way, why; never a text or an id."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.flips import FLIPS
from data_contracts.tables.verdicts import Status


class Way(StrEnum):
    """How a verdict changed."""

    TO_VIOLATION = "ok → violation"
    TO_OK = "violation → ok"
    CATEGORY = "other category"
    TO_UNJUDGED = "judged → unjudged"
    #: the answer that was lacking has come: no flip
    TO_JUDGED = "unjudged → judged"


class Reason(StrEnum):
    """Why it may have: what differs between the two verdicts, the first in this order."""

    #: a late file replaced the comment by another text
    TEXT = "late input"
    PROMPT = "prompt"
    MODEL = "model"
    #: nothing differs but the answer: it was asked again
    ASKED_AGAIN = "judged again"


class Provenance(BaseModel):
    """Where one side's verdicts come from."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    model_id: str
    prompt: str
    violation_count: int


class LanguageFlips(BaseModel):
    """The flips of one language."""

    model_config = ConfigDict(frozen=True)

    language: str
    compared_count: int
    flipped_count: int


class Transition(BaseModel):
    """How many verdicts went from one category to another; an unjudged one stands under its status."""

    model_config = ConfigDict(frozen=True)

    before: str
    after: str
    count: int


class Flips(BaseModel):
    """The flip report of a day that was published before, as it is stored in flips.json.

    Attributes:
        compared_count: comments with a verdict on both sides.
        flipped_count: of these, whose verdict is another or has gone; an answer that was lacking is no flip.
        appeared_count: comments that have a verdict now and had none.
        gone_count: comments that had one and have none now.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    before: Provenance
    after: Provenance
    compared_count: int
    flipped_count: int
    appeared_count: int
    gone_count: int
    ways: dict[str, int]
    reasons: dict[str, int]
    languages: tuple[LanguageFlips, ...]
    transitions: tuple[Transition, ...]

    @property
    def flipped_fraction(self) -> float:
        """Flips among the compared; 0 if nothing could be compared."""
        return self.flipped_count / self.compared_count if self.compared_count else 0.0


#: What is read of either side's verdicts.
COLUMNS = (
    "comment_id",
    "language",
    "status",
    "violation",
    "category",
    "model_id",
    "prompt_sha256",
    "text_sha256",
)
_KEYS = ("language", "before", "after", "way", "reason")


def _changes(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """The comments that both sides have, the columns of the earlier one with `_before`, and the way of each change."""
    was, now = pl.col("status_before") == Status.JUDGED, pl.col("status") == Status.JUDGED
    flagged, flags = pl.col("violation_before"), pl.col("violation")
    way = (
        pl.when(was & now & ~flagged & flags)
        .then(pl.lit(Way.TO_VIOLATION.value))
        .when(was & now & flagged & ~flags)
        .then(pl.lit(Way.TO_OK.value))
        .when(was & now & (pl.col("category_before") != pl.col("category")))
        .then(pl.lit(Way.CATEGORY.value))
        .when(was & ~now)
        .then(pl.lit(Way.TO_UNJUDGED.value))
        .when(~was & now)
        .then(pl.lit(Way.TO_JUDGED.value))
    )
    return after.join(before, on="comment_id", how="inner", suffix="_before", validate="1:1").with_columns(way=way)


#: Whether a change is a flip; an answer that was lacking has come: that is none.
_IS_FLIP = pl.col("way").is_not_null() & (pl.col("way") != Way.TO_JUDGED.value)


def flip_rows(before: pl.LazyFrame, after: pl.LazyFrame, run_date: date) -> pl.LazyFrame:
    """The comments whose verdict is another than before, or has gone.

    Columns: comment_id, status, violation, category, run_id of both sides -> FLIPS.
    """
    columns = ("comment_id", "status", "violation", "category", "run_id")
    return FLIPS.conform(
        _changes(before.select(columns), after.select(columns))
        .filter(_IS_FLIP)
        .select(
            pl.lit(run_date).alias("date"),
            "comment_id",
            "run_id",
            old_violation="violation_before",
            new_violation="violation",
            old_category="category_before",
            new_category="category",
            old_run_id="run_id_before",
        )
    )


def count_changes(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """How often each change occurs among the comments that both sides have.

    Columns: COLUMNS of both sides -> language (as it is now), before and after (the category, or the status of an
    unjudged verdict), way and reason (null where the verdict is the same), count.
    """
    was, now = pl.col("status_before") == Status.JUDGED, pl.col("status") == Status.JUDGED
    way = pl.col("way")
    reason = pl.lit(Reason.ASKED_AGAIN.value)
    for column, name in (
        ("model_id", Reason.MODEL),
        ("prompt_sha256", Reason.PROMPT),
        ("text_sha256", Reason.TEXT),
    ):
        differs = pl.col(column) != pl.col(f"{column}_before")
        reason = pl.when(differs).then(pl.lit(name.value)).otherwise(reason)
    # Only whether they differ matters: eight bytes each instead of sixty-four.
    short = [pl.col(column).hash(seed=2) for column in ("model_id", "prompt_sha256", "text_sha256")]
    then_side, now_side = (side.select(COLUMNS).with_columns(short) for side in (before, after))
    return (
        _changes(then_side, now_side)
        .select(
            "language",
            before=pl.when(was).then("category_before").otherwise("status_before"),
            after=pl.when(now).then("category").otherwise("status"),
            way=way,
            reason=pl.when(way.is_not_null()).then(reason),
        )
        .group_by(_KEYS)
        .agg(count=pl.len().cast(pl.Int64))
    )


def summarise_flips(
    run_date: date,
    sides: tuple[Provenance, Provenance],
    row_counts: tuple[int, int],
    changes: Iterable[pl.DataFrame],
) -> Flips:
    """The report, from the counts of all parts of the day.

    Args:
        run_date: the day.
        sides: before and after.
        row_counts: verdicts of each side.
        changes: frames as `count_changes` gives them.
    """
    counted = pl.concat(changes).group_by(_KEYS).agg(pl.col("count").sum())
    flips = counted.filter(_IS_FLIP)
    compared = int(counted["count"].sum())
    languages = counted.group_by("language").agg(
        compared=pl.col("count").sum(), flipped=pl.col("count").filter(_IS_FLIP).sum()
    )
    moved = counted.filter(pl.col("before") != pl.col("after")).group_by("before", "after").agg(pl.col("count").sum())
    return Flips(
        run_date=run_date,
        before=sides[0],
        after=sides[1],
        compared_count=compared,
        flipped_count=int(flips["count"].sum()),
        appeared_count=row_counts[1] - compared,
        gone_count=row_counts[0] - compared,
        ways=_counts(counted.drop_nulls("way"), "way"),
        reasons=_counts(flips, "reason"),
        languages=tuple(
            LanguageFlips(language=name, compared_count=whole, flipped_count=part)
            for name, whole, part in languages.sort("compared", "language", descending=[True, False]).iter_rows()
        ),
        transitions=tuple(
            Transition(before=before, after=after, count=count)
            for before, after, count in moved.sort(
                "count", "before", "after", descending=[True, False, False]
            ).iter_rows()
        ),
    )


def _counts(changes: pl.DataFrame, column: str) -> dict[str, int]:
    summed = changes.group_by(column).agg(pl.col("count").sum())
    return dict(summed.sort("count", column, descending=[True, False]).iter_rows())


def describe_flips(flips: Flips) -> str:
    """The report in a line."""
    sentence = f"{flips.flipped_count:,} of {flips.compared_count:,} verdicts flipped ({flips.flipped_fraction:.1%})"
    ways = ", ".join(f"{name} {count:,}" for name, count in flips.ways.items())
    why = ", ".join(f"{name} {count:,}" for name, count in flips.reasons.items())
    beside = [f"{flips.appeared_count:,} are new"] if flips.appeared_count else []
    beside += [f"{flips.gone_count:,} are gone"] if flips.gone_count else []
    return "; ".join([sentence, *filter(None, [ways, why and f"because of {why}"]), *beside])
