"""A day's accuracy from the labels that have come, whether the day is new or old."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.quality import ConfusionMatrix
from data_contracts.tables.label_requests import LABEL_REQUESTS
from data_contracts.tables.labels import LabelSource
from data_contracts.tables.metrics import MetricRow, State, rows_of
from data_contracts.tables.verdicts import VERDICTS
from tasks.adapters import Adapters
from tasks.base.frames import scratch
from tasks.base.paths import RunPaths
from tasks.intake.input_files import describe_unread
from tasks.labels.cohorts import as_provisional, final_rows, has_enough, usual_count, usual_words, wait_is_over
from tasks.labels.label_files import LabelsSeen, list_labels, read_labels, store_seen
from tasks.labels.overturns import OVERTURN_RATE, measure_overturns, overturns_are_over, overturns_are_used
from tasks.labels.pooled.cells import day_cells
from tasks.labels.progress.coverage import Coverage
from tasks.labels.quality import QUALITY, confusion_matrices, measure_quality
from tasks.labels.requests import latest_labels, read_requests
from tasks.labels.truth import Settled, is_usable, settle
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
        asked, answered: requests of the day's sample by stratum, where its labels answer any.
        strata_without_labels: of these, strata of which no request is answered.
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
    asked: dict[str, int] = {}
    answered: dict[str, int] = {}
    strata_without_labels: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def measure_labels(
    settled: Settled, faults: Sequence[str], run_date: date, coverage: Coverage | None = None
) -> list[Measurement]:
    """The share of labels that cannot be used, then every quality metric; what the sample lacks stands with the first.

    Args:
        settled: the day's labels against its verdicts.
        faults: label files that cannot be read.
        run_date: the day.
        coverage: of the day's requests, where there are any.
    """
    reason = "; ".join(faults) or None
    errors = rate(LABEL_ERRORS, settled.error_count, settled.label_count, of="label rows", reason=reason)
    measured = measure_quality(settled, seed=run_date.toordinal())
    if coverage is not None and (words := coverage.words()) is not None:
        measured = [
            replace(item, reason="; ".join(filter(None, [words, item.reason])))
            if (item.metric, item.slice) == ("accuracy", ALL)
            else item
            for item in measured
        ]
    return [errors, *measured]


class Waiting(NamedTuple):
    """What the labels of a day still wait for, in words; None for nothing.

    Attributes:
        labels: of the sample; as `as_provisional` takes it.
        overturns: of verdicts that people took back.
    """

    labels: str | None
    overturns: str | None


def judge_quality(
    measured: Sequence[Measurement], stamp: Stamp, earlier: pl.DataFrame, policy: Policy, waiting: Waiting
) -> pl.DataFrame:
    """The day's quality rows, each with what the complete days before say of it.

    Columns: judgement.EVIDENCE and reason_code of `earlier` -> those of the metrics table.
    """
    rows = measured_rows(measured, stamp)
    provisional = list[pl.DataFrame]()
    for metrics, words in ((QUALITY, waiting.labels), ((OVERTURN_RATE,), waiting.overturns)):
        if words is not None:
            is_one = pl.col("metric").is_in(metrics)
            provisional.append(as_provisional(rows.filter(is_one), words))
            rows = rows.filter(~is_one)
    return pl.concat([judge(rows, final_rows(earlier), policy), *provisional])


def summarise(
    run_date: date, settled: Settled, rows: Sequence[MetricRow], coverage: Coverage | None = None
) -> AccuracySummary:
    """The accuracy to quote in a few numbers: the sample's, without one that of planted comments."""
    by_slice = {row.slice: row for row in rows if row.metric == "accuracy"}
    whole, planted = by_slice[ALL], by_slice.get(PLANTED)
    accuracy = planted if planted and whole.value is None else whole
    told = coverage if coverage is not None and coverage.is_used else Coverage({}, {})
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
        asked=told.asked,
        answered=told.answered,
        strata_without_labels=told.bare,
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
    # Most days have no labels yet: then it does not matter what was asked.
    requests = read_requests(outside.lake, paths) if objects else LABEL_REQUESTS.empty()
    coverage = Coverage.of(requests, latest_labels(files.labels.filter(is_usable())))
    measured = measure_labels(settled, files.faults, run_date, coverage)
    stamp = Stamp(run_date, now, verdicts_run_id, paths.run_id)
    is_over = wait_is_over(run_date, objects, now)
    # Most nights have no labels yet: then there is nothing to compare, and a year need not be read.
    earlier = read_evidence(outside, paths, QUALITY_NIGHTS if objects or is_over else 0, pending)
    earlier = earlier.filter(pl.col("metric").is_in([*QUALITY, LABEL_ERRORS, OVERTURN_RATE]))
    is_used = overturns_are_used(settled, earlier)
    measured.append(measure_overturns(settled, _count_violations(verdicts) if is_used else 0, is_used=is_used))
    whole = next(item.n or 0 for item in measured if (item.metric, item.slice) == ("accuracy", ALL))
    waiting = _waiting(run_date, now, coverage, whole, usual_count(earlier), is_over=is_over, is_used=is_used)
    rows = judge_quality(measured, stamp, earlier, policy_of(outside.storage, paths.settings), waiting)
    warnings = (*files.faults, *describe_unread(listed, paths.labels))
    summary = summarise(run_date, settled, rows_of(rows), coverage).model_copy(update={"warnings": warnings})
    matrices = [matrix.model_dump() for matrix in summary.confusion]
    outside.storage.put(paths.file("confusion.json"), json.dumps(matrices, indent=1).encode())
    seen = LabelsSeen.of(objects, paths, verdicts_run_id, is_final=waiting.labels is None, cells=day_cells(settled))
    seen = seen.model_copy(update={"waits_for_overturns": waiting.overturns is not None})
    return DayQuality(rows, seen, summary)


def _waiting(
    run_date: date,
    now: datetime,
    coverage: Coverage,
    label_count: int,
    usual: float | None,
    *,
    is_over: bool,
    is_used: bool,
) -> Waiting:
    """What is still to come of a day: labels until enough of what was asked for is there, overturns for two weeks."""
    overturns = None if not is_used or overturns_are_over(run_date, now) else "overturned verdicts come for two weeks"
    if is_over:
        return Waiting(None, overturns)
    if coverage.is_used:
        came, asked = sum(coverage.answered.values()), sum(coverage.asked.values())
        return Waiting(None if coverage.is_complete else f"{came:,} of {asked:,} requests are answered", overturns)
    return Waiting(None if has_enough(label_count, usual) else usual_words(usual), overturns)


def _count_violations(verdicts: pl.LazyFrame) -> int:
    return int(verdicts.select(pl.col("violation").sum()).collect(engine="streaming").item() or 0)


def measure_day(outside: Adapters, paths: RunPaths, verdicts_run_id: str, now: datetime) -> AccuracySummary:
    """Append what the labels that are there now say about the day's published verdicts, and note which they were."""
    measured = measure_quality_of(outside, paths, verdicts_run_id, now)
    append_rows(outside, paths, measured.rows)
    store_seen(outside.storage, paths, measured.seen)
    return measured.summary
