"""What each of the last 28 days amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.plan import PlannedChampion
from data_contracts.documents.trust import Trust
from data_contracts.tables.metrics import MetricRow, ReasonCode, State
from data_contracts.tables.verdicts import Status
from tasks.base.figures import number
from tasks.measure.detect.rules import Group, rule_of
from tasks.reports.ending import Ending, describe_end
from tasks.reports.open_alerts import OpenAlert
from tasks.reports.report_parts import headline_accuracy
from tasks.reports.trail import PublishedNight, Trail


class DayState(StrEnum):
    """How a day stands."""

    PUBLISHED = "published"
    #: published, and something that is measured is not as it should be
    DEGRADED = "degraded"
    #: published, and comments lack a verdict
    PARTIAL = "partial"
    RUNNING = "running"
    STOPPED = "stopped"
    NOT_PUBLISHED = "not_published"


_ENDINGS = {None: DayState.PUBLISHED, Ending.DEGRADED: DayState.DEGRADED, Ending.PARTIAL: DayState.PARTIAL}


class Day(BaseModel):
    """One day. All but `date`, `state` and `reason` is null where the day is not published.

    Attributes:
        reason: why it stopped, by the name of the error.
        judged_share: share of the verdicts that say something; null where there are none.
        accuracy: of the sample, else of planted labels: `labels` says of which; with its 95 % interval.
        is_provisional: whether more labels of the day are to come.
        alerts: groups in which something is not as it should be.
        labels_asked: comments of the day that people were asked to label; null if nobody was asked.
        labels_answered: comments of the sample that have a usable label.
    """

    model_config = ConfigDict(frozen=True)

    date: date
    state: DayState
    reason: str | None = None
    run_id: str | None = None
    is_balanced: bool | None = None
    verdict_count: int | None = None
    judged_count: int | None = None
    judged_share: float | None = None
    violation_count: int | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    accuracy_n: int | None = None
    labels: str | None = None
    is_provisional: bool = False
    cost_usd: float | None = None
    estimated_cost_usd: float | None = None
    alerts: tuple[str, ...] = ()
    labels_asked: int | None = None
    labels_answered: int | None = None
    model_id: str | None = None
    prompt_version: str | None = None


class Overview(BaseModel):
    """The 28 days that end with the last day on record, the newest first.

    Attributes:
        trust: of the newest published day; null where that is not known.
        trust_day: that day.
        open_alerts: what is open now.
        champion: which champion judged the newest published day; null where the settings named prompt and model.
    """

    model_config = ConfigDict(frozen=True)

    last: date
    days: tuple[Day, ...]
    trust: Trust | None = None
    trust_day: date | None = None
    open_alerts: tuple[OpenAlert, ...] = ()
    champion: PlannedChampion | None = None


def days_of(trail: Trail, unpublished: Mapping[date, Day] | None = None) -> tuple[Day, ...]:
    """The days of a trail, the newest first; what is known of those that are not published is handed in."""
    nights = {night.date: night for night in trail.nights}
    rows: dict[date, list[MetricRow]] = {day: [] for day in trail.days}
    for row in trail.rows:
        rows.setdefault(row.date, []).append(row)
    return tuple(
        _published(nights[day], rows[day], trail.asked.get(day))
        if day in nights
        else (unpublished or {}).get(day, Day(date=day, state=DayState.NOT_PUBLISHED))
        for day in trail.days
    )


def ringing_groups(rows: Sequence[MetricRow]) -> tuple[str, ...]:
    """Groups in which something is not as it should be, in the order in which an operator looks."""
    found = {rule_of(row.metric).group for row in rows if row.rings}
    return tuple(str(group) for group in Group if group in found)


def _published(night: PublishedNight, rows: Sequence[MetricRow], asked: int | None) -> Day:
    end = describe_end([row for row in rows if row.state is State.DEGRADED], night.statuses, night.verdict_count)
    accuracy, labels = headline_accuracy(rows)
    sample = next((row for row in rows if row.metric == "accuracy" and row.slice == "all"), None)
    judged = night.statuses[Status.JUDGED]
    return Day(
        date=night.date,
        state=_ENDINGS[end.ending],
        run_id=night.run_id,
        is_balanced=night.is_balanced,
        verdict_count=night.verdict_count,
        judged_count=judged,
        judged_share=judged / night.verdict_count if night.verdict_count else None,
        violation_count=night.violation_count,
        accuracy=number(accuracy.value) if accuracy else None,
        accuracy_low=number(accuracy.ci_low) if accuracy else None,
        accuracy_high=number(accuracy.ci_high) if accuracy else None,
        accuracy_n=accuracy.n if accuracy else None,
        labels=labels if accuracy else None,
        is_provisional=accuracy is not None and accuracy.reason_code == ReasonCode.PROVISIONAL,
        cost_usd=night.cost_usd,
        estimated_cost_usd=night.estimated_cost_usd,
        alerts=ringing_groups(rows),
        labels_asked=asked,
        labels_answered=(sample.n or 0) if sample else 0,
        model_id=night.model_id,
        prompt_version=night.prompt_version,
    )
