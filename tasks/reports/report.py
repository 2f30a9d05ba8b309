"""A night's report: one HTML page that opens anywhere, without the network and without scripts.

The page itself is page/report.html.j2 and its parts; what each part shows is made in `report_blocks`. Slices (product
ids) and Bedrock's messages come from outside, so everything is escaped, and what a page or a terminal would obey
without showing it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.quality import QualityFigure
from data_contracts.tables.metrics import MetricRow, State
from data_contracts.tables.verdicts import Status
from tasks.base.figures import count, number, p_value, per_thousand, percent
from tasks.base.ports import JobStatus
from tasks.base.safe_text import brief
from tasks.reports.charts.series import Span
from tasks.reports.open_alerts import OpenAlert
from tasks.reports.overview.days import days_of
from tasks.reports.overview.lines import KEY, cells, headings
from tasks.reports.report_blocks import draw_charts, golden_rows, people_of, pooled_rows, spent_in
from tasks.reports.report_parts import (
    FEW_LABELS,
    QUALITY,
    SOURCES,
    drift,
    drift_mark,
    headline_accuracy,
    nights_since,
    quality,
    quality_mark,
    rests_on_few,
    shown,
)
from tasks.reports.trail import Trail
from tasks.reports.trust import degraded_rows
from tasks.reports.words.say import say_in

if TYPE_CHECKING:
    from data_contracts.documents.summary import Night
from data_contracts.documents.why import Why


class Surroundings(BaseModel):
    """What a report shows beside its own night.

    Attributes:
        trail: the nights before; None: nothing is known of them.
        standing: how things stand tonight, of quality what the newest day that could tell says; None: the night's rows.
        figures: quality over 1, 7 and 28 nights.
        events: announced days.
        alerts: what is open.
        why: the changes of the violation rate, split up, and whether the judge moved; None: not measured.
    """

    model_config = ConfigDict(frozen=True)

    trail: Trail | None = None
    standing: tuple[MetricRow, ...] | None = None
    figures: tuple[QualityFigure, ...] = ()
    events: tuple[Span, ...] = ()
    alerts: tuple[OpenAlert, ...] = ()
    why: Why | None = None


#: "Did the model change, or our traffic?": whether the golden pack, whose texts stay, is answered otherwise.
JUDGE_MOVES = {
    True: "The judge changed: the golden pack, whose texts stay, is answered otherwise than before.",
    False: "The judge did not change: the golden pack is answered as before. What moves is the traffic.",
    None: "Whether the judge or the traffic changed cannot be told: there is no earlier golden pack to compare with.",
}

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


@cache
def _page(language: str) -> Environment:
    """The page's templates in a language."""
    folder, say = Path(__file__).parent / "page", say_in(language)
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "_": say,
        "say": say,
        "style": Markup((folder / "style.css").read_text(encoding="utf-8")),
        "quality_mark": quality_mark,
        "drift_mark": drift_mark,
        "job_seconds": job_seconds,
        "judge_moves": JUDGE_MOVES,
        "nights_since": nights_since,
    }
    environment.filters |= {function.__name__: function for function in (brief, count, p_value, percent)}
    environment.filters |= {
        function.__name__: function for function in (say.amount, say.interval, say.dollars, say.duration)
    }
    environment.filters |= {"words": say.metric, "why": say.why, "long_date": say.long_date}
    return environment


def render_report(night: Night, around: Surroundings = Surroundings(), language: str = "en") -> str:
    """The page for one night; equal nights give equal pages, and none shows a comment's text."""
    say, compared = say_in(language), drift(night.metrics)
    run_date = date.fromisoformat(night.run_date)
    trail = around.trail or Trail(last=run_date)
    days = days_of(trail)
    degraded = degraded_rows(night.metrics if around.standing is None else around.standing)
    return (
        _page(language)
        .get_template("report.html.j2")
        .render(
            night=night,
            trust=night.trust,
            books=night.balance,
            headline=headline_accuracy(night.metrics),
            degraded=degraded,
            degraded_tonight=[row for row in compared.telling if row.state is State.DEGRADED],
            is_compared=any(row.baseline is not None for row in compared.telling),
            charts=draw_charts(trail, around.events, say),
            pooled=pooled_rows(around.figures),
            last_labelled=max((figure.last for figure in around.figures), default=None),
            quality=quality(row for row in night.metrics if not rests_on_few(row)),
            thin_quality=quality(row for row in night.metrics if rests_on_few(row)),
            few_labels=FEW_LABELS,
            unmeasured=[row for row in night.metrics if row.metric in QUALITY and number(row.value) is None],
            golden=golden_rows(night.metrics, say),
            why=around.why,
            people=people_of(days, night.metrics, around.alerts),
            spent=spent_in(trail),
            headings=headings(say),
            key=KEY,
            day_cells=[cells(day, say) for day in days] if trail.nights else [],
            published_count=len(trail.nights),
            drift=compared,
            jobs=job_order(night.jobs),
            statuses=list(dict.fromkeys((*Status, *night.statuses))),
            reasons=sorted(night.rejected, key=lambda reason: (-night.rejected[reason], reason)),
            source=SOURCES.get(night.estimate_source) if night.estimate_source else None,
            per_thousand=per_thousand(night.cost_usd, night.balance.verdict_count),
            asked_again=asked_again_count(night),
        )
    )
