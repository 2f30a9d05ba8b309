"""The last nights' quality as the deployment knows it: read from what each day was last measured with."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from data_contracts.documents.quality import QualityFigure, QualityReport
from tasks.adapters.storage import Storage
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.labels.label_files import load_seen
from tasks.labels.pooled.cells import cells_frame
from tasks.labels.pooled.figures import WINDOWS, pooled_quality
from tasks.measure.metric_history import LABEL_DAYS


def last_nights_quality(storage: Storage, settings: Settings, until: date) -> pl.DataFrame:
    """Quality over 1, 7 and 28 nights up to `until`, of the days whose labels are all there.

    Columns: those of `figures.FIGURES`. A window may end as many days before `until` as labels are waited for.
    """
    days = [until - timedelta(days=back) for back in range(max(WINDOWS) + LABEL_DAYS)]
    seen = load_seen(storage, settings, days)
    return pooled_quality(cells_frame({day: labels.cells for day, labels in seen.items() if labels.is_final}), until)


def write_quality(storage: Storage, paths: RunPaths) -> None:
    """Leave the figures in the run's folder, for the report and for whoever reads the night later."""
    figures = last_nights_quality(storage, paths.settings, paths.run_date)
    rows = tuple(QualityFigure.model_validate(row) for row in figures.iter_rows(named=True))
    body = QualityReport(date=paths.run_date, figures=rows).model_dump_json(indent=1)
    storage.put(paths.file("quality.json"), body.encode())
