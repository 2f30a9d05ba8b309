"""A night's report: one HTML page that opens anywhere, without the network and without scripts.

The page itself is report.html.j2; here is what it shows. Slices (product ids) and Bedrock's messages come from outside,
so everything is escaped, and what a page or a terminal would obey without showing it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from data_contracts.tables.metrics import State
from data_contracts.tables.verdicts import Status
from tasks.base.figures import count, dollars, duration, long_date, number, per_thousand, percent
from tasks.base.ports import JobStatus
from tasks.base.safe_text import brief
from tasks.reports.report_parts import (
    _FEW_LABELS,
    QUALITY,
    SOURCES,
    _shown,
    amount,
    drift,
    drift_mark,
    headline_accuracy,
    interval,
    nights_since,
    quality,
    quality_mark,
    rests_on_few,
    shown_count,
    words,
)

if TYPE_CHECKING:
    from data_contracts.documents.summary import Night


#: A ledger entry as summary.json holds it.
Job = dict[str, Any]

#: Jobs shown before the rest is folded away; those that did not complete come first.
_OPEN_JOBS = 12


def job_order(jobs: Iterable[Job]) -> tuple[list[Job], list[Job]]:
    """Jobs to show and jobs to fold away: those that did not complete are always shown, and first."""
    ordered = sorted(jobs, key=lambda job: (job.get("job_status") == JobStatus.COMPLETED, job.get("shard") or 0))
    troubled = sum(job.get("job_status") != JobStatus.COMPLETED for job in ordered)
    shown = len(ordered) if len(ordered) <= _OPEN_JOBS else max(troubled, _OPEN_JOBS // 2)
    return ordered[:shown], ordered[shown:]


def asked_again_count(night: Night) -> int:
    """Requests beyond one for each comment that is no duplicate, those of earlier runs of the day included."""
    asked: int = sum(job["record_count"] for job in night.jobs if job.get("mode") != "canary")
    needed = night.balance.valid_count - night.duplicate_count
    return max(asked - needed, 0)


def job_seconds(job: Job) -> float | None:
    """From submission to the booking of its answers."""
    begun, ended = job.get("submitted_at"), job.get("collected_at")
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds() if begun and ended else None


_PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGE.filters |= {
    function.__name__: function
    for function in (brief, count, percent, dollars, duration, amount, interval, words, long_date)
}


def render_report(night: Night) -> str:
    """The page for one night; equal nights give equal pages, and none shows a comment's text."""
    compared = drift(night.metrics)
    return _PAGE.get_template("report.html.j2").render(
        night=night,
        books=night.balance,
        headline=headline_accuracy(night.metrics),
        degraded=[row for row in compared.telling if row.state == State.DEGRADED],
        quality=quality(row for row in night.metrics if not rests_on_few(row)),
        thin_quality=quality(row for row in night.metrics if rests_on_few(row)),
        few_labels=_FEW_LABELS,
        unmeasured=[row for row in night.metrics if row.metric in QUALITY and number(row.value) is None],
        drift=compared,
        shown_drift=shown_count(compared.telling),
        jobs=job_order(night.jobs),
        statuses=list(dict.fromkeys((*Status, *night.statuses))),
        reasons=sorted(night.rejected, key=lambda reason: (-night.rejected[reason], reason)),
        source=SOURCES.get(night.estimate_source) if night.estimate_source else None,
        per_thousand=per_thousand(night.cost_usd, night.balance.verdict_count),
        quality_mark=quality_mark,
        drift_mark=drift_mark,
        job_seconds=job_seconds,
        is_compared=any(row.baseline is not None for row in compared.telling),
        asked_again=asked_again_count(night),
        nights_since=nights_since,
    )
