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
from tasks.labels.day_accuracy import AccuracySummary, measure_day


@telling_stage
@reading_lake()
def measure_accuracy(
    settings: Settings, run_date: date, run_id: str, verdicts_run_id: str, now: datetime
) -> AccuracySummary:
    """Append what the day's labels say about its published verdicts; repeating it is harmless.

    Reads: labels/date=D, lake/verdicts, lake/nights, lake/metrics.
    Writes: lake/metrics and its plain object, confusion.json, state/labels.
    Stops when: never.
    """
    return measure_day(adapters.connect(settings), RunPaths(settings, run_date, run_id), verdicts_run_id, now)
