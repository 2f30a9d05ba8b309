"""One rater's answers of one day: one object among the day's labels, replaced by one conditional write at each answer.

Its rows are labels like any other's, with a note and the seconds beside them, which readers of labels pass over. An
"unsure" is no label and stands in the object's footer: so one write keeps all that the rater did.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.tables.labels import LABELS
from tasks.adapters.storage import Storage, StorageRefused
from tasks.base.errors import StorageUnavailable
from tasks.labels.label_objects import Label
from tasks.labels.reviewer.review_queue import Answer

_FOOTER = b"moderation.review"
_NOTE, _SECONDS = "note", "seconds"
_SCHEMA = LABELS.polars_schema | {_NOTE: pl.String(), _SECONDS: pl.Float64()}
#: Times that a write is tried when another process of the same rater wrote in between.
_TRIES = 5


class Entry(NamedTuple):
    """An answer, and the label that it makes; an unsure one makes none."""

    answer: Answer
    label: Label | None


class _Unsure(BaseModel):
    model_config = ConfigDict(frozen=True)

    comment_id: str
    note: str = ""
    seconds: float = 0.0
    answered_at: datetime


class _Footer(BaseModel):
    model_config = ConfigDict(frozen=True)

    unsure: tuple[_Unsure, ...] = ()


class AnswerBook:
    """The answers of one rater and day, by comment_id; see the module."""

    def __init__(self, storage: Storage, uri: str) -> None:
        """Read what is there.

        Raises:
            StorageRefused: if what is there was not written here; it is left alone.
        """
        self._storage, self._uri = storage, uri
        self.entries = self._read()[0]

    def put(self, comment_id: str, entry: Entry | None) -> None:
        """Keep an answer, or with None remove it; once this returns it is in the store.

        Raises:
            StorageUnavailable: if other writes came in between every time.
            StorageRefused: if the rater may not write there.
        """
        for _ in range(_TRIES):
            entries, etag = self._read()
            if entry is None:
                entries.pop(comment_id, None)
            else:
                entries[comment_id] = entry
            body = encode(entries)
            if etag is None:
                is_ours = self._storage.put_if_absent(self._uri, body)
            else:
                is_ours = self._storage.put_if_match(self._uri, body, etag)
            if is_ours:
                self.entries = entries
                return
        raise StorageUnavailable(f"write {self._uri}: somebody else writes there under the same name")

    def _read(self) -> tuple[dict[str, Entry], str | None]:
        found = self._storage.get_versioned(self._uri)
        if found is None:
            return {}, None
        entries = decode(found.body)
        if entries is None:
            raise StorageRefused(f"{self._uri} was not written by the reviewer's page; move it away")
        return entries, found.etag


def encode(entries: dict[str, Entry]) -> bytes:
    """The answers as a Parquet object, the first answer first."""
    ordered = sorted(entries.items(), key=lambda pair: (pair[1].answer.answered_at, pair[0]))
    rows = [
        entry.label.model_dump()
        | {"source": str(entry.label.source), _NOTE: entry.answer.note, _SECONDS: entry.answer.seconds}
        for _, entry in ordered
        if entry.label is not None
    ]
    unsure = tuple(
        _Unsure(comment_id=comment_id, **entry.answer.model_dump(exclude={"category"}))
        for comment_id, entry in ordered
        if entry.label is None
    )
    more = [pa.field(_NOTE, pa.string()), pa.field(_SECONDS, pa.float64())]
    schema = pa.schema([*LABELS.arrow_schema, *more])
    table = pl.DataFrame(rows, schema=_SCHEMA).to_arrow().cast(schema)
    footer = {_FOOTER: _Footer(unsure=unsure).model_dump_json().encode()}
    body = BytesIO()
    pq.write_table(table.replace_schema_metadata(footer), body, compression="zstd")
    return body.getvalue()


def decode(body: bytes) -> dict[str, Entry] | None:
    """The answers that an object holds; None if it is none of ours."""
    try:
        table = pq.read_table(BytesIO(body))
        footer = _Footer.model_validate_json((table.schema.metadata or {})[_FOOTER])
        entries = {
            one.comment_id: Entry(Answer(category=None, **one.model_dump(exclude={"comment_id"})), None)
            for one in footer.unsure
        }
        for row in table.to_pylist():
            label = Label.model_validate(row)
            answer = Answer(
                category=label.category,
                note=row[_NOTE] or "",
                seconds=row[_SECONDS] or 0.0,
                answered_at=label.labeled_at,
            )
            entries[label.comment_id] = Entry(answer, label)
    except (pa.ArrowException, OSError, KeyError, ValidationError):
        return None
    return entries


def unsure_ids(metadata: Mapping[bytes, bytes] | None) -> frozenset[str]:
    """The comments that a rater was unsure of, which no column of the object names: by the metadata of its schema."""
    try:
        footer = _Footer.model_validate_json((metadata or {})[_FOOTER])
    except (KeyError, ValidationError):
        return frozenset()
    return frozenset(one.comment_id for one in footer.unsure)
