"""A day's inputs and outputs measured, and compared with the nights before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict

from data_contracts.tables.metrics import State
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.adapters.stores.object_store import changed
from tasks.base.frames import scan_file, scratch
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.settings import Settings
from tasks.measure.judgement import Stamp, judge_all, metric_rows
from tasks.measure.measurement import Measurement
from tasks.measure.metric_history import History
from tasks.measure.metrics_table import append_rows, read_history
from tasks.measure.night_numbers import (
    known_products,
    measure_inputs,
    measure_outputs,
    named_languages,
    summarise_comments,
    summarise_verdicts,
)
from tasks.measure.vocabulary import collecting, collects, measure_oov, sample_batches, shared_tokens


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
    """Everything but the vocabulary; a night without comments has a volume of 0 and no rates."""
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
    for name, file in zip(names, files, strict=True):
        storage.fetch(paths.work(name), file)
    return [scan_file(file) for file in files]


def _measure_words(
    storage: Storage, settings: Settings, run_date: date, valid: pl.LazyFrame, folder: str
) -> Measurement:
    """Collect the day's words while the vocabulary is young, measure against it afterwards."""
    needed, count = settings.baseline_days, int(valid.select(pl.len()).collect().item())
    paths = DayPaths(settings, run_date)
    stored = storage.list(paths.vocabularies)
    days = {date.fromisoformat(Path(item.uri).stem) for item in stored}
    if collects(days, run_date, needed):
        file = Path(folder) / "vocabulary.parquet"
        shared_tokens(sample_batches(valid, count)).write_parquet(file)
        storage.send(file, paths.vocabulary())
        return collecting(len(days | {run_date}), needed)
    words = set[str]()
    for item, body in zip(stored, storage.read_listed(stored), strict=True):
        if body is None:
            raise changed(item.uri)
        words |= set(pl.read_parquet(BytesIO(body), hive_partitioning=False)["token"])
    return measure_oov(sample_batches(valid, count), pl.Series("token", sorted(words), dtype=pl.String()))


class DayDrift(NamedTuple):
    """A day's inputs and outputs as rows of the metrics table, and in a few numbers."""

    rows: pl.DataFrame
    summary: DriftSummary


def measure_frames_of(outside: Adapters, paths: RunPaths, verdicts_run_id: str, now: datetime) -> DayDrift:
    """What the scratch frames of a run say about its day, each with what earlier nights say about it."""
    settings, run_date, history = paths.settings, paths.run_date, read_history(outside, paths)
    with scratch() as folder:
        valid, rejected, verdicts = _fetch(outside.storage, paths, ("valid", "rejected", "verdicts"), folder)
        measured = measure_frames(valid, rejected, verdicts, history)
        measured.append(_measure_words(outside.storage, settings, run_date, valid, folder))
    judged = judge_all(measured, run_date, history, settings.thresholds)
    rows = metric_rows(judged, history, Stamp(run_date, now, verdicts_run_id, paths.run_id))
    return DayDrift(rows, summarise(run_date, history, rows))


def measure_run(outside: Adapters, paths: RunPaths, verdicts_run_id: str, now: datetime) -> DriftSummary:
    """Append what the scratch frames of a run say about its day."""
    found = measure_frames_of(outside, paths, verdicts_run_id, now)
    append_rows(outside, paths, found.rows)
    return found.summary
