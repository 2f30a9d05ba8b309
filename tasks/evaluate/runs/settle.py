"""Whatever the set's ledger has under way is brought to its end: submitted, waited for, asked, collected, kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl

import prompts
from data_contracts.documents.ledger import EntryState, LedgerEntry
from prompts import Prompt
from tasks.adapters import Adapters
from tasks.base.errors import BedrockUnavailable, DeadlinePassed, QuotaReached
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.evaluate.runs.experiments import add_answers
from tasks.jobs.ask_on_demand import ask_entry
from tasks.jobs.collection import collect_day
from tasks.jobs.job_status import look, record_ends
from tasks.jobs.poll_batch import next_wait_s, stop_late
from tasks.jobs.single_calls import close_entry
from tasks.jobs.submission import submit_waiting
from tasks.ledger.entries import is_live, is_running, read_ledger

_MAX_FAILED_LOOKS = 5


def settle(
    outside: Adapters,
    settings: Settings,
    paths: EvaluationPaths,
    items: pl.DataFrame,
    version: int,
    still_ours: Callable[[], None],
    now: Callable[[], datetime],
) -> int:
    """Finish every entry that is on record, however far an earlier run has come; nothing is asked twice.

    Returns how many answers were added to lake/experiments. The batch files of what is collected are deleted.

    Raises:
        LeaseLost: if another run evaluates the set.
        DeadlinePassed: if jobs have not ended DEADLINE_H after this began; they were stopped, and the next run reads
            what they answered.
        BedrockRefused, BedrockUnavailable: as BatchInference says; what was asked stays on record.
    """
    wait_for_jobs(outside, settings, paths, still_ours, now)
    ask_singly(outside, settings, paths, still_ours, now)
    still_ours()
    collect_day(settings, paths, now(), lambda entry: asked_prompt(outside, paths, entry))
    collected = [entry for entry in read_ledger(outside.storage, paths) if entry.state is EntryState.COLLECTED]
    still_ours()
    added_count = add_answers(outside, paths, collected, items, version)
    outside.storage.delete([item.uri for item in outside.storage.list(paths.batch)])
    return added_count


def asked_prompt(outside: Adapters, paths: EvaluationPaths, entry: LedgerEntry) -> Prompt | None:
    """The prompt that an entry was asked by, as it was kept; it need not be in the catalog, now or ever."""
    body = outside.storage.get(paths.prompt(entry.prompt_sha256))
    return None if body is None else prompts.parse(body.decode(), f"{entry.prompt_name}/{entry.prompt_version}")


def ask_singly(
    outside: Adapters,
    settings: Settings,
    paths: EvaluationPaths,
    still_ours: Callable[[], None],
    now: Callable[[], datetime],
) -> None:
    """Make the calls of every entry that is asked one by one; raises as `settle`."""
    for entry in _live(outside, paths, "on_demand"):
        asked = ask_entry(outside, settings, entry, check=still_ours)
        close_entry(outside.storage, paths, entry, now(), is_whole=not asked.left_count)


def _live(outside: Adapters, paths: EvaluationPaths, mode: str) -> list[LedgerEntry]:
    return [entry for entry in read_ledger(outside.storage, paths) if is_live(entry) and entry.mode == mode]


def wait_for_jobs(
    outside: Adapters,
    settings: Settings,
    paths: EvaluationPaths,
    still_ours: Callable[[], None],
    now: Callable[[], datetime],
) -> None:
    """Submit the intents as far as places are free, and look at the jobs until all have ended; raises as `settle`."""
    begun, wait_s, failed_looks = now(), None, 0
    deadline = begun + timedelta(hours=settings.deadline_h)
    while True:
        entries = _live(outside, paths, "batch")
        try:
            if now() < deadline:
                most_jobs = settings.max_jobs_in_flight
                entries = submit_waiting(outside, settings, paths, entries, now(), most_jobs, still_ours)
            jobs = look(outside.bedrock, filter(is_running, entries), now())
            entries = record_ends(outside.storage, paths, entries, jobs)
            if now() >= deadline:
                entries = stop_late(outside, paths, entries, jobs)
            failed_looks = 0
        except (BedrockUnavailable, QuotaReached):
            failed_looks += 1
            if failed_looks >= _MAX_FAILED_LOOKS:
                raise
        else:
            waiting = any(entry.state is EntryState.INTENDED for entry in entries)
            if not any(map(is_running, entries)) and not (waiting and now() < deadline):
                break
        if now() >= deadline + timedelta(seconds=settings.stop_wait_s):
            raise DeadlinePassed(f"jobs of {paths.set_name} did not end within {settings.deadline_h:g} hours")
        wait_s = next_wait_s(wait_s, settings.poll_interval_s, random.uniform(-1, 1))
        outside.clock.sleep(wait_s)
