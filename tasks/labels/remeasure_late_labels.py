"""Stage: measure earlier days again whose labels came or changed since.

Labels come days after their comments, so most of what is known of a night's quality is known later; the alert of the
night that learns it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.lake import reading_lake
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.labels.cohorts import wait_is_over
from tasks.labels.day_accuracy import DayQuality, measure_quality_of
from tasks.labels.label_files import LabelsSeen, kept_seen, list_labels_of, load_seen, store_seen
from tasks.labels.overturns import overturns_are_over
from tasks.labels.pooled.window import write_quality
from tasks.ledger.nights import published_runs
from tasks.measure.metric_history import LABEL_DAYS
from tasks.measure.metrics_table import append_parts, kept_rows


class LateLabelsSummary(BaseModel):
    """Which earlier days were measured again, and what is degraded on them."""

    model_config = ConfigDict(frozen=True)

    looked_count: int
    remeasured: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    #: as for the night's own day
    warnings: tuple[str, ...] = ()


def days_to_measure(outside: Adapters, settings: Settings, published: Mapping[date, str], now: datetime) -> list[date]:
    """Published days whose labels are not those that the day was last measured with, or that wait for no more now.

    In order, so that each day is judged with what is known of those before it.
    """
    changed = []
    seen = load_seen(outside.storage, settings, published)
    files = list_labels_of(outside.storage, settings, published, seen)
    for day, verdicts_run_id in sorted(published.items()):
        objects = files[day].read
        before, now_there = seen.get(day), LabelsSeen.of(objects, DayPaths(settings, day), verdicts_run_id)
        if before is None:
            is_changed = bool(now_there.etags)
        else:
            is_over = not before.is_final and wait_is_over(day, objects, now)
            is_over = is_over or (before.waits_for_overturns and overturns_are_over(day, now))
            is_changed = is_over or not before.is_of(now_there)
        if is_changed:
            changed.append(day)
    return changed


@telling_stage
@reading_lake()
def remeasure_late_labels(
    settings: Settings, run_date: date, run_id: str, now: datetime, days: int = LABEL_DAYS
) -> LateLabelsSummary:
    """Measure the `days` days before `run_date` whose labels changed, then append all that the night has measured.

    One commit a night, so that the table's log stays short. A crash before it appends nothing, and the next run
    measures again; repeating it adds the same rows once more.

    Reads: the labels of the last 14 days, state/labels of the last 42, lake/nights, lake/verdicts, lake/metrics,
        work/metrics-drift, work/metrics-quality, work/labels-seen.
    Writes: lake/metrics in one commit; its plain objects, state/labels; confusion.json for the days whose labels
        changed; quality.json.
    Stops when: never.
    """
    outside, paths, one = adapters.connect(settings), RunPaths(settings, run_date, run_id), timedelta(days=1)
    nights = outside.lake.read(paths.lake(NIGHTS.name), NIGHTS)
    published = published_runs(nights, run_date - days * one, run_date - one)
    late: dict[date, DayQuality] = {}
    for day in days_to_measure(outside, settings, published, now):
        pending = [of_day.rows for of_day in late.values()]
        late[day] = measure_quality_of(outside, RunPaths(settings, day, run_id), published[day], now, pending)
    if parts := [*kept_rows(outside, paths), *(of_day.rows for of_day in late.values())]:
        append_parts(outside, paths, parts)
    seen = {day: of_day.seen for day, of_day in late.items()}
    if (tonight := kept_seen(outside.storage, paths)) is not None:
        seen[run_date] = tonight
    for day, labels in seen.items():
        store_seen(outside.storage, DayPaths(settings, day), labels)
    write_quality(outside.storage, paths)
    measured = [of_day.summary for of_day in late.values()]
    return LateLabelsSummary(
        looked_count=len(published),
        remeasured=tuple(str(summary.run_date) for summary in measured),
        degraded=tuple(f"{summary.run_date} {name}" for summary in measured for name in summary.degraded),
        warnings=tuple(f"{summary.run_date}: {warning}" for summary in measured for warning in summary.warnings),
    )
