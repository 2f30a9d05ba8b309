"""The metrics table in the lake: read for the earlier nights, appended to by both measuring stages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import polars as pl

from data_contracts.tables.metrics import METRICS, ReasonCode, State
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths, RunPaths, lake
from tasks.base.settings import Settings
from tasks.measure.detect.baseline import GUARD, WINDOW
from tasks.measure.judgement import evidence_of
from tasks.measure.metric_history import LABEL_DAYS, History, earlier_days, latest_rows, standing_rows

#: Nights that inputs, outputs and pipeline are judged from: twice the detector's baseline, so that evidence has had as
#: long to add up as it takes to be learnt.
DRIFT_NIGHTS = 2 * (WINDOW + GUARD)
#: Nights that quality is judged from: its baseline is all that came before, here a year and a month.
QUALITY_NIGHTS = 400
#: How the names of scratch frames begin whose rows are to be appended.
_KEPT = "metrics-"


def read_history(outside: Adapters, paths: DayPaths) -> History:
    """What the trailing published days measured."""
    days, rows = _read_earlier(outside, paths, paths.settings.baseline_days)
    return History.of(days, rows)


def read_evidence(
    outside: Adapters, paths: DayPaths, nights: int, pending: Sequence[pl.DataFrame] = ()
) -> pl.DataFrame:
    """What the detector reads of the published nights before this one, the last `nights` of them.

    `pending` rows, which are not appended yet, are read as if they were.
    Columns: judgement.EVIDENCE and reason_code, one row per (date, metric, slice).
    """
    _, rows = _read_earlier(outside, paths, nights, pending)
    return evidence_of(rows).with_columns(rows["reason_code"])


def _read_earlier(
    outside: Adapters, paths: DayPaths, count: int, pending: Sequence[pl.DataFrame] = ()
) -> tuple[list[date], pl.DataFrame]:
    """The last published days before this one, and their rows that count."""
    nights = pl.LazyFrame({"date": outside.lake.days(paths.lake("nights"))}, schema={"date": pl.Date})
    days = earlier_days(nights, paths.run_date, count)
    frames = [read_days(outside, paths.settings, days), *(rows.filter(pl.col("date").is_in(days)) for rows in pending)]
    rows = pl.concat(frames)
    return days, latest_rows(rows.lazy()).collect() if pending else rows


def read_days(outside: Adapters, settings: Settings, days: Sequence[date]) -> pl.DataFrame:
    """The rows that count of these days.

    A month of the table is some sixty small files; the plain objects say the same in one object a day, which this
    process remembers while it is unchanged. A day that has none is read from the table.
    """
    stored = _read_plain(outside.storage, settings, days)
    frames = list(stored.values())
    if absent := [day for day in days if day not in stored]:
        of_table = outside.lake.scan(lake(settings, "metrics"), METRICS).filter(pl.col("date").is_in(absent))
        frames.append(latest_rows(of_table).collect())
    return pl.concat([METRICS.empty(), *frames])


def _read_plain(storage: Storage, settings: Settings, days: Sequence[date]) -> dict[date, pl.DataFrame]:
    """The plain objects of those of the days that have one."""
    if not days:
        return {}
    by_uri = {DayPaths(settings, day).plain("metrics"): day for day in days}
    listed = storage.list(f"{settings.output_uri}/metrics", after=f"date={min(days)}")
    items = [item for item in listed if item.uri in by_uri]
    bodies = zip(items, storage.read_listed(items), strict=True)
    return {by_uri[item.uri]: _frame(body) for item, body in bodies if body is not None}


@lru_cache(maxsize=QUALITY_NIGHTS)
def _frame(body: bytes) -> pl.DataFrame:
    """A day's rows that count; a night reads its history several times. Rows of earlier versions are widened."""
    frame = METRICS.conform(METRICS.widen(pl.read_parquet(BytesIO(body), hive_partitioning=False).lazy()))
    return latest_rows(frame).collect()


def read_day(outside: Adapters, paths: DayPaths) -> pl.DataFrame:
    """The day's rows that count."""
    metrics = outside.lake.scan(paths.lake("metrics"), METRICS).filter(pl.col("date") == paths.run_date)
    return latest_rows(metrics).sort("metric", "slice").collect()


def read_standing(outside: Adapters, paths: DayPaths) -> pl.DataFrame:
    """The rows that say how things stand tonight, see `metric_history.standing_rows`."""
    first = paths.run_date - timedelta(days=LABEL_DAYS)
    days = [day for day in outside.lake.days(paths.lake("metrics")) if first <= day <= paths.run_date]
    return standing_rows(read_days(outside, paths.settings, days), paths.run_date)


def append_rows(outside: Adapters, paths: RunPaths, rows: pl.DataFrame) -> None:
    """Add a day's rows to the table, then write the day's rows that count as the plain object.

    Append-only: measuring again adds rows, and the latest count, so repeating it is harmless.
    """
    append_parts(outside, paths, [rows])


def append_parts(outside: Adapters, paths: RunPaths, parts: Sequence[pl.DataFrame]) -> None:
    """The same of several measurements in one commit: each part is of one day and one time of measurement."""
    rows_of_day = {day: read_day(outside, RunPaths(paths.settings, day, paths.run_id)) for day in _days(parts)}
    gone = [vanished_slices(part, rows_of_day[part["date"][0]]) for part in parts if part.height]
    rows = pl.concat([METRICS.empty(), *parts, *gone])
    outside.lake.append(paths.lake("metrics"), METRICS, rows, {"run_id": paths.run_id})
    for day in rows_of_day:
        day_paths = RunPaths(paths.settings, day, paths.run_id)
        with scratch() as folder:
            file = Path(folder) / "metrics.parquet"
            read_day(outside, day_paths).write_parquet(file)
            outside.storage.send(file, day_paths.plain("metrics"))


def _days(parts: Sequence[pl.DataFrame]) -> list[date]:
    return sorted({part["date"][0] for part in parts if part.height})


def keep_rows(outside: Adapters, paths: RunPaths, name: str, rows: pl.DataFrame) -> None:
    """Leave a night's rows in its work folder: its last measuring stage appends all of them in one commit.

    A file and a commit for each stage of each night is what makes the table slow: its log names every file for ever.
    """
    body = BytesIO()
    rows.write_parquet(body)
    outside.storage.put(paths.work(f"{_KEPT}{name}"), body.getvalue())


def kept_rows(outside: Adapters, paths: RunPaths) -> list[pl.DataFrame]:
    """What the night's stages have left, in order of name."""
    listed = [item.uri for item in outside.storage.list(paths.work_folder)]
    bodies = [outside.storage.get(uri) for uri in listed if uri.rsplit("/", 1)[-1].startswith(_KEPT)]
    return [pl.read_parquet(BytesIO(body), hive_partitioning=False) for body in bodies if body is not None]


def vanished_slices(rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Rows that say no_data for slices which an earlier measurement of the day has and this one has not.

    Without them the older row would stay the latest of its slice.
    Columns: the metrics table's, of both arguments and of the result.
    """
    if rows.is_empty():
        return rows
    values = ["x", "n", "mean", "variance", "value", "ci_low", "ci_high", "baseline", "effect", "threshold"]
    values += ["statistic", "since", "severity", "evidence", "evidence_limit", "detectable"]
    stamp = rows.row(0, named=True)
    return (
        before.filter(pl.col("metric").is_in(rows["metric"].unique().to_list()), pl.col("state") != State.NO_DATA)
        .join(rows, on=["metric", "slice"], how="anti")
        .with_columns(
            *(pl.lit(None).cast(METRICS.polars_schema[name]).alias(name) for name in values),
            *(pl.lit(stamp[name]).alias(name) for name in ("measured_at", "verdicts_run_id", "run_id")),
            state=pl.lit(str(State.NO_DATA)),
            reason_code=pl.lit(str(ReasonCode.NOT_MEASURED)),
            method=pl.lit("not measured"),
            reason=pl.lit("an earlier measurement of the day had this slice, the latest has not"),
        )
        .select(rows.columns)
        .cast(METRICS.polars_schema)
    )
