"""What all forms of the files share: the columns, a row as a file has it, how a file that cannot be read is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from tasks.base.errors import WrongUsage

#: In this order. The last five are the rater's, empty but for `labeler`.
COLUMNS = (
    "date",
    "comment_id",
    "product_id",
    "language",
    "text",
    "labeler",
    "violation",
    "category",
    "labeled_at",
    "note",
)
#: What an answer needs. `source` is asked for of comments that were never requested.
NEEDED = ("date", "comment_id", "labeler", "violation", "category")
FORMS = {"csv": (".csv",), "jsonl": (".jsonl", ".ndjson"), "parquet": (".parquet",), "label-studio": (".json",)}


class Task(NamedTuple):
    """A comment for a rater; what is not here, no rater is to know."""

    date: date
    comment_id: str
    product_id: str
    language: str
    text: str
    labeler: str | None


class Given(NamedTuple):
    """A row as a file has it.

    Attributes:
        place: where it stands: `line 3`, `row 2`, `task 4`.
        values: by column, with whatever type the form has; None for an empty cell.
    """

    place: str
    values: dict[str, Any]


class Contents(NamedTuple):
    """What a file says.

    Attributes:
        rows: in its order.
        cancelled_count: annotations that their rater gave up.
        notices: what somebody should know about how it was read.
    """

    rows: tuple[Given, ...]
    cancelled_count: int = 0
    notices: tuple[str, ...] = ()


class BadPlace(ValueError):
    """A place in a file that cannot be read; the text is where and why."""


def form_of(path: Path) -> str:
    """A file's form, by the end of its name.

    Raises:
        WrongUsage: if it is none of the four.
    """
    for form, ends in FORMS.items():
        if path.name.lower().endswith(ends):
            return form
    raise WrongUsage(f"{path}: its name must end in .csv, .jsonl, .parquet or, of Label Studio, .json")


def lacking(columns: set[str], needed: Sequence[str] = NEEDED) -> str | None:
    """Which of the needed columns, by default those of an answer, a file does not have; None if it has all."""
    missing = [name for name in needed if name not in columns]
    return f"there is no column {', '.join(missing)}; needed are {', '.join(needed)}" if missing else None
