"""The contract's two functions: read the history, ask both judges, then the rules that need no history, then words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from tasks.measure.detect import fixed, night_cells
from tasks.measure.detect.charts import charts_of, is_counted, labels_of
from tasks.measure.detect.history import History, read_history
from tasks.measure.detect.labelled import cells
from tasks.measure.detect.labelled.baseline import Labels
from tasks.measure.detect.labelled.errors import Found, judge_labels
from tasks.measure.detect.nights import Charts, Judged, judge_nights
from tasks.measure.detect.policy import Policy
from tasks.measure.detect.sheet import Sheet


class NightsJudged(NamedTuple):
    """Charts that are compared night against night: their rows in the history, what was judged, what was found."""

    rows: list[int]
    charts: Charts
    judged: Judged


class ErrorsJudged(NamedTuple):
    """The same of charts whose errors are counted exactly."""

    rows: list[int]
    labels: Labels
    found: Found


class Judgement(NamedTuple):
    """A history, the policy, and what each judge found; None where it has no chart.

    Read once, for the answer and for what it is worth.
    """

    history: History
    policy: Policy
    nights: NightsJudged | None
    errors: ErrorsJudged | None


def replay(history: pl.DataFrame, policy: Policy | None = None) -> pl.DataFrame:
    """A row for every night and every chart seen up to it, each from the nights up to its own alone.

    Columns: date, metric, slice, kind, x, n, mean, variance -> date, metric, slice, state, severity, effect, baseline,
    threshold, since, statistic, evidence, evidence_limit, method, reason_code, reason; by date, metric and slice.

    Raises:
        ValueError: a column of the key or `kind` is missing.
    """
    return replay_of(judge_history(history, policy or Policy()))


def replay_of(judgement: Judgement) -> pl.DataFrame:
    """The same of a history that was judged."""
    seen, policy, nights, errors = judgement
    sheet = Sheet.blank(len(seen.charts), len(seen.dates))
    with np.errstate(all="ignore"):
        if nights is not None:
            night_cells.fill(sheet, seen, policy, *nights)
        if errors is not None:
            cells.fill(sheet, seen, policy, *errors)
        fixed.fill(sheet, seen, policy)
    return sheet.frame(seen)


def detect(history: pl.DataFrame, policy: Policy | None = None) -> pl.DataFrame:
    """The rows of `replay` for the last night of the history."""
    return last_night(replay(history, policy))


def last_night(found: pl.DataFrame) -> pl.DataFrame:
    """The rows of the last night of an answer."""
    return found.filter(pl.col("date") == pl.col("date").max())


def judge_history(history: pl.DataFrame, policy: Policy) -> Judgement:
    """Read and judge a history.

    Raises:
        ValueError: a column of the key or `kind` is missing.
    """
    seen = read_history(history)
    counted = [chart for chart in range(len(seen.charts)) if is_counted(seen, chart)]
    compared = [chart for chart in range(len(seen.charts)) if not is_counted(seen, chart)]
    nights, errors = None, None
    with np.errstate(all="ignore"):
        if compared and seen.dates:
            charts = charts_of(seen, policy, compared)
            nights = NightsJudged(compared, charts, judge_nights(charts))
        if counted and seen.dates:
            labels = labels_of(seen, policy, counted)
            errors = ErrorsJudged(counted, labels, judge_labels(labels))
    return Judgement(seen, policy, nights, errors)
