"""What a comment goes by and what it says: looked up before it is searched for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.documents.ledger import record_id, step_record_id
from data_contracts.documents.plan import PACK_STEP
from data_contracts.tables.comments import REJECTED
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths
from tasks.intake.foreign_parquet import mended_strings
from tasks.intake.input_files import may_be_parquet
from tasks.labels.reviewer.answer_book import unsure_ids
from tasks.ledger.entries import fetch_requests, read_ledger, step_of
from tasks.past_days.erasure.traces import Sought

_BATCH_ROWS = 50_000


class Learnt(NamedTuple):
    """What the comment goes by and what it says, the hashes of its texts, and the input objects that hold it."""

    sought: Sought
    digests: frozenset[str]
    inputs: list[str]


def learn(outside: Adapters, days: Sequence[DayPaths], comment_id: str) -> Learnt:
    """Read it from the days' tables, input and labels."""
    texts, inputs, digests = set[str](), list[str](), set[str]()
    is_it = pl.col("comment_id") == comment_id
    with scratch() as folder:
        path = Path(folder) / "input.parquet"
        for paths in days:
            verdicts = outside.lake.scan(paths.lake(VERDICTS.name), VERDICTS).filter(pl.col("date") == paths.run_date)
            digests |= set(verdicts.filter(is_it).select("text_sha256").collect()["text_sha256"])
            rejected = outside.lake.scan(paths.lake(REJECTED.name), REJECTED).filter(pl.col("date") == paths.run_date)
            texts |= set(rejected.filter(is_it).select("text").collect()["text"].drop_nulls())
            for item in (*outside.storage.list(paths.comments), *outside.storage.list(paths.labels)):
                if may_be_parquet(item.uri):
                    outside.storage.fetch(item.uri, path)
                    held_texts = _texts(path, comment_id)
                    texts |= {text for text in held_texts or () if text}
                    inputs += [] if held_texts is None else [item.uri]
    records = frozenset(record_id(paths.run_date, comment_id) for paths in days)
    # What it went by where a policy asked for it otherwise.
    records |= {step_record_id(paths.run_date, step, (comment_id,)) for paths in days for step in ("light", "audit")}
    packs = frozenset(pack for paths in days for pack in _packs(outside.storage, paths, comment_id))
    sought = Sought(comment_id=comment_id, record_ids=records, texts=frozenset(texts), pack_ids=packs)
    return Learnt(sought, frozenset(digests), inputs)


def _packs(storage: Storage, paths: DayPaths, comment_id: str) -> Iterator[str]:
    """The ids of the requests that the comment was asked in with others."""
    entries = [entry for entry in read_ledger(storage, paths) if step_of(entry) == PACK_STEP]
    with scratch() as folder:
        asked = fetch_requests(storage, entries, Path(folder))
        mine = asked.filter(pl.col("record_id") == record_id(paths.run_date, comment_id))
        yield from mine.select("asked_as").collect()["asked_as"].drop_nulls()


def _texts(path: Path, comment_id: str) -> list[str | None] | None:
    """What the comment says in an input file, as a night mends what is no UTF-8; None if it is not there or the file
    cannot be read."""
    texts_of_it: list[str | None] = []
    try:
        with pq.ParquetFile(path) as file:
            has_text = "text" in file.schema_arrow.names
            for batch in file.iter_batches(_BATCH_ROWS, columns=["comment_id", "text"] if has_text else ["comment_id"]):
                ids = mended_strings(batch.column("comment_id"))
                texts = mended_strings(batch.column("text")) if has_text else [None] * len(ids)
                texts_of_it += [text for one, text in zip(ids, texts, strict=True) if one == comment_id]
            if comment_id in unsure_ids(file.schema_arrow.metadata):
                texts_of_it.append(None)
    except (pa.ArrowException, KeyError, OSError, ValueError):
        return None
    return texts_of_it or None
