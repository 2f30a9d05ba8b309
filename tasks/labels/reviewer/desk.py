"""What each action of the page does: the answer is in the store before the page hears of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.labels.reviewer.guideline import Guideline
from tasks.labels.reviewer.review_queue import MAX_NOTE_CHARS, MAX_SECONDS, Answer, Item, ReviewQueue
from tasks.labels.reviewer.shown_text import shown_pieces

#: What the browser sends for an answer that is no label.
UNSURE = "unsure"


class WrongRequest(Exception):
    """The browser sent something that the page never sends."""


class Given(BaseModel):
    """An answer as the browser sends it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    category: str
    note: Annotated[str, Field(max_length=MAX_NOTE_CHARS)] = ""
    seconds: Annotated[float, Field(ge=0)] = 0.0


class Opinion(BaseModel):
    """What another rater said, for a third."""

    category: str
    note: list[tuple[str, bool]]


class ShownItem(BaseModel):
    """A comment as the page gets it: text in pieces, each with whether it is a mark; see `shown_text`."""

    key: str
    language: str
    text: list[tuple[str, bool]]
    opinions: list[Opinion]


class Screen(BaseModel):
    """What the page shows.

    Attributes:
        kind: a comment, a break, or that nothing is left.
        item: the comment.
        category: the answer that was taken back, `unsure` included; None if there was none.
        note: the note of that answer.
        answered: today, by this rater.
        unsure: of those, unsure.
        left: comments that wait for this rater.
        disputes: of those, comments on which two others disagree.
        in_a_row: answers since the last break, on the break's screen.
    """

    kind: Literal["item", "break", "done"]
    item: ShownItem | None = None
    category: str | None = None
    note: str = ""
    answered: int
    unsure: int
    left: int
    disputes: int
    in_a_row: int = 0


class Desk:
    """One rater at work. Calls come from several threads, and are done one after the other."""

    def __init__(
        self,
        queue: ReviewQueue,
        guideline: Guideline,
        categories: tuple[str, ...],
        now: Callable[[], datetime],
        break_after: int,
    ) -> None:
        """`categories` are the prompt's; after `break_after` answers the page asks for a break, never with 0."""
        self.guideline = guideline
        self.categories = categories
        self._queue, self._now, self._break_after = queue, now, break_after
        self._since_break: set[str] = set()
        self._lock = threading.Lock()

    def next_screen(self, *, rested: bool = False) -> Screen:
        """The next comment, or a break if one is due and the rater has not just had it."""
        with self._lock:
            if rested:
                self._since_break.clear()
            if self._break_after and len(self._since_break) >= self._break_after:
                return self._screen("break")
            item = self._queue.next_item()
            return self._screen("item", item) if item else self._screen("done")

    def answer(self, given: Given) -> Screen:
        """Keep an answer; the screen that comes back has the new numbers and no comment.

        Raises:
            WrongRequest: if the comment or the category is none of this page's.
        """
        if given.category not in (*self.categories, UNSURE):
            raise WrongRequest("no such category")
        answer = Answer(
            category=None if given.category == UNSURE else given.category,
            note=given.note.strip(),
            seconds=round(min(given.seconds, MAX_SECONDS), 1),
            answered_at=self._now(),
        )
        with self._lock:
            try:
                self._queue.put(given.key, answer)
            except KeyError:
                raise WrongRequest("no such comment") from None
            self._since_break.add(given.key)
            return self._screen("item")

    def take_back(self) -> Screen:
        """Remove the last answer and show its comment again; without any answer, the next comment."""
        with self._lock:
            taken = self._queue.take_back()
            if taken is not None:
                item, answer = taken
                self._since_break.discard(item.key)
                screen = self._screen("item", item)
                return screen.model_copy(update={"category": answer.category or UNSURE, "note": answer.note})
        return self.next_screen(rested=True)

    def _screen(self, kind: Literal["item", "break", "done"], item: Item | None = None) -> Screen:
        progress = self._queue.progress()
        return Screen(
            kind=kind,
            item=_shown(item) if item else None,
            answered=progress.answered_count,
            unsure=progress.unsure_count,
            left=progress.left_count,
            disputes=progress.dispute_count,
            in_a_row=len(self._since_break) if kind == "break" else 0,
        )


def _shown(item: Item) -> ShownItem:
    opinions = [
        Opinion(category=opinion.category, note=[tuple(piece) for piece in shown_pieces(opinion.note)])
        for opinion in item.opinions
    ]
    return ShownItem(
        key=item.key,
        language=item.language,
        text=[tuple(piece) for piece in shown_pieces(item.text)],
        opinions=opinions,
    )
