"""A year of nights in `lake/metrics`: files, commits, bytes of the log, seconds to open it; then after a compaction.

    python -m benchmarks.metrics_year                  # one append a night
    python -m benchmarks.metrics_year --appends 5      # as before: one for each measurement of a night

The table lies in a local folder. Each append has the rows of one measurement: of the night, or of an earlier day whose
labels came.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, date, datetime, timedelta

import polars as pl

from data_contracts.tables.metrics import METRICS
from tasks.adapters import local_lake
from tasks.adapters.aws import Aws, AwsEnvironment
from tasks.adapters.lake import Lake
from tasks.adapters.lake_upkeep import measure_table, tidy_table
from tasks.adapters.storage import Storage

FIRST = date(2026, 1, 1)
#: Rows of one measurement of a day.
ROWS = 60


def rows(day: date, measured_on: date) -> pl.DataFrame:
    """A measurement of a day, as wide as a true one."""
    given = {"date": day, "kind": "rate", "x": 12.0, "n": 300, "value": 0.04, "ci_low": 0.02, "ci_high": 0.07}
    given |= {"state": "ok", "method": "share of comments; Jeffreys 95% interval", "run_id": f"run-{measured_on}"}
    given |= {"measured_at": datetime(measured_on.year, measured_on.month, measured_on.day, 18, tzinfo=UTC)}
    frame = pl.DataFrame([given] * ROWS).with_columns(
        metric=pl.lit("violation_rate"),
        slice=pl.format("product=p{}", pl.int_range(pl.len())),
        verdicts_run_id=pl.col("run_id"),
    )
    return METRICS.conform(METRICS.widen(frame.lazy())).collect()


def play(lake: Lake, uri: str, nights: int, appends: int, measurements: int = 5) -> None:
    """Every night measures itself twice, and the labels of three earlier days; in so many appends."""
    for number in range(nights):
        night = FIRST + timedelta(days=number)
        parts = [rows(night - timedelta(days=back), night) for back in (0, 0, 2, 3, 7)[:measurements]]
        groups = [parts] if appends == 1 else [[part] for part in parts[:appends]]
        for group in groups:
            lake.append(uri, METRICS, pl.concat(group), {"run_id": f"run-{night}"})


def describe(lake: Lake, storage: Storage, uri: str) -> str:
    """The table in a line."""
    begun = time.perf_counter()
    count = lake.scan(uri, METRICS).select(pl.len()).collect().item()
    took_s = time.perf_counter() - begun
    size = measure_table(lake, storage, uri)
    return (
        f"{size.file_count:>6,} files {len(lake.commits(uri)):>6,} commits {size.log_count:>6,} objects of the log "
        f"{size.log_bytes / 1e6:>7.1f} MB {count:>8,} rows counted in {took_s:.2f} s"
    )


def main() -> None:
    """Play the year that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics_year", description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--appends", type=int, default=1, choices=(1, 5), help="commits a night")
    asked = parser.parse_args()
    lake, storage = local_lake(), Storage(Aws(AwsEnvironment(aws_region="ap-northeast-1")))
    with tempfile.TemporaryDirectory() as folder:
        uri = f"{folder}/metrics"
        begun = time.perf_counter()
        play(lake, uri, asked.nights, asked.appends)
        print(f"{asked.nights} nights, {asked.appends} appends a night, {time.perf_counter() - begun:.0f} s")
        print("played   ", describe(lake, storage, uri), flush=True)
        tidy_table(lake, storage, uri, FIRST + timedelta(days=asked.nights - 14))
        print("compacted", describe(lake, storage, uri))


if __name__ == "__main__":
    main()
