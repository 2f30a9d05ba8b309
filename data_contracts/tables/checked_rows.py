"""What Great Expectations sees of a day: facts about each ingested row and about the day, and no word of a comment.

Nothing in these tables can be read as text or as an id, so no result and no page made from them can leak one.
"""

from __future__ import annotations

import polars as pl

from data_contracts.tables.comments import COMMENTS, Reason
from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table

#: Languages that have a share of their own in the day's profile; all others are pooled.
LANGUAGES = ("ja", "en")
OTHER = "other"

#: The reasons that a row has by itself; `duplicate_id` takes the other rows to see, and `erased` rows are left out.
ROW_REASONS = tuple(reason for reason in Reason if reason not in (Reason.DUPLICATE_ID, Reason.ERASED))
#: Columns of a comment that must be there and are no more than ids to us.
ID_COLUMNS = tuple(
    column.name for column in COMMENTS if column.dtype == pl.String and column.name != "text" and not column.nullable
)


def flag(reason: Reason) -> str:
    """The column that says whether a row breaks this rule, whatever else it breaks."""
    return f"is_{reason}"


def presence(column: str) -> str:
    """The column that says whether an id is there at all."""
    return f"has_{column}"


_INT, _BOOL, _FLOAT = pl.Int64(), pl.Boolean(), pl.Float64()

CHECKED_ROWS = Table(
    name="checked_rows",
    meaning="One row per ingested row, before any is rejected, without text and without an id in clear.",
    columns=(
        Column("row_hash", _INT, "64-bit hash of input object and row number: what a sample is drawn by."),
        Column("id_hash", _INT, "64-bit hash of `comment_id`; null when it is.", nullable=True),
        *(Column(presence(name), _BOOL, f"Whether `{name}` is there.") for name in ID_COLUMNS),
        Column("posted_at", UTC_MICROSECONDS, "When it was posted; null when it was not said.", nullable=True),
        Column("rating", _INT, "Stars; null when none were given or they were no whole number.", nullable=True),
        Column("char_count", _INT, "Length of the text; null when there is none.", nullable=True, unit="character"),
        Column("language", pl.String(), "Language of the text; null when a row rule rejects the row.", nullable=True),
        *(Column(flag(reason), _BOOL, f"Whether the rule {reason} rejects it.") for reason in ROW_REASONS),
    ),
    key=("row_hash",),
)


def _share(name: str, meaning: str) -> Column:
    return Column(name, _FLOAT, meaning, nullable=True, unit="fraction")


PROFILE = Table(
    name="profile",
    meaning="One row: the ingested day in numbers; a number is null where there is nothing to compute it from.",
    columns=(
        Column("row_count", _FLOAT, "Rows ingested.", unit="row"),
        Column("id_count", _FLOAT, "Rows that have an id.", unit="row"),
        _share("null_text_share", "Rows without a text."),
        _share("blank_text_share", "Rows whose text has nothing to see."),
        _share("id_unique_share", "Distinct ids among the ids that there are."),
        *(_share(f"language_{name}_share", f"Rows in this language ({name}).") for name in (*LANGUAGES, OTHER)),
        Column("char_count_mean", _FLOAT, "Mean length of a text.", nullable=True, unit="character"),
        Column("char_count_p50", _FLOAT, "Median length of a text.", nullable=True, unit="character"),
        Column("char_count_p99", _FLOAT, "Length that one text in a hundred exceeds.", nullable=True, unit="character"),
        Column("rating_mean", _FLOAT, "Mean rating.", nullable=True, unit="star"),
        _share("rating_null_share", "Rows without a rating."),
        Column("freshness_h", _FLOAT, "From the day's last comment to the day's end.", nullable=True, unit="hour"),
        Column("recent_day_count", _FLOAT, "Published days before this one that it is compared with.", unit="day"),
        Column("row_count_ratio", _FLOAT, "Rows against the median of the recent days.", nullable=True, unit="ratio"),
        Column(
            "text_length_ratio", _FLOAT, "Typical length against the median of the recent days.", nullable=True,
            unit="ratio",
        ),
        *(
            Column(
                f"language_{name}_change", _FLOAT, f"Share of {name} minus its median on the recent days.",
                nullable=True, unit="points",
            )
            for name in (*LANGUAGES, OTHER)
        ),
    ),
)  # fmt: skip
