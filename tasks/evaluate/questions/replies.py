"""What questions were answered: read out of the batch files, kept without a comment's text, booked once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import polars as pl

from data_contracts.batch_lines import OutputLine
from data_contracts.documents.ledger import EntryState
from data_contracts.tables.verdicts import Status
from tasks.adapters import Adapters
from tasks.base.frames import scratch
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.runs.settle import asked_prompt
from tasks.jobs.collection import output_lines, read_entry
from tasks.ledger.asker import Asker
from tasks.ledger.entries import read_ledger, record_move
from tasks.ledger.moves import collected
from tasks.ledger.phases import Phase, phase_of
from tasks.ledger.prices import Price
from tasks.llm.families.base import Family, NoReply, StopKind

#: What is kept of a reply's object, given the question's id; None if it is no reply. It must hold no comment's text.
Reader = Callable[[str, dict[str, Any]], dict[str, Any] | None]

#: A reply: `value` is what the reader kept, as JSON, null unless `status` is judged.
_REPLIES = pl.Schema(
    {
        "record_id": pl.String,
        "status": pl.String,
        "value": pl.String,
        "input_tokens": pl.Int64,
        "output_tokens": pl.Int64,
        "cost_usd": pl.Float64,
    }
)


class _Said(NamedTuple):
    status: Status
    value: str | None
    input_tokens: int | None
    output_tokens: int | None


def read_replies(outside: Adapters, paths: EvaluationPaths) -> pl.DataFrame:
    """Every reply that is kept here: `record_id, status, value, input_tokens, output_tokens, cost_usd`."""
    entries = [entry for entry in read_ledger(outside.storage, paths) if entry.state is EntryState.COLLECTED]
    bodies = (outside.storage.get(entry.answers_uri) for entry in entries if entry.answers_uri is not None)
    frames = [pl.read_parquet(BytesIO(body), hive_partitioning=False) for body in bodies if body is not None]
    return pl.concat([_REPLIES.to_frame(), *frames]).unique("record_id", keep="first", maintain_order=True)


def collect_replies(
    outside: Adapters, settings: Settings, paths: EvaluationPaths, asker: Asker, read: Reader, now: datetime
) -> None:
    """Keep and book the replies of every entry that has ended: kept first, so that what is booked is always there.

    Args:
        asker: who is asked now; another one may have been before.
        read: what is kept of a reply.
    """
    storage = outside.storage
    for entry in [entry for entry in read_ledger(storage, paths) if phase_of(entry) is Phase.ENDED]:
        is_same = (entry.model_id, entry.prompt_sha256) == (asker.model_id, asker.prompt.sha256)
        asked = asker if is_same else Asker.booked(settings, entry, asked_prompt(outside, paths, entry))
        with scratch() as temporary:
            folder = Path(temporary)
            usage = read_entry(storage, asked, entry, folder, now).usage
            rows = _rows(output_lines(storage, entry), asked.family, read)
        body = BytesIO()
        _frame(rows, asked.prices[entry.mode]).write_parquet(body)
        storage.put(paths.answers(entry.key), body.getvalue())
        record_move(storage, paths, collected(entry, paths.answers(entry.key), usage, now))


def _rows(lines: Iterable[bytes], family: Family, read: Reader) -> dict[str, _Said]:
    """The reply that counts for each question: one with an output, then the smallest bytes, whatever the order."""
    kept: dict[str, tuple[bool, bytes]] = {}
    rows: dict[str, _Said] = {}
    for raw in lines:
        try:
            line = OutputLine.model_validate(json.loads(raw))
        except ValueError:
            continue
        rank = line.modelOutput is None, json.dumps(line.modelOutput).encode()
        if line.recordId not in kept or rank < kept[line.recordId]:
            kept[line.recordId], rows[line.recordId] = rank, _said(line, family, read)
    return rows


def _said(line: OutputLine, family: Family, read: Reader) -> _Said:
    if line.modelOutput is None:
        return _Said(Status.ERROR, None, None, None)
    try:
        reply = family.read(line.modelOutput)
    except NoReply as error:
        return _Said(Status.MALFORMED, None, error.input_tokens, error.output_tokens)
    tokens = reply.input_tokens, reply.output_tokens
    if reply.stop is StopKind.REFUSED:
        return _Said(Status.REFUSED, None, *tokens)
    found = _object(reply.text) if reply.stop is StopKind.FINISHED else None
    value = read(line.recordId, found) if found is not None else None
    if value is None:
        return _Said(Status.MALFORMED, None, *tokens)
    return _Said(Status.JUDGED, orjson.dumps(value).decode(), *tokens)


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object in a reply, fences and prose around it stripped; None if there is none."""
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1], strict=False) if 0 <= start < end else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _frame(rows: Mapping[str, _Said], price: Price | None) -> pl.DataFrame:
    """The replies as they are kept; what no model answered is left out, so that it is asked again."""
    data = [
        (record, said.status.value, said.value, said.input_tokens, said.output_tokens, _cost(said, price))
        for record, said in sorted(rows.items())
        if said.status is not Status.ERROR
    ]
    return pl.DataFrame(data, schema=_REPLIES, orient="row")


def _cost(said: _Said, price: Price | None) -> float | None:
    if price is None or said.input_tokens is None or said.output_tokens is None:
        return None
    return price.cost_usd(said.input_tokens, said.output_tokens)
