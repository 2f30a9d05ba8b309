"""Stage: how often the verdicts agree with the labels that have come, with intervals that stay honest at small n.

Labels may come days later: the stage reads published verdicts, so any earlier day can be measured again by appending.
"""

from __future__ import annotations

from datetime import date, datetime

from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import telling_stage
from tasks.labels.day_accuracy import AccuracySummary, measure_quality_of
from tasks.labels.label_files import keep_seen
from tasks.measure.metrics_table import keep_rows


@telling_stage
@reading_lake()
def measure_accuracy(
    settings: Settings, run_date: date, run_id: str, verdicts_run_id: str, now: datetime
) -> AccuracySummary:
    """Measure the published verdicts by the day's labels and leave the rows for `remeasure_late_labels` to append.

    Repeating it is harmless.

    Reads: labels/date=D, lake/verdicts, lake/nights, lake/metrics.
    Writes: work/metrics-quality, work/labels-seen, confusion.json.
    Stops when: never.
    """
    outside, paths = adapters.connect(settings), RunPaths(settings, run_date, run_id)
    measured = measure_quality_of(outside, paths, verdicts_run_id, now)
    keep_rows(outside, paths, "quality", measured.rows)
    keep_seen(outside.storage, paths, measured.seen)
    return measured.summary
