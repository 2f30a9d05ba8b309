"""A day's inputs and outputs measured, and compared with the nights before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.metrics import State
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.base.frames import scan_file, scratch
from tasks.base.paths import RunPaths
from tasks.measure.first_days import measure_texts
from tasks.measure.judgement import Stamp, judge, measured_rows
from tasks.measure.measurement import Measurement
from tasks.measure.metric_history import History, quality_metrics
from tasks.measure.metrics_table import DRIFT_NIGHTS, append_rows, read_evidence, read_history
from tasks.measure.night_numbers import (
    known_products,
    measure_inputs,
    measure_outputs,
    named_languages,
    summarise_comments,
    summarise_verdicts,
)
from tasks.measure.night_policy import policy_of
from tasks.measure.why.cells import count_cells


class DriftSummary(BaseModel):
    """How many measurements were made, and which of them are degraded."""

    model_config = ConfigDict(frozen=True)

    run_date: date
    baseline_nights: int
    measured_count: int
    state_counts: dict[str, int]
    degraded: tuple[str, ...]


def measure_frames(
    valid: pl.LazyFrame, rejected: pl.LazyFrame, verdicts: pl.LazyFrame, history: History
) -> list[Measurement]:
    """Everything but words and texts; a night without comments has a volume of 0 and no rates."""
    rejected_count = int(rejected.select(pl.len()).collect(engine="streaming").item())
    inputs = measure_inputs(summarise_comments(valid, known_products(history)), rejected_count, history)
    return inputs + measure_outputs(summarise_verdicts(verdicts), named_languages(inputs), history)


def summarise(run_date: date, history: History, rows: pl.DataFrame) -> DriftSummary:
    """The rows in a few numbers."""
    degraded = rows.filter(pl.col("state") == State.DEGRADED).sort("metric", "slice")
    return DriftSummary(
        run_date=run_date,
        baseline_nights=len(history.days),
        measured_count=len(rows),
        state_counts=dict(rows.group_by("state").len().sort("state").iter_rows()),
        degraded=tuple(f"{metric} {part}" for metric, part in degraded.select("metric", "slice").iter_rows()),
    )


def _fetch(storage: Storage, paths: RunPaths, names: Sequence[str], folder: str) -> list[pl.LazyFrame]:
    files = [Path(folder) / f"{name}.parquet" for name in names]
    storage.fetch_all([(paths.work(name), file) for name, file in zip(names, files, strict=True)])
    return [scan_file(file) for file in files]


class DayDrift(NamedTuple):
    """A day's inputs and outputs as rows of the metrics table, and in a few numbers."""

    rows: pl.DataFrame
    summary: DriftSummary


def measure_frames_of(outside: Adapters, paths: RunPaths, verdicts_run_id: str, now: datetime) -> DayDrift:
    """What the scratch frames of a run say about its day, each with what earlier nights say about it."""
    run_date, history = paths.run_date, read_history(outside, paths)
    with scratch() as folder:
        valid, rejected, verdicts = _fetch(outside.storage, paths, ("valid", "rejected", "verdicts"), folder)
        measured = measure_frames(valid, rejected, verdicts, history)
        measured += measure_texts(outside.storage, paths, valid, Path(folder))
        counted = count_cells(verdicts, run_date, verdicts_run_id)
    outside.storage.put(paths.cells(), counted.model_dump_json().encode())
    earlier = read_evidence(outside, paths, DRIFT_NIGHTS)
    is_quality = pl.col("metric").is_in(quality_metrics(earlier))
    stamp = Stamp(run_date, now, verdicts_run_id, paths.run_id)
    tonight = measured_rows(measured, stamp)
    comparable = earlier.filter(~is_quality | pl.col("metric").is_in(tonight["metric"].unique().implode()))
    rows = judge(tonight, comparable, policy_of(outside.storage, paths.settings))
    return DayDrift(rows, summarise(run_date, history, rows))


def measure_run(outside: Adapters, paths: RunPaths, verdicts_run_id: str, now: datetime) -> DriftSummary:
    """Append what the scratch frames of a run say about its day."""
    found = measure_frames_of(outside, paths, verdicts_run_id, now)
    append_rows(outside, paths, found.rows)
    return found.summary
