"""Readers in a loop while a day is republished again and again: errors, mixes of two versions, gaps; seconds a read.

    python -m benchmarks.readers --mb 20 --reads 25

Everything is a process of its own, as in life: S3 (moto over HTTP), a writer that replaces the day through the
project's own lake and then sends its plain object, and a reader for each way to read. Meanwhile the writer erases
another day's history, which deletes files of the same table.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from io import BytesIO
from itertools import count
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import polars as pl
import typer

from data_contracts.tables.verdicts import VERDICTS
from sandbox.serve import running
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.lake import Lake
from tasks.adapters.lake_history import forget_history
from tasks.adapters.storage import Storage

DAY, OTHER_DAY = date(2026, 11, 19), date(2026, 11, 18)
TABLE = "s3://moderation-output/lake/verdicts"
PLAIN = f"s3://moderation-output/verdicts/date={DAY}/verdicts.parquet"
#: What a row of the made-up verdicts takes of a Parquet file.
BYTES_A_ROW = 43
#: Reads after which a reader gives up waiting for the versions that it is to see.
MOST_READS = 500


class Seen(NamedTuple):
    """What one read saw of the day: the runs that its rows are of, how many rows, how many comments."""

    runs: tuple[str, ...]
    row_count: int
    comment_count: int


class Tally(NamedTuple):
    """What a reader met; `wrong` has a line for each read that was not one whole version, or one older than before."""

    engine: str
    read_count: int
    version_count: int
    errors: list[str]
    wrong: list[str]
    seconds: list[float]


class Task(NamedTuple):
    """What writer and readers agree on.

    Attributes:
        rows: of the smallest publication.
        reads: how many a reader makes at least.
        versions: how many publications a reader sees at least.
    """

    rows: int
    reads: int
    versions: int


def row_count(number: int, rows: int) -> int:
    """Rows of the n-th publication: never as many as in the one before, so that a gap shows."""
    return rows + 7 * (number % 5)


def verdicts(number: int, rows: int, day: date) -> pl.DataFrame:
    """The day's n-th publication; its run is named after it."""
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    constants = {"date": day, "posted_at": moment, "decided_at": moment, "language": "ja", "status": "judged"}
    constants |= {"category": "none", "explanation": "", "decided_by": "model", "attempt": 1, "model_id": "m"}
    constants |= {"prompt_name": "comment_review", "prompt_version": "v1", "prompt_sha256": "0" * 64}
    constants |= {"input_tokens": 880, "output_tokens": 25, "cost_usd": 0.0005, "run_id": f"run-{number:05d}"}
    ids = pl.DataFrame({"id": pl.int_range(row_count(number, rows), eager=True)})
    each = pl.col("id")
    given = ids.select(
        comment_id=pl.format("c{}", each),
        product_id=pl.format("p-{}", each % 400),
        violation=each.hash(number) % 16 == 0,
        confidence=(each.hash(number + 1) % 10_000) / 10_000,
        # Hashes do not compress: they make the day as large as a real one.
        text_sha256=pl.concat_str(*(each.hash(seed + number) for seed in range(4))),
        **{name: pl.lit(value) for name, value in constants.items()},
    )
    return VERDICTS.conform(VERDICTS.widen(given.lazy())).collect()


def write(task: Task, end: Event) -> int:
    """Publish the day until the readers have enough, other days and their erasures between; how often it was."""
    aws = shared(AwsEnvironment())
    lake, storage = Lake(aws), Storage(aws)
    for number in count(1):
        publish(lake, storage, task, number)
        if number % 3 == 0:
            replace(lake, OTHER_DAY, verdicts(number, 100, OTHER_DAY))
            forget_history(lake, storage, TABLE, VERDICTS, OTHER_DAY)
        if end.is_set():
            break
    return number


def publish(lake: Lake, storage: Storage, task: Task, number: int) -> None:
    """Publish the day as `tasks.verdicts.publish` does: the commit, then the plain object from a local file."""
    frame = verdicts(number, task.rows, DAY)
    replace(lake, DAY, frame)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "verdicts.parquet"
        frame.write_parquet(file)
        storage.send(file, PLAIN)


def replace(lake: Lake, day: date, frame: pl.DataFrame) -> None:
    """Replace a day of the table."""
    batches = frame.to_arrow().cast(VERDICTS.arrow_schema).to_batches(max_chunksize=50_000)
    lake.replace_day(TABLE, VERDICTS, day, batches, {"run_id": str(frame["run_id"][0])})


def by_polars() -> Seen:
    """Polars' scan of the Delta table."""
    options = shared(AwsEnvironment()).object_store_options()
    rows = pl.scan_delta(TABLE, storage_options=options).filter(pl.col("date") == DAY)
    return _seen(rows.select("comment_id", "run_id", "cost_usd").collect())


def by_deltalake() -> Seen:
    """deltalake's own reader, to Arrow."""
    from deltalake import DeltaTable

    delta = DeltaTable(TABLE, storage_options=shared(AwsEnvironment()).object_store_options())
    partition = [("date", "=", DAY.isoformat())]
    return _seen(pl.DataFrame(delta.to_pyarrow_table(partition, columns=["comment_id", "run_id", "cost_usd"])))


def by_duckdb() -> Seen:
    """DuckDB over the table as an Arrow dataset."""
    import duckdb
    from deltalake import DeltaTable

    delta = DeltaTable(TABLE, storage_options=shared(AwsEnvironment()).object_store_options())
    with duckdb.connect() as connection:
        connection.register("verdicts", delta.to_pyarrow_dataset())
        runs, rows, comments = connection.execute(
            "SELECT list(DISTINCT run_id), count(*), count(DISTINCT comment_id) FROM verdicts WHERE date = ?", [DAY]
        ).fetchall()[0]
    return Seen(tuple(runs or ()), rows, comments)


def by_get_object() -> Seen:
    """The plain object, whole."""
    bucket, _, key = PLAIN.removeprefix("s3://").partition("/")
    body = shared(AwsEnvironment()).s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return _seen(pl.read_parquet(BytesIO(body), columns=["comment_id", "run_id", "cost_usd"]))


ENGINES: dict[str, Callable[[], Seen]] = {
    "polars": by_polars,
    "deltalake": by_deltalake,
    "duckdb": by_duckdb,
    "plain object": by_get_object,
}


class Reader:
    """One way to read, and what it met so far."""

    def __init__(self, engine: str, task: Task) -> None:
        self.engine, self.task = engine, task
        self.versions: set[int] = set()
        self.errors: list[str] = []
        self.wrong: list[str] = []
        self.seconds: list[float] = []

    @property
    def has_enough(self) -> bool:
        """Whether it read often enough, and saw enough versions."""
        reads = len(self.seconds)
        return reads >= MOST_READS or (reads >= self.task.reads and len(self.versions) >= self.task.versions)

    def read(self) -> None:
        """Read the day once more."""
        begun = time.monotonic()
        try:
            seen = ENGINES[self.engine]()
        except Exception as error:  # whatever a reader's user would be shown
            self.errors.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
        else:
            wrong = what_is_wrong(seen, self.task, max(self.versions, default=0))
            self.wrong.extend([wrong] if wrong else [])
            self.versions.update(int(run.rpartition("-")[2]) for run in seen.runs)
        self.seconds.append(time.monotonic() - begun)

    def tally(self) -> Tally:
        """What it met."""
        return Tally(self.engine, len(self.seconds), len(self.versions), self.errors, self.wrong, self.seconds)


def read(engines: Sequence[str], task: Task) -> list[Tally]:
    """Read the day in these ways by turns, until each has enough."""
    readers = [Reader(engine, task) for engine in engines]
    while waiting := [reader for reader in readers if not reader.has_enough]:
        for reader in waiting:
            reader.read()
    return [reader.tally() for reader in readers]


def what_is_wrong(seen: Seen, task: Task, newest: int) -> str | None:
    """Why this was no read of one whole version, at least as new as the newest seen before; None if it was."""
    if len(seen.runs) != 1:
        return f"a mix of {sorted(seen.runs)}" if seen.runs else "no row at all"
    number = int(seen.runs[0].rpartition("-")[2])
    expected = row_count(number, task.rows)
    if (seen.row_count, seen.comment_count) != (expected, expected):
        return f"{seen.row_count} rows of {seen.comment_count} comments, publication {number} has {expected}"
    return f"publication {number} after {newest}" if number < newest else None


def _seen(rows: pl.DataFrame) -> Seen:
    if rows["cost_usd"].null_count():
        raise ValueError("a column came without its values")
    return Seen(tuple(rows["run_id"].unique()), rows.height, rows["comment_id"].n_unique())


def run(task: Task, groups: Sequence[Sequence[str]]) -> tuple[int, list[Tally]]:
    """One writer and a reader for each group of engines, each a process, against the S3 that the environment names.

    Returns: how often the day was published meanwhile, and what the readers met.
    """
    aws = shared(AwsEnvironment())
    publish(Lake(aws), Storage(aws), task, 0)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(len(groups) + 1) as pool:
        end: Any = manager.Event()
        writer = pool.apply_async(write, (task, end))
        readers = [pool.apply_async(read, (engines, task)) for engines in groups]
        try:
            tallies = [tally for reader in readers for tally in reader.get(timeout=3600)]
        finally:
            end.set()
        return writer.get(timeout=600), tallies


def main(mb: float = 20, reads: int = 25, versions: int = 5) -> None:
    """Print what readers of days of so many megabytes meet."""
    task = Task(int(mb * 1e6 / BYTES_A_ROW), reads, versions)
    with tempfile.TemporaryDirectory() as folder, running(cache_dir=Path(folder)) as sandbox:
        os.environ.update(sandbox.environment)
        published, tallies = run(task, [[engine] for engine in ENGINES])
        size = sandbox.s3.head_object(Bucket="moderation-output", Key=PLAIN.split("/", 3)[3])["ContentLength"]
    print(f"a day of {size / 1e6:.1f} MB, {task.rows:,} rows, published {published} times meanwhile")
    print("engine         reads  versions  errors  wrong  s a read (median, most)")
    for tally in tallies:
        print(
            f"{tally.engine:<14} {tally.read_count:5d} {tally.version_count:9d} {len(tally.errors):7d} "
            f"{len(tally.wrong):6d}  {median(tally.seconds):.2f} {max(tally.seconds):.2f}"
        )
        for line in (*tally.errors, *tally.wrong)[:5]:
            print(f"  {line}")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        typer.run(main)
