"""The answers of a job whose requests are packs: a row a comment, and each comment's exact share of what its pack used.

Shares are whole tokens that add up to the pack's, so the books stay exact: what is read is shared by the comments'
bytes, the prompt evenly; what is written by the characters of each part; what is left over falls to the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import polars as pl

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.tables.verdicts import ANSWERS, REQUESTS, Status
from prompts import sized
from tasks.adapters.storage import Storage
from tasks.base.errors import InputChanged
from tasks.base.frames import scan_file
from tasks.jobs.output import Collected, Tally, book_forgotten, book_lost, book_repeats
from tasks.jobs.single_calls import count_calls, most_of_calls
from tasks.ledger.asker import Asker
from tasks.ledger.moves import is_forgotten
from tasks.ledger.prices import Price
from tasks.llm.answer import Verdict
from tasks.llm.answer_lines import PackReader
from tasks.llm.masking import quotes_masked
from tasks.llm.pack_answer import PackAnswer
from tasks.llm.pack_template import PLACE_BYTES, PackTemplate
from tasks.llm.quotes import REMOVED, REMOVED_DETAIL, quotes
from tasks.llm.request_line import comment_json


class AskedPack(NamedTuple):
    """A pack as it was asked.

    Attributes:
        record_ids: its comments' records, in order of their places.
        comments: their texts; none if the input file is gone.
    """

    record_ids: tuple[str, ...]
    comments: tuple[str, ...] = ()


def asked_packs(requests: pl.DataFrame, comments: Mapping[str, Sequence[str]]) -> dict[str, AskedPack]:
    """The packs of an entry, by the id that they go by.

    Columns: requests (record_id, asked_as, slot).
    """
    grouped = requests.sort("asked_as", "slot").group_by("asked_as", maintain_order=True).agg("record_id")
    return {pack: AskedPack(tuple(records), tuple(comments.get(pack, ()))) for pack, records in grouped.iter_rows()}


def read_packs(
    storage: Storage, asker: Asker, entry: LedgerEntry, lines: Iterable[bytes], folder: Path, now: datetime
) -> Collected:
    """What the output lines of an entry with packs say of each comment."""
    path = folder / "requests.parquet"
    storage.fetch(entry.requests_uri, path)
    requests = REQUESTS.widen(scan_file(path)).select("record_id", "asked_as", "slot").collect()
    template, price = asker.pack_template(requests["slot"].n_unique()), asker.prices[entry.mode]
    packs = asked_packs(requests, _comments_of(storage, entry, template, folder))
    reader = PackReader(asker.family, asker.prompt.categories, template)
    read = collect_packs(lines, packs, reader, price, now, is_masked=entry.masking is not None)
    if is_forgotten(entry):
        return book_forgotten(read, entry, price)
    return _with_calls(storage, read, entry, asker, packs, price, folder) if entry.mode == "on_demand" else read


def _with_calls(
    storage: Storage,
    read: Collected,
    entry: LedgerEntry,
    asker: Asker,
    packs: Mapping[str, AskedPack],
    price: Price | None,
    folder: Path,
) -> Collected:
    """Single calls, each for a pack, that were made again or left no answer are booked as those for a comment are."""
    calls = count_calls(storage, entry)
    pack_of = {record: pack for pack, asked in packs.items() for record in asked.record_ids}
    whole = (
        read.answers.with_columns(record_id=pl.col("record_id").replace(pack_of))
        .group_by("record_id")
        .agg(pl.col("input_tokens", "output_tokens").sum())
    )
    lost = {pack: calls[pack] for pack in calls.keys() - set(whole["record_id"])}
    body = asker.family.body(sized(asker.prompt, len(next(iter(packs.values())).record_ids)), "")
    most = most_of_calls(storage, entry, lost, body, folder)
    booked = book_lost(book_repeats(read._replace(answers=whole), calls, price), most, price)
    return read._replace(usage=booked.usage)


def _comments_of(
    storage: Storage, entry: LedgerEntry, template: PackTemplate, folder: Path
) -> dict[str, tuple[str, ...]]:
    """The comments of each pack by the entry's own input file, in order of their places; none if it is gone."""
    path = folder / "input.jsonl"
    try:
        storage.fetch(entry.input_uri, path)
    except InputChanged:
        return {}
    with path.open("rb") as file:
        records = ((str(orjson.loads(line)["recordId"]), line) for line in file)
        return {record: tuple(template.comments_of(record, line)) for record, line in records}


def collect_packs(
    lines: Iterable[bytes],
    packs: Mapping[str, AskedPack],
    reader: PackReader,
    price: Price | None,
    now: datetime,
    *,
    is_masked: bool = False,
) -> Collected:
    """Read a job's output lines as `tasks.jobs.output.collect` does, a row a comment.

    An explanation or an error that quotes any comment of its pack is replaced; so is each one where the comments are
    not known any more.
    """
    tally = Tally(dict.fromkeys(packs, 1))
    for raw in lines:
        if raw and not raw.isspace():
            tally.add(reader.read(raw))
    rows: list[dict[str, Any]] = []
    for pack, source in tally.kept.sources():
        rows += _rows(packs[pack], reader.answer_of(source), reader.template, quotes_masked if is_masked else quotes)
    schema = {name: kind for name, kind in ANSWERS.polars_schema.items() if name != "decided_at"}
    frame = pl.DataFrame(rows, schema=schema).sort("record_id")
    answers = ANSWERS.conform(frame.lazy().with_columns(decided_at=now)).collect()
    return Collected(answers, tally.usage(price))


def _rows(
    pack: AskedPack, answer: PackAnswer, template: PackTemplate, quotes: Callable[[str, str], bool]
) -> Iterable[dict[str, Any]]:
    outcome, size = answer.outcome, len(pack.record_ids)
    by_bytes = [len(comment_json(text)) + template.shared_bytes // size + PLACE_BYTES for text in pack.comments]
    read = shares(outcome.input_tokens, by_bytes or [1] * size)
    written = shares(outcome.output_tokens, list(answer.sizes) or [1] * size)
    for place, record_id in enumerate(pack.record_ids):
        part = answer.parts[place] if answer.parts else None
        row = {"record_id": record_id, "attempt": 1, "input_tokens": read[place], "output_tokens": written[place]}
        if isinstance(part, Verdict):
            shown = _held(part.explanation, pack.comments, REMOVED, quotes)
            yield row | {"status": Status.JUDGED.value} | part._asdict() | {"explanation": shown}
        else:
            detail = _held(part or _why(outcome.status, outcome.status_detail), pack.comments, REMOVED_DETAIL, quotes)
            status = Status.ERROR if outcome.status is Status.ERROR else Status.MALFORMED
            yield row | {"status": status.value, "status_detail": detail}


def _why(status: Status, detail: str | None) -> str:
    """What became of a pack, said of each of its comments; a refused pack is no refused comment."""
    return detail or "" if status is Status.ERROR else f"its pack is {status}: {detail}"


def _held(words: str, comments: Sequence[str], instead: str, quotes: Callable[[str, str], bool]) -> str:
    if not words or (comments and not any(quotes(words, comment) for comment in comments)):
        return words
    return instead


def shares(total: int | None, weights: Sequence[int]) -> list[int | None]:
    """Whole numbers in proportion to the weights that add up to the total; what is left over falls to the first."""
    if total is None:
        return [None] * len(weights)
    whole = sum(weights)
    parts = [total * weight // whole if whole else 0 for weight in weights]
    return [parts[0] + total - sum(parts), *parts[1:]]
