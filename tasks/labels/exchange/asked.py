"""What was asked of the days that answers are about, and answers as labels.

A label is written with the stratum and the probability that its comment was asked with. Where the day was judged again
since, and its sample is another, what was asked before stands in the table's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from data_contracts.tables.label_requests import LABEL_REQUESTS, Purpose
from tasks.adapters import Adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.labels.exchange.answers import SOURCES, Answer
from tasks.labels.label_objects import Label
from tasks.labels.requests import asked_label


class Requests:
    """What was asked of the days that answers are about; each day is read once."""

    def __init__(self, outside: Adapters, settings: Settings) -> None:
        self._outside, self._settings = outside, settings
        self._now: dict[date, dict[str, dict[str, Any]]] = {}
        self._before: dict[date, dict[str, dict[str, Any]]] = {}

    def find(self, run_date: date, comment_id: str) -> dict[str, Any] | None:
        """The request for a comment, the sample's before others; None if it was never asked for."""
        if run_date not in self._now:
            table = self._outside.lake.scan(self._uri(), LABEL_REQUESTS)
            self._now[run_date] = _by_comment(table, run_date)
        if (found := self._now[run_date].get(comment_id)) is not None:
            return found
        if run_date not in self._before:
            self._before[run_date] = self._earlier(run_date)
        return self._before[run_date].get(comment_id)

    def _earlier(self, run_date: date) -> dict[str, dict[str, Any]]:
        """What was asked before the day was judged again; the latest of several draws counts."""
        found: dict[str, dict[str, Any]] = {}
        commits = [one for one in self._outside.lake.commits(self._uri()) if one.note.get("run_date") == str(run_date)]
        stored = {item.uri.rsplit("/", 1)[-1] for item in self._outside.storage.list(self._day_folder(run_date))}
        for commit in commits[:-1]:
            if self._outside.lake.day_files(self._uri(), run_date, commit.version) <= stored:  # else erased since
                table = self._outside.lake.scan_at(self._uri(), LABEL_REQUESTS, commit.version)
                found |= _by_comment(table, run_date)
        return found

    def _uri(self) -> str:
        return DayPaths(self._settings, date.min).lake(LABEL_REQUESTS.name)

    def _day_folder(self, run_date: date) -> str:
        return DayPaths(self._settings, run_date).lake_day(LABEL_REQUESTS.name)


def _by_comment(table: pl.LazyFrame, run_date: date) -> dict[str, dict[str, Any]]:
    rows = table.filter(pl.col("date") == run_date).collect()
    ordered = rows.sort((pl.col("purpose") == Purpose.SAMPLE), "purpose", "comment_id")
    return {row["comment_id"]: row for row in ordered.iter_rows(named=True)}


def label_of(answer: Answer, request: Mapping[str, Any] | None, now: datetime) -> Label:
    """The answer as a row of the label files.

    A row that says how it came is no answer to a request, though there may be one: an appeal is no part of the sample.

    Raises:
        ValueError: if the comment was never asked for, and the row does not say how it came.
    """
    given = {"labeler": answer.labeler, "violation": answer.violation, "category": answer.category}
    given |= {"labeled_at": answer.labeled_at or now}
    if answer.source in SOURCES:
        return Label.model_validate(given | {"comment_id": answer.comment_id, "source": answer.source})
    if request is not None:
        return asked_label(request, **given)
    if answer.source is not None:
        raise ValueError(
            f"source is {answer.source}, and no label was ever asked for of this comment of {answer.run_date}"
        )
    raise ValueError(
        f"no label was ever asked for of this comment of {answer.run_date}: has a spreadsheet changed its id? "
        f"Else say in a column source how it came: {', '.join(SOURCES)}"
    )
