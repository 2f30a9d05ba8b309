"""The comments that wait for a rater, over all days that still ask, and the answers in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from tasks.adapters.lake import reading_lake
from tasks.base.panics import panics_told
from tasks.labels.reviewer.answer_book import Entry
from tasks.labels.reviewer.review_day import ReviewDay
from tasks.labels.reviewer.review_queue import Answer, Item, Progress, item_key


class StoredQueue:
    """See ReviewQueue.

    The newest day comes first, since its accuracy is what is looked at. What others answered meanwhile is seen before
    each comment, so that two raters at work seldom meet; where they do, both answers count.
    """

    def __init__(
        self,
        days: Iterable[ReviewDay],
        now: Callable[[], datetime],
        zone: ZoneInfo,
        tell: Callable[[str], None],
        *,
        settle_first: bool = False,
    ) -> None:
        """Begin a rater's work.

        Args:
            zone: where days begin and end.
            tell: takes a line for the terminal.
            settle_first: comments that two raters judged differently come first, not last.
        """
        self._days = tuple(days)
        self._places = {
            item_key(day.run_date, comment_id): (day, comment_id) for day in self._days for comment_id in day.requests
        }
        self._now, self._zone, self._tell, self._settle_first = now, zone, tell, settle_first
        self._told: set[ReviewDay] = set()

    def next_item(self) -> Item | None:
        """See ReviewQueue."""
        with _ours():
            if (item := self._first()) is None:
                for day in self._days:  # somebody may have taken an answer back, or disagreed
                    day.refresh()
                item = self._first()
            return item

    def _first(self) -> Item | None:
        while (place := next(self._waiting(), None)) is not None:
            day, comment_id = place
            day.refresh()
            item = day.item(comment_id)
            self._tell_lost(day)
            if item is not None and next(self._waiting(), None) == place:
                return item
        return None

    def _waiting(self) -> Iterator[tuple[ReviewDay, str]]:
        asked = ((day, name) for day in self._days for name in day.waiting)
        disputed = ((day, name) for day in self._days for name in day.disputed)
        for part in (disputed, asked) if self._settle_first else (asked, disputed):
            yield from part

    def put(self, key: str, answer: Answer) -> None:
        """See ReviewQueue."""
        day, comment_id = self._places[key]
        with _ours():
            day.put(comment_id, answer)

    def take_back(self) -> tuple[Item, Answer] | None:
        """See ReviewQueue."""
        with _ours():
            answered = [(entry.answer.answered_at, day, name) for day, name, entry in self._entries()]
            for _, day, name in sorted(answered, key=lambda each: (each[0], each[2]), reverse=True):
                answer = day.book.entries[name].answer
                if day.item(name) is not None:  # what cannot be shown cannot be answered again
                    day.take_back(name)
                    item = day.item(name)
                    return (item, answer) if item else None
            return None

    def progress(self) -> Progress:
        """See ReviewQueue."""
        today = self._now().astimezone(self._zone).date()
        mine = [entry for _, _, entry in self._entries()]
        done = [one for one in mine if one.answer.answered_at.astimezone(self._zone).date() == today]
        disputes = sum(len(day.disputed) for day in self._days)
        left = disputes + sum(len(day.waiting) for day in self._days)
        return Progress(len(done), sum(one.answer.category is None for one in done), left, disputes)

    def _entries(self) -> list[tuple[ReviewDay, str, Entry]]:
        return [(day, name, entry) for day in self._days for name, entry in day.book.entries.items()]

    def _tell_lost(self, day: ReviewDay) -> None:
        if day.lost_count() and day not in self._told:
            self._told.add(day)
            self._tell(
                f"{day.run_date}: {day.lost_count()} of {len(day.requests)} comments cannot be shown: "
                "the input does not hold the text any more that was judged"
            )


@contextmanager
def _ours() -> Iterator[None]:
    """What a store or a library says becomes an error of ours."""
    with panics_told("in the reviewer's page"), reading_lake():
        yield
