"""Seventh stage: what the jobs answered and what it cost goes on record, once per job.

Afterwards the batch files are not needed any more: the answers are in the ledger's keeping, without any text.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from data_contracts.ledger import EntryState, LedgerEntry
from prompts import load
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.ask_on_demand import answer_folder, count_calls
from tasks.errors import is_transient
from tasks.families import pick_family
from tasks.ingest import Plan
from tasks.ledger import ENDED, is_live, read_ledger, scratch, update
from tasks.paths import DayPaths
from tasks.prices import find_price, to_pico, to_usd
from tasks.read_output import Collected, book_repeats, collect
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
