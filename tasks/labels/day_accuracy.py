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
from data_contracts.tables.metrics import MetricRow, State, rows_of
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters import Adapters
from tasks.base.frames import scratch
from tasks.base.paths import RunPaths
from tasks.intake.input_files import describe_unread
from tasks.labels.cohorts import as_provisional, final_rows, has_enough, usual_count, wait_is_over
from tasks.labels.label_files import LabelsSeen, list_labels, read_labels, store_seen
from tasks.labels.pooled.cells import day_cells
from tasks.labels.quality import QUALITY, confusion_matrices, measure_quality
from tasks.labels.truth import Settled, settle
from tasks.measure.detect import Policy
from tasks.measure.judgement import Stamp, judge, measured_rows
from tasks.measure.measurement import ALL, Measurement, rate
from tasks.measure.metrics_table import QUALITY_NIGHTS, append_rows, read_evidence
from tasks.measure.night_policy import policy_of

LABEL_ERRORS = "label_error_rate"
PLANTED = f"source={LabelSource.PLANTED}"


class AccuracySummary(BaseModel):
    """The day's accuracy in a few numbers: of the sample, or of planted comments if no sample labels came.

    Attributes:
        state: of the sample's accuracy.
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
    errors = rate(LABEL_ERRORS, settled.error_count, settled.label_count, of="label rows", reason=reason)
    return [errors, *measure_quality(settled, seed=run_date.toordinal())]


def judge_quality(
    measured: Sequence[Measurement], stamp: Stamp, earlier: pl.DataFrame, policy: Policy, *, is_final: bool
) -> pl.DataFrame:
    """The day's quality rows, each with what the complete days before say of it.

    Columns: judgement.EVIDENCE and reason_code of `earlier` -> those of the metrics table.
    """
    rows = measured_rows(measured, stamp)
    if is_final:
        return judge(rows, final_rows(earlier), policy)
    is_quality = pl.col("metric").is_in(QUALITY)
    others = judge(rows.filter(~is_quality), final_rows(earlier), policy)
    return pl.concat([others, as_provisional(rows.filter(is_quality), usual_count(earlier))])


def summarise(run_date: date, settled: Settled, rows: Sequence[MetricRow]) -> AccuracySummary:
    """The accuracy to quote in a few numbers: the sample's, without one that of planted comments."""
    by_slice = {row.slice: row for row in rows if row.metric == "accuracy"}
    whole, planted = by_slice[ALL], by_slice.get(PLANTED)
    accuracy = planted if planted and whole.value is None else whole
    return AccuracySummary(
        run_date=run_date,
        label_count=settled.label_count,
        label_error_count=settled.error_count,
        slice=accuracy.slice,
        n=accuracy.n or 0,
        accuracy=accuracy.value,
        ci_low=accuracy.ci_low,
        ci_high=accuracy.ci_high,
        state=whole.state,
        degraded=tuple(f"{row.metric} {row.slice}" for row in rows if row.state is State.DEGRADED),
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
    run_date, listed = paths.run_date, list_labels(outside.storage, paths)
    objects = listed.read
    with scratch() as folder:
        files = read_labels(outside.storage, listed.read, paths.labels, Path(folder))
    verdicts = outside.lake.scan(paths.lake("verdicts"), VERDICTS).filter(pl.col("date") == run_date)
    settled = settle(files.labels, verdicts, files.lost_count)
    measured = measure_labels(settled, files.faults, run_date)
    stamp = Stamp(run_date, now, verdicts_run_id, paths.run_id)
    is_over = wait_is_over(run_date, objects, now)
    # Most nights have no labels yet: then there is nothing to compare, and a year need not be read.
    earlier = read_evidence(outside, paths, QUALITY_NIGHTS if objects or is_over else 0, pending)
    earlier = earlier.filter(pl.col("metric").is_in([*QUALITY, LABEL_ERRORS]))
    whole = next(item.n or 0 for item in measured if (item.metric, item.slice) == ("accuracy", ALL))
    is_complete = is_over or has_enough(whole, usual_count(earlier))
    rows = judge_quality(measured, stamp, earlier, policy_of(outside.storage, paths.settings), is_final=is_complete)
    warnings = (*files.faults, *describe_unread(listed, paths.labels))
    summary = summarise(run_date, settled, rows_of(rows)).model_copy(update={"warnings": warnings})
    matrices = [matrix.model_dump() for matrix in summary.confusion]
    outside.storage.put(paths.file("confusion.json"), json.dumps(matrices, indent=1).encode())
    seen = LabelsSeen.of(objects, paths, verdicts_run_id, is_final=is_complete, cells=day_cells(settled))
    return DayQuality(rows, seen, summary)


def measure_day(outside: Adapters, paths: RunPaths, verdicts_run_id: str, now: datetime) -> AccuracySummary:
    """Append what the labels that are there now say about the day's published verdicts, and note which they were."""
    found = measure_quality_of(outside, paths, verdicts_run_id, now)
    append_rows(outside, paths, found.rows)
    store_seen(outside.storage, paths, found.seen)
    return found.summary
