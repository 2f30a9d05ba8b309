"""What the stages' facts look like in a log line, on the run's page and on the terminal; never a comment's text."""

from __future__ import annotations

from pydantic import BaseModel

from tasks.close_night import Night
from tasks.errors import ModerationError
from tasks.poll_batch import Progress

#: Fields of a summary that are too long for a log line.
_LONG = {"shards", "live_keys", "settings", "inputs", "jobs", "metrics", "seconds", "paths", "balance"}


def describe_step(name: str, result: object, took_s: float) -> str:
    """One line for a stage that has ended: its summary, with collections as counts."""
    if not isinstance(result, BaseModel):
        return f"{name}: {result if isinstance(result, str) else 'done'} ({took_s:.1f} s)"
    facts = []
    for field in type(result).model_fields:
        value = getattr(result, field)
        if field in _LONG:
            facts.append(f"{field} {len(value)}" if isinstance(value, tuple | list) else "")
        elif isinstance(value, dict):
            facts.append(f"{field} " + (", ".join(f"{k} {v}" for k, v in value.items()) or "none"))
        else:
            facts.append(f"{field} {value}")
    return f"{name}: {'; '.join(fact for fact in facts if fact)} ({took_s:.1f} s)"


def describe_failure(error: BaseException) -> tuple[str, str]:
    """The name and the one-line reason of whatever stopped a night."""
    text = " ".join(str(error).split()) or "no message"
    return type(error).__name__, text if isinstance(error, ModerationError) else f"{type(error).__name__}: {text}"


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


def dollars(amount: float | None) -> str:
    """An amount for people; an unknown one says so."""
    return "unknown" if amount is None else f"${amount:,.4f}" if amount < 1 else f"${amount:,.2f}"


def describe_night(night: Night) -> str:
    """The night in Markdown, for the run's page."""
    books = night.balance
    rows = [
        ("ingested", f"{books.ingested_count:,}"),
        ("valid", f"{books.valid_count:,}"),
        ("rejected", f"{books.rejected_count:,} {_counts(night.rejected)}"),
        ("verdicts", f"{books.verdict_count:,} {_counts(night.statuses)}"),
        ("violations", f"{night.violation_count:,}"),
        ("judged as a duplicate", f"{night.duplicate_count:,}"),
        ("cost", f"{dollars(night.cost_usd)} (estimated {dollars(night.estimated_cost_usd)})"),
        ("alerts", ", ".join(night.alerts.get("titles", ())) or "none"),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    paths = "\n".join(f"- {name}: `{uri}`" for name, uri in night.paths.items())
    return f"# Night of {night.run_date}\n\n| | |\n|---|---|\n{table}\n\n{paths}\n"


def _counts(counts: dict[str, int]) -> str:
    return f"({', '.join(f'{name} {count:,}' for name, count in counts.items())})" if counts else ""


def describe_terminal(result: object) -> str:
    """What the command line prints when a flow has ended well."""
    if isinstance(result, Night):
        return describe_night(result)
    return "published already: nothing to do" if result is None else str(result)
