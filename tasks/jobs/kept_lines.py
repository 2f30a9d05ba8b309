"""The one line that counts for each record of a job, whatever order the lines come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from datetime import datetime
from typing import Any

import polars as pl

from data_contracts.tables.verdicts import ANSWERS, Status
from tasks.batch.estimate.rates import Tokens
from tasks.llm.answer_lines import AnswerLine, said_by
from tasks.llm.quotes import REMOVED, REMOVED_DETAIL, quotes

#: What is kept of a line, of the columns of ANSWERS.
_KEPT = (
    *("status", "status_detail", "violation", "category", "confidence", "explanation"),
    *("input_tokens", "output_tokens"),
)


class KeptLines:
    """The line that counts for each record so far, column by column: a job has a hundred thousand of them, and an
    object for each would be looked through again and again for rings of references."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._columns: tuple[list[Any], ...] = tuple([] for _ in _KEPT)
        self._has_output: list[bool] = []
        self._sources: list[bytes] = []
        #: records whose words were held against no comment
        self.uncompared: set[str] = set()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, line: AnswerLine) -> bool:
        """Keep the line if it is the best for its record; whether the record had one before."""
        place = self._places.get(line.record_id)
        if place is None:
            self._places[line.record_id] = len(self._sources)
            for column, value in zip(self._columns, self._values(line), strict=True):
                column.append(value)
            self._has_output.append(line.has_output)
            self._sources.append(line.source)
            return False
        if self._rank(place) > (line.outcome.status is not Status.JUDGED, not line.has_output, line.said):
            self.uncompared.discard(line.record_id)
            for column, value in zip(self._columns, self._values(line), strict=True):
                column[place] = value
            self._has_output[place], self._sources[place] = line.has_output, line.source
        return True

    def _rank(self, place: int) -> tuple[bool, bool, bytes]:
        """What puts the best of several lines for one record first."""
        status, has_output = self._columns[0][place], self._has_output[place]
        return (status is not Status.JUDGED, not has_output, said_by(self._sources[place]))

    def _values(self, line: AnswerLine) -> tuple[Any, ...]:
        """The columns of _KEPT; words that quote the comment are replaced."""
        status, detail, verdict, read, written = line.outcome
        if verdict is None:
            if status is Status.ERROR and detail:
                detail = self._held(line, detail, REMOVED_DETAIL)
            return (status, detail, None, None, None, None, read, written)
        violation, category, confidence, explanation = verdict
        if explanation:
            explanation = self._held(line, explanation, REMOVED)
        return (status, detail, violation, category, confidence, explanation, read, written)

    def _held(self, line: AnswerLine, words: str, instead: str) -> str:
        if line.comment is None:
            self.uncompared.add(line.record_id)
            return words
        return instead if quotes(words, line.comment) else words

    def sources(self) -> Iterator[tuple[str, bytes]]:
        """Each record, and what is compared of its line: output and error, without the echo of the input."""
        for record, place in self._places.items():
            yield record, said_by(self._sources[place])

    def tokens(self, among: Set[str] | None = None) -> Tokens:
        """What the kept lines used, all of them or those of some records."""
        read, written = self._columns[-2:]
        if among is None:
            return Tokens(sum(count or 0 for count in read), sum(count or 0 for count in written))
        places = [place for record, place in self._places.items() if record in among]
        return Tokens(sum(read[place] or 0 for place in places), sum(written[place] or 0 for place in places))

    def count(self, among: Set[str]) -> int:
        """How many of these records have a line."""
        return sum(record in among for record in self._places)

    def answers(self, attempts: Mapping[str, int], decided_at: datetime) -> pl.DataFrame:
        """The kept lines as rows of ANSWERS, in order of record."""
        schema = {name: kind for name, kind in ANSWERS.polars_schema.items() if name != "decided_at"}
        columns = dict(zip(_KEPT, self._columns, strict=True))
        columns["status"] = [status.value for status in columns["status"]]
        columns |= {"record_id": list(self._places), "attempt": [attempts[record] for record in self._places]}
        frame = pl.DataFrame({name: columns[name] for name in schema}, schema=schema).sort("record_id")
        return ANSWERS.conform(frame.lazy().with_columns(decided_at=decided_at)).collect()
