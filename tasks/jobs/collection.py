"""The answers of a day's jobs and calls: read, kept without quotations, booked once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import orjson
import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import LedgerEntry, Usage
from data_contracts.documents.plan import PACK_STEP
from data_contracts.tables.verdicts import REQUESTS, Status
from prompts import Prompt
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.adapters.stores.pieces import lines_of
from tasks.base.errors import InputChanged
from tasks.base.frames import GROUP_ROWS, scan_file, scratch
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.base.steps import each
from tasks.jobs.output import Collected, book_forgotten, book_lost, book_repeats, collect
from tasks.jobs.packed.pack_answers import read_packs
from tasks.jobs.single_calls import answer_folder, count_calls, most_of_calls
from tasks.ledger.asker import Asker
from tasks.ledger.entries import read_ledger, record_move, step_of
from tasks.ledger.lease import check_not_given_up
from tasks.ledger.moves import collected, is_forgotten
from tasks.ledger.phases import Phase, phase_of
from tasks.ledger.prices import to_pico, to_usd
from tasks.llm.masking import quotes_masked
from tasks.llm.quotes import REMOVED, REMOVED_DETAIL, quotes
from tasks.llm.request_line import RequestTemplate


class CollectionSummary(BaseModel):
    """What the collected jobs answered."""

    model_config = ConfigDict(frozen=True)

    job_count: int
    status_counts: dict[str, int]
    missing_count: int
    cost_usd: float | None
    #: answers without token counts: their cost is unknown, and with it the night's
    unreported_count: int = 0
    messages: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every record that was asked has an answer that nobody asks again for."""
        return not self.missing_count and self.status_counts.keys() <= {Status.JUDGED, Status.REFUSED}


def output_files(storage: Storage, entry: LedgerEntry) -> list[str]:
    """A job's `*.jsonl.out` files; the manifest beside them is no output.

    They are below a folder of the job's id. An endpoint that makes no such folder leaves them right where the job was
    told to write: no other shard writes there.
    """
    if entry.mode != "on_demand" and not entry.job_arn:
        return []
    own, root = f"{answer_folder(entry)}/", f"{entry.output_uri.rstrip('/')}/"
    uris = [item.uri for item in storage.list(root.rstrip("/")) if item.uri.endswith(".jsonl.out")]
    return [uri for uri in uris if uri.startswith(own)] or [uri for uri in uris if "/" not in uri.removeprefix(root)]


def output_lines(storage: Storage, entry: LedgerEntry) -> Iterator[bytes]:
    """Every line of a job's output files, as they are read: none is copied to the disk first."""
    for uri in output_files(storage, entry):
        yield from lines_of(storage.pieces(uri))


class _Asked(NamedTuple):
    """The attempt number of each request of an entry, by the id that it goes by, and which of them are golden items."""

    attempts: dict[str, int]
    golden: frozenset[str]


def _asked(storage: Storage, entry: LedgerEntry, folder: Path) -> _Asked:
    path = folder / "requests.parquet"
    storage.fetch(entry.requests_uri, path)
    requests = REQUESTS.widen(scan_file(path))
    attempts = dict(requests.select(pl.coalesce("asked_as", "record_id"), "attempt").collect().iter_rows())
    golden = requests.filter(pl.col("golden_item_id").is_not_null()).select("record_id").collect()
    return _Asked(attempts, frozenset(golden["record_id"]))


@dataclass(frozen=True)
class Ended:
    """An entry whose job has ended, and what is needed to read what it left: by a worker elsewhere, too.

    Attributes:
        paths: of settings without secrets.
        run_id: the run that must hold the day for the answers to be written; None if whoever asks has seen to that.
    """

    paths: DayPaths
    entry: LedgerEntry
    asker: Asker
    run_id: str | None
    now: datetime


class Kept(BaseModel):
    """What an entry's kept answers say, by count, and what the job used."""

    model_config = ConfigDict(frozen=True)

    usage: Usage
    status_counts: dict[str, int]


def keep_answers(ended: Ended) -> Kept:
    """Read what a job left and store its answers; the same again stores the same.

    Reads: the job's input and output files, requests/KEY, the lease.
    Writes: answers/KEY.

    Raises:
        LeaseLost: if the run does not hold the day any more.
    """
    storage, entry = adapters.connect(ended.paths.settings).storage, ended.entry
    with scratch() as temporary:
        folder = Path(temporary)
        path = folder / "answers.parquet"
        if step_of(entry) == PACK_STEP:
            read = read_packs(storage, ended.asker, entry, output_lines(storage, entry), folder, ended.now)
            answers = read.answers
        else:
            read = read_entry(storage, ended.asker, entry, folder, ended.now)
            answers = read.answers
            if read.uncompared:
                answers = hide_quotes_of(storage, entry, answers, ended.asker.template, folder, read.uncompared)
            answers = by_record(answers, folder / "requests.parquet")
        answers.write_parquet(path, row_group_size=GROUP_ROWS)
        if ended.run_id is not None:
            check_not_given_up(storage, ended.paths, ended.run_id)
        storage.send(path, ended.paths.answers(entry.key))
    counts = answers.group_by("status").len()
    return Kept(usage=read.usage, status_counts=dict(sorted(counts.iter_rows())))


def read_entry(storage: Storage, asker: Asker, entry: LedgerEntry, folder: Path, now: datetime) -> Collected:
    """What an entry's output says; single calls that left no answer are counted at the most that they can have used."""
    price = asker.prices[entry.mode]
    lines, asked = output_lines(storage, entry), _asked(storage, entry, folder)
    read = collect(lines, asked.attempts, asker.family, asker.prompt, price, now, asked.golden, asker.template)
    if is_forgotten(entry):
        return book_forgotten(read, entry, price)
    if entry.mode != "on_demand":
        return read
    calls = count_calls(storage, entry)
    lost = {record: calls[record] for record in calls.keys() - set(read.answers["record_id"])}
    most = most_of_calls(storage, entry, lost, asker.family.body(asker.prompt, ""), folder)
    return book_lost(book_repeats(read, calls, price), most, price)


def by_record(answers: pl.DataFrame, requests: Path) -> pl.DataFrame:
    """The answers under the records' own ids, whatever ids the requests went by; `requests` is a file of REQUESTS."""
    own = REQUESTS.widen(scan_file(requests)).filter(pl.col("asked_as").is_not_null())
    names = dict(own.select("asked_as", "record_id").collect().iter_rows())
    return answers.with_columns(pl.col("record_id").replace(names)).sort("record_id") if names else answers


def collect_day(
    settings: Settings,
    paths: DayPaths,
    now: datetime,
    prompt_of: Callable[[LedgerEntry], Prompt | None] = lambda _: None,
    run_id: str | None = None,
) -> CollectionSummary:
    """Read and book every job of the day that ended, as `collect_answers` does for a night; this needs no plan.

    The answers first, so that a booked job always has them. This process alone touches the ledger.

    Args:
        run_id: the run that must hold the day still when answers are written; None if whoever calls has seen to that.
        prompt_of: the prompt that an entry was asked by, where that is not the catalog's.
    """
    storage, bare = adapters.connect(settings).storage, replace(paths, settings=settings.without_secrets())
    ended = [entry for entry in read_ledger(storage, paths) if phase_of(entry) is Phase.ENDED]
    given = [Ended(bare, entry, Asker.booked(settings, entry, prompt_of(entry)), run_id, now) for entry in ended]
    counts: dict[str, int] = {}
    missing, pico, is_known, unreported = 0, 0, True, 0
    for one, kept in each(keep_answers, given):
        entry = one.entry
        record_move(storage, paths, collected(entry, paths.answers(entry.key), kept.usage, now))
        for status, count in kept.status_counts.items():
            counts[status] = counts.get(status, 0) + count
        missing += entry.record_count - kept.usage.answered_count
        is_known &= kept.usage.cost_usd is not None
        pico += to_pico(kept.usage.cost_usd or 0.0)
        unreported += kept.usage.unreported_count
    return CollectionSummary(
        job_count=len(ended),
        status_counts=counts,
        missing_count=missing,
        cost_usd=to_usd(pico) if is_known else None,
        unreported_count=unreported,
        messages=tuple(
            f"{entry.job_name} {entry.job_status}: {entry.job_message}" for entry in ended if entry.job_message
        ),
    )


def read_comments(lines: Iterable[bytes], template: RequestTemplate) -> Iterator[tuple[str, str]]:
    """The record id and the comment of each request line, in their order."""
    for line in lines:
        record: str = orjson.loads(line)["recordId"]
        yield record, template.comment_of(record, line)


def hide_quotes(
    answers: pl.DataFrame,
    comments: Iterable[tuple[str, str]],
    among: Set[str] | None = None,
    *,
    is_masked: bool = False,
) -> pl.DataFrame:
    """The answers, an explanation or an error that quotes its comment replaced; so is one whose comment is not there.

    Columns: record_id, status, status_detail, explanation -> the same columns and rows. Null and empty stay.

    Args:
        answers: those of a job.
        comments: record id and comment of each request.
        among: the records that are looked at; None for all.
        is_masked: of masked comments an explanation may name the placeholders, as many as there are.
    """
    worded = answers.filter((pl.col("explanation").fill_null("") != "") | (pl.col("status") == Status.ERROR))
    if among is not None:
        worded = worded.filter(pl.col("record_id").is_in(list(among)))
    words_of = {
        record: tuple(words) for record, *words in worded.select("record_id", "explanation", "status_detail").rows()
    }
    quoted = quotes_masked if is_masked else quotes
    changed: dict[str, tuple[str | None, str | None]] = {}
    for record, comment in comments:
        if record in words_of:
            explanation, detail = words_of.pop(record)
            if explanation and quoted(explanation, comment):
                explanation = REMOVED
            if detail and quoted(detail, comment):
                detail = REMOVED_DETAIL
            changed[record] = (explanation, detail)
    for record, (explanation, detail) in words_of.items():
        changed[record] = (explanation and REMOVED, detail and REMOVED_DETAIL)
    schema = {"record_id": pl.String, "_explanation": pl.String, "_detail": pl.String}
    shown = pl.DataFrame([(record, *words) for record, words in changed.items()], schema=schema, orient="row")
    was_told = pl.col("_told").fill_null(False)
    return (
        answers.join(shown.with_columns(_told=True), on="record_id", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            explanation=pl.when(was_told).then("_explanation").otherwise("explanation"),
            status_detail=pl.when(was_told).then("_detail").otherwise("status_detail"),
        )
        .select(answers.columns)
    )


def hide_quotes_of(
    storage: Storage,
    entry: LedgerEntry,
    answers: pl.DataFrame,
    template: RequestTemplate,
    folder: Path,
    among: Set[str],
) -> pl.DataFrame:
    """`hide_quotes` with the comments of an entry's own input file, if it is still there: for those of the records
    whose output lines do not repeat what was asked as it was asked."""
    path = folder / "input.jsonl"
    try:
        storage.fetch(entry.input_uri, path)
    except InputChanged:
        return hide_quotes(answers, (), among)
    with path.open("rb") as lines:
        return hide_quotes(answers, read_comments(lines, template), among, is_masked=entry.masking is not None)
