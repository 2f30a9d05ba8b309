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
from tasks.labels.day_accuracy import measure_day
from tasks.labels.label_files import LabelsSeen, list_labels_of, load_seen
from tasks.ledger.nights import published_runs
from tasks.measure.metric_history import LABEL_DAYS


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
        before, found = seen.get(day), LabelsSeen.of(objects, DayPaths(settings, day), verdicts_run_id)
        if before is None:
            is_changed = bool(found.etags)
        else:
            is_over = not before.is_final and wait_is_over(day, objects, now)
            is_changed = is_over or not before.is_of(found)
        if is_changed:
            changed.append(day)
    return changed


@telling_stage
@reading_lake()
def remeasure_late_labels(
    settings: Settings, run_date: date, run_id: str, now: datetime, days: int = LABEL_DAYS
) -> LateLabelsSummary:
    """Append what new labels say about the published verdicts of the `days` days before `run_date`.

    Reads: the labels of the last 14 days, state/labels, lake/nights, lake/verdicts, lake/metrics.
    Writes: as measure_accuracy, for the days whose labels changed.
    Stops when: never.
    """
    outside, one = adapters.connect(settings), timedelta(days=1)
    nights = outside.lake.read(DayPaths(settings, run_date).lake(NIGHTS.name), NIGHTS)
    published = published_runs(nights, run_date - days * one, run_date - one)
    measured = [
        measure_day(outside, RunPaths(settings, day, run_id), published[day], now)
        for day in days_to_measure(outside, settings, published, now)
    ]
    return LateLabelsSummary(
        looked_count=len(published),
        remeasured=tuple(str(summary.run_date) for summary in measured),
        degraded=tuple(f"{summary.run_date} {name}" for summary in measured for name in summary.degraded),
        warnings=tuple(f"{summary.run_date}: {warning}" for summary in measured for warning in summary.warnings),
    )
