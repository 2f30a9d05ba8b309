"""What a stage did, as lines for log and terminal."""

from __future__ import annotations

from pydantic import BaseModel

from data_contracts.documents.plan import Plan
from data_contracts.documents.summary import Night
from tasks.base.safe_text import brief
from tasks.batch.build_batch import Batch
from tasks.jobs.poll_batch import Progress

#: Fields of a summary that are too long for a log line: their number is shown.
_LONG = {"shards", "live_keys", "confusion", "languages", "transitions"}


#: What no reader needs: exact amounts, which another field has in dollars, and what only later nights read.
_INNER = {"cost_pico", "usage"}


def describe_step(name: str, result: object, took_s: float) -> str:
    """One line for a stage that has ended: what it returned, empty fields left out."""
    match result:
        case Plan():
            objects, rows = len(result.inputs), result.row_count
            line = f"{rows} rows in {objects} objects, {result.model_id}, {result.prompt_name}/{result.prompt_version}"
            line = "; ".join((line, *result.warnings))
        case Night():
            line = f"published as run {result.run_id}"
        case BaseModel():
            values = {field: getattr(result, field) for field in type(result).model_fields if field not in _INNER}
            if isinstance(result, Batch):
                del values["notes"]  # try_canary tells them, once
            facts = (f"{field} {_told(field, value)}" for field, value in values.items() if value not in ((), "", {}))
            line = "; ".join(facts) or "nothing to do"
        case _:
            line = result if isinstance(result, str) else "done"
    return f"{name}: {brief(line, _MAX_LINE_CHARS)} ({took_s:.1f} s)"


def _told(field: str, value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return len(value) if field in _LONG and isinstance(value, tuple) else value


def describe_progress(progress: Progress) -> tuple[float, str]:
    """Percent done over all jobs, and a line of words; counters that Bedrock has not filled yet count as nothing."""
    total = sum(job.total_count for job in progress.jobs)
    done = sum(job.processed_count for job in progress.jobs)
    by_status: dict[str, int] = {}
    for job in progress.jobs:
        by_status[job.status] = by_status.get(job.status, 0) + 1
    states = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items())) or "none submitted"
    waiting = f", {progress.waiting_count} waiting for a place" if progress.waiting_count else ""
    return (100 * done / total if total else 0.0), f"{states}{waiting}; {progress.waited_s:.0f} s waited"


#: Longest line: Bedrock has a message of its own for each job.
_MAX_LINE_CHARS = 4_000
