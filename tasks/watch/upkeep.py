"""Once a year or more often: the table that every night appends to is made small again."""

from __future__ import annotations

from datetime import datetime, timedelta

from data_contracts.tables.metrics import METRICS
from tasks import adapters
from tasks.adapters.lake_upkeep import Size, measure_table, tidy_table
from tasks.base.paths import lake
from tasks.base.settings import Settings
from tasks.measure.metric_history import LABEL_DAYS


def compact_metrics(settings: Settings, now: datetime) -> str:
    """Compact `lake/metrics` but for the days that labels are still waited for; one line on what that came to.

    Raises:
        StorageUnavailable: if S3 does not answer, or a night changed the table at the same moment: try it again.
    """
    outside, uri = adapters.connect(settings), lake(settings, METRICS.name)
    before = measure_table(outside.lake, outside.storage, uri)
    tidy_table(outside.lake, outside.storage, uri, now.astimezone(settings.zone).date() - timedelta(days=LABEL_DAYS))
    after = measure_table(outside.lake, outside.storage, uri)
    return f"lake/{METRICS.name}: {_told(before)} before, {_told(after)} now; every row and version is still there"


def _told(size: Size) -> str:
    return f"{size.file_count:,} files and {size.log_bytes / 1e6:.1f} MB of log"
