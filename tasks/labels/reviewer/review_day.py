"""One day for one rater: what is asked, what others and the rater have said of it, and the texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from data_contracts.tables.label_requests import LABEL_REQUESTS
from data_contracts.tables.labels import LABELS
from tasks.adapters import Adapters
from tasks.adapters.storage import StoredObject
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths
from tasks.labels.comment_texts import read_texts
from tasks.labels.label_files import list_labels, read_labels
from tasks.labels.requests import asked_label, disputed_requests, latest_labels, open_requests, request_states
from tasks.labels.reviewer.answer_book import AnswerBook, Entry, decode
from tasks.labels.reviewer.guideline import NO_VIOLATION
from tasks.labels.reviewer.review_queue import Answer, Item, Opinion
from tasks.labels.truth import is_usable


class ReviewDay:
    """A day's requests from the side of one rater.

    Attributes:
        run_date: the day.
        book: the rater's own answers.
        requests: what is asked, one row a comment.
        waiting: comments with a free slot that the rater has not answered, in the rater's order.
        disputed: comments on which others disagree and the rater has said nothing.
    """

    def __init__(self, outside: Adapters, paths: DayPaths, requests: pl.DataFrame, rater: str) -> None:
        """Read the labels of the day; its texts are read when the first is wanted."""
        self.run_date, self._rater = paths.run_date, rater
        self._outside, self._paths, self._asked = outside, paths, requests
        once = requests.sort("purpose").unique("comment_id", keep="last")  # a sample's request is worth most
        self.requests = {str(row["comment_id"]): row for row in once.to_dicts()}
        self._own_uri = paths.review(hashlib.sha256(rater.encode()).hexdigest()[:16])
        self.book = AnswerBook(outside.storage, self._own_uri)
        self._files: dict[tuple[str, str], pl.DataFrame] = {}
        self._labels = _labels_of(LABELS.empty())
        self._texts: dict[str, str] | None = None
        self.waiting: list[str] = []
        self.disputed: list[str] = []
        self.refresh()

    def refresh(self) -> None:
        """Look again at what others have said; only files that are new or changed are read."""
        listed = list_labels(self._outside.storage, self._paths).read
        objects = {(item.uri, item.etag): item for item in listed if item.uri != self._own_uri}
        self._files = {
            place: self._files[place] if place in self._files else self._read(item) for place, item in objects.items()
        }
        self._labels = pl.concat([_labels_of(LABELS.empty()), *self._files.values()])
        self.sort_out()

    def sort_out(self) -> None:
        """Say anew what waits, after an answer of the rater's own."""
        own = [entry.label.model_dump() for entry in self.book.entries.values() if entry.label]
        rows = pl.DataFrame([row | {"source": str(row["source"])} for row in own], schema=LABELS.polars_schema)
        labels = latest_labels(pl.concat([self._labels.select(LABELS.names), rows]))
        states = request_states(self._asked, labels)
        states = states.with_columns(pl.col("is_disputed") | pl.col("comment_id").is_in(category_ties(labels)))
        passed = {name for name, entry in self.book.entries.items() if entry.label is None} | self._without_text()
        self.waiting = [name for name in open_requests(states, self._rater)["comment_id"] if name not in passed]
        self.disputed = [name for name in disputed_requests(states, self._rater)["comment_id"] if name not in passed]

    def put(self, comment_id: str, answer: Answer) -> None:
        """Keep the rater's answer, see `AnswerBook.put`."""
        label = None
        if answer.category is not None:
            label = asked_label(
                self.requests[comment_id],
                labeler=self._rater,
                violation=answer.category != NO_VIOLATION,
                category=answer.category,
                labeled_at=answer.answered_at,
            )
        self.book.put(comment_id, Entry(answer, label))
        self.sort_out()

    def take_back(self, comment_id: str) -> None:
        """Remove the rater's answer."""
        self.book.put(comment_id, None)
        self.sort_out()

    def item(self, comment_id: str) -> Item | None:
        """A comment as it is shown to the rater; None if the input does not hold the text any more that was judged."""
        if self._texts is None:
            self._texts = read_texts(self._outside, self._paths, self.requests)
            self.sort_out()
        text = self._texts.get(comment_id)
        if text is None:
            return None
        opinions = self._opinions(comment_id) if comment_id in self.disputed else ()
        return Item(self.run_date, comment_id, text, str(self.requests[comment_id]["language"]), opinions)

    def lost_count(self) -> int:
        """Comments that cannot be shown; 0 while the texts are not read."""
        return len(self._without_text())

    def _without_text(self) -> set[str]:
        return set() if self._texts is None else self.requests.keys() - self._texts.keys()

    def _opinions(self, comment_id: str) -> tuple[Opinion, ...]:
        mine = self._labels.filter(pl.col("comment_id") == comment_id, pl.col("labeler") != self._rater)
        latest = mine.sort("labeled_at").unique("labeler", keep="last").to_dicts()
        # By a hash: neither who was first nor whose name comes first is told.
        latest.sort(key=lambda row: hashlib.sha256(f"{comment_id}\0{row['labeler']}".encode()).digest())
        return tuple(Opinion(row["category"] or NO_VIOLATION, row["note"] or "") for row in latest)

    def _read(self, item: StoredObject) -> pl.DataFrame:
        """The labels of an object, with the notes if a page like this one wrote it."""
        with scratch() as folder:
            found = read_labels(self._outside.storage, [item], self._paths.labels, Path(folder)).labels
        notes = {}
        if item.uri.startswith(self._paths.review("").removesuffix(".parquet")):
            body = self._outside.storage.get(item.uri)
            notes = {name: entry.answer.note for name, entry in (decode(body or b"") or {}).items()}
        return _labels_of(found.filter(is_usable()), notes)


def category_ties(labels: pl.DataFrame) -> list[str]:
    """The comments of which no category has the most voices, `none` being one.

    Two raters who both see a violation, and not the same one, disagree as well.

    Columns: comment_id and category of `labels`, one row a comment and rater.
    """
    voices = labels.group_by("comment_id", pl.col("category").fill_null(NO_VIOLATION)).len()
    most = voices.filter(pl.col("len") == pl.col("len").max().over("comment_id"))
    return sorted(most.filter(pl.len().over("comment_id") > 1)["comment_id"].unique())


def _labels_of(labels: pl.DataFrame, notes: dict[str, str] | None = None) -> pl.DataFrame:
    named = [(notes or {}).get(name) for name in labels["comment_id"]]
    return labels.with_columns(pl.Series("note", named, pl.String))


def requests_by_day(outside: Adapters, first: DayPaths, last: date) -> dict[date, pl.DataFrame]:
    """The requests of every day that has any, from `first` to `last`, the newest day first."""
    table = outside.lake.scan(first.lake(LABEL_REQUESTS.name), LABEL_REQUESTS)
    found = table.filter(pl.col("date").is_between(first.run_date, last)).collect()
    days: Sequence[date] = sorted(found["date"].unique(), reverse=True)
    return {day: found.filter(pl.col("date") == day) for day in days}
