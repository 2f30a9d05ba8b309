"""A day's accuracy from the labels that have come, whether the day is new or old."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.confusion import ConfusionMatrix
from data_contracts.tables.labels import LabelSource
from data_contracts.tables.metrics import State
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters import Adapters
from tasks.base.frames import scratch
from tasks.base.paths import RunPaths
from tasks.base.settings import Thresholds
from tasks.intake.input_files import describe_unread
from tasks.labels.label_files import LabelsSeen, list_labels, read_labels, store_seen
from tasks.labels.quality import confusion_matrices, measure_quality
from tasks.labels.truth import Settled, settle
from tasks.measure.baselines import Comparison, compare
from tasks.measure.intervals import Interval, effective_count
from tasks.measure.judgement import Stamp, metric_rows
from tasks.measure.measurement import ALL, Measurement, rate
from tasks.measure.metric_history import History, Reading, Row
from tasks.measure.metric_rules import RULES
from tasks.measure.metrics_table import append_rows, read_history

PLANTED = f"source={LabelSource.PLANTED}"


class AccuracySummary(BaseModel):
    """The day's accuracy in a few numbers: of the sample, or of planted comments if no sample can tell.

    Attributes:
        rated_twice_count: comments that several raters labelled.
        agreed_count: of those, comments on which all agree.
        kappa: their agreement beyond chance; None if no two raters share enough comments.
        confusion: of every slice that has a label.
        warnings: label files that cannot be read, and objects that are none.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    label_count: int
    label_error_count: int
    slice: str
    n: int
    accuracy: float | None
    ci_low: float | None
    ci_high: float | None
    state: State
    degraded: tuple[str, ...]
    rated_twice_count: int
    agreed_count: int
    kappa: float | None
    confusion: tuple[ConfusionMatrix, ...]
    warnings: tuple[str, ...] = ()


def measure_labels(settled: Settled, faults: Sequence[str], run_date: date) -> list[Measurement]:
    """The share of labels that cannot be used, then every quality metric."""
    reason = "; ".join(faults) or None
    errors = rate("label_error_rate", settled.error_count, settled.label_count, of="label rows", reason=reason)
    return [errors, *measure_quality(settled, seed=run_date.toordinal())]


def judge_quality(
    measured: Sequence[Measurement], run_date: date, history: History, limits: Thresholds
) -> list[tuple[Measurement, Comparison]]:
    """Each measurement with its state; only accuracy and label errors can be degraded.

    Accuracy is judged on the sample; where the sample is too small to tell, on planted comments.
    """
    judged_slice = _judged_slice(measured, limits)
    return [(item, _judge(item, run_date, history, limits, judged_slice)) for item in measured]


def _judged_slice(measured: Sequence[Measurement], limits: Thresholds) -> str:
    sample_count = next((item.n or 0 for item in measured if (item.metric, item.slice) == ("accuracy", ALL)), 0)
    return ALL if sample_count >= limits.min_labels else PLANTED


def _judge(item: Measurement, run_date: date, history: History, limits: Thresholds, judged_slice: str) -> Comparison:
    if item.value is None or item.n is None or item.interval is None:
        return Comparison(State.NO_DATA)
    if item.metric == "label_error_rate":
        is_broken = item.interval.low > limits.max_label_error_fraction
        return _over_limit(f"more than {limits.max_label_error_fraction:.1%}") if is_broken else Comparison(State.OK)
    if item.n < limits.min_labels:
        return Comparison(State.CANNOT_TELL, f"{item.n} labelled comments, {limits.min_labels} are needed")
    if item.metric != "accuracy" or item.slice != judged_slice:
        return Comparison(State.OK)
    tonight = Reading(run_date, item.value, effective_count(item.interval, item.n))
    earlier = history.readings(item.metric, item.slice, limits, count=_effective_count)
    found = compare(tonight, earlier, RULES[item.metric], limits)
    if item.interval.high < limits.min_accuracy:
        reason = f"the whole interval lies below {limits.min_accuracy:.1%}"
        return found._replace(state=State.DEGRADED, reason=reason)
    return found


def _over_limit(reason: str) -> Comparison:
    return Comparison(State.DEGRADED, reason)


def _effective_count(row: Row) -> float:
    return effective_count(Interval(row["ci_low"], row["ci_high"]), float(row["n"]))


def summarise(
    run_date: date, settled: Settled, judged: Sequence[tuple[Measurement, Comparison]], limits: Thresholds
) -> AccuracySummary:
    """The accuracy that was judged, in a few numbers."""
    measured = [item for item, _ in judged]
    wanted = _judged_slice(measured, limits)
    by_slice = {item.slice: (item, found) for item, found in judged if item.metric == "accuracy"}
    accuracy, found = by_slice.get(wanted, by_slice[ALL])
    return AccuracySummary(
        run_date=run_date,
        label_count=settled.label_count,
        label_error_count=settled.error_count,
        slice=accuracy.slice,
        n=accuracy.n or 0,
        accuracy=accuracy.value,
        ci_low=accuracy.interval.low if accuracy.interval else None,
        ci_high=accuracy.interval.high if accuracy.interval else None,
        state=found.state,
        degraded=tuple(f"{item.metric} {item.slice}" for item, state in judged if state.state is State.DEGRADED),
        rated_twice_count=settled.rated_twice_count,
        agreed_count=settled.rated_twice_count - settled.disputed_count,
        kappa=settled.kappa.value if settled.kappa else None,
        confusion=tuple(confusion_matrices(settled)),
    )


class DayQuality(NamedTuple):
    """What the labels of a day say about its published verdicts.

    Attributes:
        rows: for the metrics table.
        seen: which labels they rest on; to be noted once the rows are in the table.
        summary: in a few numbers.
    """

    rows: pl.DataFrame
    seen: LabelsSeen
    summary: AccuracySummary


def measure_quality_of(
    outside: Adapters, paths: RunPaths, verdicts_run_id: str, now: datetime, pending: Sequence[pl.DataFrame] = ()
) -> DayQuality:
    """Measure the day by the labels that are there now; `pending` are rows of earlier days, not appended yet."""
    limits, run_date = paths.settings.thresholds, paths.run_date
    history, listed = read_history(outside, paths, pending), list_labels(outside.storage, paths)
    with scratch() as folder:
        files = read_labels(outside.storage, listed.read, paths.labels, Path(folder))
    verdicts = outside.lake.scan(paths.lake("verdicts"), VERDICTS).filter(pl.col("date") == run_date)
    settled = settle(files.labels, verdicts, files.lost_count)
    judged = judge_quality(measure_labels(settled, files.faults, run_date), run_date, history, limits)
    warnings = (*files.faults, *describe_unread(listed, paths.labels))
    summary = summarise(run_date, settled, judged, limits).model_copy(update={"warnings": warnings})
    matrices = [matrix.model_dump() for matrix in summary.confusion]
    outside.storage.put(paths.file("confusion.json"), json.dumps(matrices, indent=1).encode())
    rows = metric_rows(judged, history, Stamp(run_date, now, verdicts_run_id, paths.run_id))
    return DayQuality(rows, LabelsSeen.of(listed.read, paths, verdicts_run_id), summary)


def measure_day(outside: Adapters, paths: RunPaths, verdicts_run_id: str, now: datetime) -> AccuracySummary:
    """Append what the labels that are there now say about the day's published verdicts, and note which they were."""
    found = measure_quality_of(outside, paths, verdicts_run_id, now)
    append_rows(outside, paths, found.rows)
    store_seen(outside.storage, paths, found.seen)
    return found.summary
