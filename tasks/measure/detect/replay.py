"""From a history to the answer: both judges, then the rules that need no history, then words."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.measure.detect import fixed, night_cells
from tasks.measure.detect.charts import charts_of, is_counted, labels_of
from tasks.measure.detect.history import read_history
from tasks.measure.detect.labelled import cells
from tasks.measure.detect.labelled.errors import judge_labels
from tasks.measure.detect.nights import judge_nights
from tasks.measure.detect.policy import Policy
from tasks.measure.detect.sheet import Sheet


def replay(history: pl.DataFrame, policy: Policy | None = None) -> pl.DataFrame:
    """A row for every night and every chart seen up to it, each from the nights up to its own alone.

    Columns: date, metric, slice, kind, x, n, mean, variance -> date, metric, slice, state, severity, effect, baseline,
    threshold, since, statistic, evidence, evidence_limit, method, reason_code, reason; by date, metric and slice.

    Raises:
        ValueError: a column of the key or `kind` is missing.
    """
    policy = policy or Policy()
    seen = read_history(history)
    sheet = Sheet.blank(len(seen.charts), len(seen.dates))
    counted = [chart for chart in range(len(seen.charts)) if is_counted(seen, chart)]
    compared = [chart for chart in range(len(seen.charts)) if chart not in set(counted)]
    with np.errstate(all="ignore"):
        if compared and seen.dates:
            charts = charts_of(seen, policy, compared)
            night_cells.fill(sheet, seen, policy, compared, charts, judge_nights(charts))
        if counted and seen.dates:
            labels = labels_of(seen, policy, counted)
            cells.fill(sheet, seen, policy, counted, labels, judge_labels(labels))
        fixed.fill(sheet, seen, policy)
    return sheet.frame(seen)


def detect(history: pl.DataFrame, policy: Policy | None = None) -> pl.DataFrame:
    """The rows of `replay` for the last night of the history."""
    found = replay(history, policy)
    return found.filter(pl.col("date") == pl.col("date").max())
