"""Seventh stage: what the jobs answered and what it cost goes on record, once per job.

Afterwards the batch files are not needed any more: the answers are in the ledger's keeping, without any text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import orjson
import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from data_contracts.batch_lines import OutputLine
from data_contracts.ledger import EntryState, LedgerEntry, Usage
from data_contracts.verdicts import ANSWERS, Status
from prompts import Prompt, load
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.ask_on_demand import answer_folder, count_calls
from tasks.errors import is_transient
from tasks.families import pick_family
from tasks.families.base import Family
from tasks.ingest import Plan
from tasks.ledger import ENDED, is_live, read_ledger, scratch, update
from tasks.paths import DayPaths
from tasks.prices import Price, find_price, to_pico, to_usd
from tasks.read_answer import Outcome, read_line
from tasks.settings import Settings


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


class Collected(NamedTuple):
    """One job's answers, a row per record that has one, and what the job used."""

    answers: pl.DataFrame
    usage: Usage


class _Kept(NamedTuple):
    """The line that counts for a record so far."""

    rank: tuple[bool, bool, bytes]
    outcome: Outcome


class _Read(NamedTuple):
    """A line and the bytes of what it says, without the echo of the input: that is ten times as long, and lines are
    kept by the hundred thousand."""

    line: OutputLine
    said: bytes


def collect(
    lines: Iterable[bytes],
    attempts: dict[str, int],
    family: Family,
    prompt: Prompt,
    price: Price | None,
    decided_at: datetime,
) -> Collected:
    """Read a job's output lines, in whatever order they come.

    Of several lines for one record a well-formed one counts, then one with an output, then the smallest bytes. Tokens
    of lines that do not count, and of records that were never asked, were paid for all the same: they are booked as
    unattributed. An answer without token counts was paid for too: the job's cost is unknown then, never too low.

    Args:
        lines: raw lines of every output file.
        attempts: the attempt number of each record that was asked, by record id.
    """
    kept: dict[str, _Kept] = {}
    total, line_count, unknown, repeated, unreported = [0, 0], 0, 0, 0, 0
    for raw in lines:
        if not raw.strip():
            continue
        line_count += 1
        read = _parse(raw)
        if read is None:
            unknown += 1
            continue
        line = read.line
        outcome = read_line(line, family, prompt.categories)
        total[0] += outcome.input_tokens or 0
        total[1] += outcome.output_tokens or 0
        unreported += line.modelOutput is not None and None in (outcome.input_tokens, outcome.output_tokens)
        if line.recordId not in attempts:
            unknown += 1
            continue
        rank = (outcome.status is not Status.JUDGED, line.modelOutput is None, read.said)
        before = kept.get(line.recordId)
        repeated += before is not None
        if before is None or rank < before.rank:
            kept[line.recordId] = _Kept(rank, outcome)
    attributed = [
        sum(getattr(item.outcome, name) or 0 for item in kept.values()) for name in ("input_tokens", "output_tokens")
    ]
    loose = [whole - part for whole, part in zip(total, attributed, strict=True)]
    usage = Usage(
        input_tokens=total[0],
        output_tokens=total[1],
        unattributed_input_tokens=loose[0],
        unattributed_output_tokens=loose[1],
        cost_usd=price.cost_usd(*total) if price and not unreported else None,
        unattributed_cost_usd=price.cost_usd(*loose) if price and not unreported else None,
        input_pico=price.input_pico if price else None,
        output_pico=price.output_pico if price else None,
        unreported_count=unreported,
        line_count=line_count,
        answered_count=len(kept),
        unknown_record_count=unknown,
        repeated_record_count=repeated,
    )
    rows = [_answer_row(record, item.outcome, attempts[record], decided_at) for record, item in sorted(kept.items())]
    return Collected(pl.DataFrame(rows, schema=ANSWERS.polars_schema, orient="row"), usage)


def book_repeats(collected: Collected, calls: Mapping[str, int], price: Price | None) -> Collected:
    """Add what calls cost that a crash made again, each taken to have used what the one that was answered used.

    Args:
        calls: how often each record was asked.
    """
    again = collected.answers.select(
        pl.col("record_id").replace_strict(calls, default=1, return_dtype=pl.Int64).alias("_calls") - 1,
        pl.col("input_tokens", "output_tokens").fill_null(0),
    )
    extra = [int((again["_calls"] * again[name]).sum()) for name in ("input_tokens", "output_tokens")]
    before = collected.usage
    total = [before.input_tokens + extra[0], before.output_tokens + extra[1]]
    loose = [before.unattributed_input_tokens + extra[0], before.unattributed_output_tokens + extra[1]]
    usage = before.model_copy(
        update={
            "input_tokens": total[0],
            "output_tokens": total[1],
            "unattributed_input_tokens": loose[0],
            "unattributed_output_tokens": loose[1],
            "cost_usd": price.cost_usd(*total) if price and not before.unreported_count else None,
            "unattributed_cost_usd": price.cost_usd(*loose) if price and not before.unreported_count else None,
            "repeated_call_count": sum(count - 1 for count in calls.values()),
        }
    )
    return Collected(collected.answers, usage)


def _parse(raw: bytes) -> _Read | None:
    """The line, or None if it is no output line at all."""
    try:
        try:
            line = OutputLine.model_validate(orjson.loads(raw))
        except orjson.JSONDecodeError:
            line = OutputLine.model_validate(json.loads(raw))  # it takes the lone surrogates that JSON can spell
        said = json.dumps([line.modelOutput, line.error.model_dump() if line.error else None])
    except (ValueError, RecursionError):
        return None
    return _Read(line, said.encode())


def _answer_row(record: str, outcome: Outcome, attempt: int, decided_at: datetime) -> tuple[object, ...]:
    """A row of ANSWERS, in its order of columns."""
    answer = outcome.answer
    verdict = (answer.violation, answer.category, answer.confidence, answer.explanation) if answer else (None,) * 4
    return (
        record,
        outcome.status.value,
        outcome.status_detail,
        *verdict,
        outcome.input_tokens,
        outcome.output_tokens,
        attempt,
        decided_at,
    )


def output_lines(storage: Storage, entry: LedgerEntry, folder: Path) -> Iterator[bytes]:
    """Every line of a job's `*.jsonl.out` files; the manifest beside them is no output."""
    for item in storage.list(answer_folder(entry)) if entry.mode == "on_demand" or entry.job_arn else ():
        if item.uri.endswith(".jsonl.out"):
            path = folder / "output.jsonl"
            storage.fetch(item.uri, path)
            with path.open("rb") as file:
                yield from file


def _attempts(storage: Storage, entry: LedgerEntry, folder: Path) -> dict[str, int]:
    path = folder / "requests.parquet"
    storage.fetch(entry.requests_uri, path)
    return dict(pl.read_parquet(path, columns=["record_id", "attempt"]).iter_rows())


def _collect_entry(
    settings: Settings, storage: Storage, paths: DayPaths, entry: LedgerEntry, now: datetime
) -> Collected:
    """Store one job's answers, then book it; the answers first, so that a booked job always has them."""
    prompt = load(entry.prompt_name, entry.prompt_version)
    price = find_price(entry.model_id, entry.mode, settings.prices)
    with scratch() as temporary:
        folder = Path(temporary)
        lines = output_lines(storage, entry, folder)
        attempts = _attempts(storage, entry, folder)
        family = pick_family(entry.model_id, invocation_type=entry.invocation_type)
        collected = collect(lines, attempts, family, prompt, price, now)
        if entry.mode == "on_demand":
            collected = book_repeats(collected, count_calls(storage, entry), price)
        path = folder / "answers.parquet"
        collected.answers.write_parquet(path)
        storage.send(path, paths.answers(entry.key))
    update(
        storage,
        paths,
        entry,
        state=EntryState.COLLECTED,
        answers_uri=paths.answers(entry.key),
        collected_at=now,
        usage=collected.usage,
    )
    return collected


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def collect_answers(settings: Settings, plan: Plan, now: datetime) -> CollectionSummary:
    """Read and book every ended job of the day that is not booked yet; a booked one is never booked again."""
    return collect_day(settings, DayPaths(settings, plan.run_date), now)


def collect_day(settings: Settings, paths: DayPaths, now: datetime) -> CollectionSummary:
    """See `collect_answers`; for who has no plan."""
    storage = adapters.connect(settings).storage
    ended = [entry for entry in read_ledger(storage, paths) if is_live(entry) and entry.job_status in ENDED]
    counts: dict[str, int] = {}
    missing, pico, is_known, unreported = 0, 0, True, 0
    for entry in ended:
        collected = _collect_entry(settings, storage, paths, entry, now)
        for status, count in collected.answers.group_by("status").len().iter_rows():
            counts[status] = counts.get(status, 0) + count
        missing += entry.record_count - collected.answers.height
        is_known &= collected.usage.cost_usd is not None
        pico += to_pico(collected.usage.cost_usd or 0.0)
        unreported += collected.usage.unreported_count
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
