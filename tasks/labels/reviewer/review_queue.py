"""What the reviewer's page asks of whatever holds the comments and the answers; the docstrings are the contract."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

#: Longest note that is kept.
MAX_NOTE_CHARS = 2000
#: More than this on one comment is a pause, not work.
MAX_SECONDS = 3600.0


def item_key(run_date: date, comment_id: str) -> str:
    """What the browser knows a comment by."""
    return hashlib.sha256(f"{run_date}/{comment_id}".encode()).hexdigest()[:32]


class Opinion(NamedTuple):
    """What another rater said, without a name; `category` is `none` where there is no violation."""

    category: str
    note: str = ""


@dataclass(frozen=True)
class Item:
    """A comment to be judged.

    Attributes:
        run_date: its day.
        comment_id: its id, which the browser never sees.
        text: as the customer wrote it.
        language: ISO 639-1 or `und`: it picks the letters' shapes.
        opinions: what two raters said who disagree, in an order that says nothing; empty for whoever is asked first.
    """

    run_date: date
    comment_id: str
    text: str
    language: str
    opinions: tuple[Opinion, ...] = ()

    @cached_property
    def key(self) -> str:
        """What the browser knows the comment by."""
        return item_key(self.run_date, self.comment_id)


class Answer(BaseModel):
    """What a rater said of a comment.

    Attributes:
        category: one of the prompt's, `none` for no violation; None for "unsure", which is no label.
        note: in the rater's own words.
        seconds: from the moment the text was seen until the answer.
        answered_at: when.
    """

    model_config = ConfigDict(frozen=True)

    category: str | None
    note: str = Field(default="", max_length=MAX_NOTE_CHARS)
    seconds: float = Field(default=0.0, ge=0, le=MAX_SECONDS)
    answered_at: datetime


class Progress(NamedTuple):
    """How far one rater has come.

    Attributes:
        answered_count: answers of this rater today, unsure ones included.
        unsure_count: of those, unsure.
        left_count: comments that still wait for this rater.
        dispute_count: of those, comments on which two others disagree.
    """

    answered_count: int
    unsure_count: int
    left_count: int
    dispute_count: int


class ReviewQueue(Protocol):
    """The comments that wait for one rater, and this rater's answers.

    Every method raises ModerationError where the store refuses or does not answer; then nothing has changed.
    """

    def next_item(self) -> Item | None:
        """The first comment that waits for this rater, by an order of the rater's own; None if none is left."""
        ...

    def put(self, key: str, answer: Answer) -> None:
        """Keep the answer; once this returns, no crash loses it. The rater's earlier answer is replaced.

        Raises:
            KeyError: if there is no such comment.
        """
        ...

    def take_back(self) -> tuple[Item, Answer] | None:
        """Remove the rater's last answer and give it back with its comment; None if there is none."""
        ...

    def progress(self) -> Progress:
        """How far the rater has come."""
        ...
