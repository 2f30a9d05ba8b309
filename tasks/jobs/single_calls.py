"""Calls on demand, one record each: what marks a call, what keeps its answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from data_contracts.documents.ledger import LedgerEntry
from tasks.adapters.storage import Storage
from tasks.base.errors import InputChanged
from tasks.base.paths import DayPaths
from tasks.batch.estimate.rates import Tokens, most_tokens
from tasks.ledger.entries import record_move
from tasks.ledger.moves import closed

_ANSWER, _CALL = ".jsonl.out", ".call"


def answer_folder(entry: LedgerEntry) -> str:
    """Where an entry's answers are: Bedrock's folder for the job, or ours for single calls."""
    name = "on-demand" if entry.job_arn is None else entry.job_arn.rsplit("/", 1)[-1]
    return entry.output_uri.rstrip("/") + "/" + name


def count_calls(storage: Storage, entry: LedgerEntry) -> Counter[str]:
    """How often each record was asked, answered or not."""
    names = (item.uri.rsplit("/", 1)[-1] for item in storage.list(answer_folder(entry)))
    return Counter(name.split(".")[0] for name in names if name.endswith(_CALL))


def answered_records(storage: Storage, entry: LedgerEntry) -> set[str]:
    """Records whose answer is stored."""
    names = (item.uri.rsplit("/", 1)[-1] for item in storage.list(answer_folder(entry)))
    return {name.removesuffix(_ANSWER) for name in names if name.endswith(_ANSWER)}


def read_requests(path: Path) -> Iterator[Request]:
    """The lines of a batch input file."""
    with path.open("rb") as lines:
        for line in lines:
            item = orjson.loads(line)
            yield Request(item["recordId"], item["modelInput"])


def close_entry(storage: Storage, paths: DayPaths, entry: LedgerEntry, now: datetime, *, is_whole: bool) -> LedgerEntry:
    """The entry, with nothing left to ask: what was answered can be collected."""
    return record_move(storage, paths, closed(entry, now, is_whole=is_whole))


class Request(NamedTuple):
    """One line of an input file."""

    record_id: str
    body: dict[str, Any]


def most_of_calls(
    storage: Storage, entry: LedgerEntry, calls: Mapping[str, int], body: Mapping[str, Any], folder: Path
) -> list[Tokens]:
    """The most that each of these calls can have used, by the record's own line, or by the file without it.

    Args:
        calls: how often each record was asked.
        body: any request of the entry, for what it may be answered.
    """
    sizes = dict.fromkeys(calls, entry.input_bytes)
    path = folder / "asked.jsonl"
    try:
        if calls:
            storage.fetch(entry.input_uri, path)
            with path.open("rb") as lines:
                sizes |= {record: len(line) for line in lines if (record := orjson.loads(line)["recordId"]) in calls}
    except InputChanged:  # the whole file is larger than any line of it
        pass
    return [most_tokens(sizes[record], body) for record, count in sorted(calls.items()) for _ in range(count)]
