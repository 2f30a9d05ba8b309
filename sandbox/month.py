"""`python -m sandbox night`: a month of sample days, the last of them through Prefect, and what to open afterwards.

S3 and Bedrock are served from this process; the earlier days are played by a second one below Prefect; the night
itself is `python -m flows nightly`, as an operator would run it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import polars as pl
import typer

from data_contracts.tables.verdicts import VERDICTS
from flows.__main__ import PREFECT_DEFAULTS
from flows.night import NightOptions, judge_day
from sandbox.days import sample_day
from sandbox.prefect_runs import is_answering
from sandbox.processes import Child, end, end_marked, mark, start
from sandbox.serve import BUCKETS, HOST, JOBS_FILE, Sandbox, running
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.base.steps import PlainSteps

#: The night that is played; fixed, so that two machines show the same figures.
LAST_DAY = date(2026, 11, 19)
EARLIER_DAYS = 27

#: How long a Prefect server may take to start and to end; a loaded machine takes a minute.
_START_S, _END_S, _LOOK_AGAIN_S = 120.0, 5.0, 0.1

#: Beside the checkout's other caches: the trained stand-in and Prefect's database survive from one night to the next.
CACHE = Path(".sandbox")

#: What is printed for analysts, to run from the folder that holds ./night; a test runs each of them.
DUCKDB_QUERIES = (
    """SELECT status, violation, category, count(*) AS comments
  FROM '{folder}/moderation-output/verdicts/*/verdicts.parquet'
  WHERE date = '{day}' GROUP BY ALL ORDER BY comments DESC""",
    """SELECT date, value AS accuracy, ci_low, ci_high, n
  FROM '{folder}/moderation-output/metrics/*/metrics.parquet'
  WHERE metric = 'accuracy' AND slice = 'all' ORDER BY date DESC LIMIT 7""",
)
POLARS_QUERIES = (
    """pl.scan_delta("{folder}/moderation-output/lake/verdicts").filter(pl.col("violation"))
  .group_by("date", "category").len().sort("date", "category").collect()""",
    """pl.scan_delta("{folder}/moderation-output/lake/nights")
  .select("date", "valid_count", "violation_count", "cost_usd").sort("date").collect()""",
    """pl.read_parquet("{folder}/moderation-output/rejected/date={day}/rejected.parquet")
  .group_by("reason").len()""",
)


def queries(folder: Path) -> str:
    """The queries as they are printed."""
    blanks = {"folder": folder, "day": LAST_DAY}
    duckdb = "\n".join(f'  duckdb.sql("""{query.format(**blanks)}""")' for query in DUCKDB_QUERIES)
    polars = "\n".join(f"  ({query.format(**blanks)})" for query in POLARS_QUERIES)
    return f"Ask DuckDB or Polars, in .venv/bin/python:\n  import duckdb, polars as pl\n{duckdb}\n{polars}"


def play(folder: Path) -> int:
    """Play the month into a folder; the exit code is the night's own."""
    begun = time.monotonic()
    _clear(folder)
    CACHE.mkdir(exist_ok=True)
    played = CACHE / f"history-{fingerprint()}"
    is_played = played.is_dir()
    if is_played:
        shutil.copytree(played, folder, dirs_exist_ok=True)
        print(f"sandbox: {EARLIER_DAYS} earlier days, as this very code played them before ({played})", flush=True)
    else:
        print(f"sandbox: {EARLIER_DAYS} earlier days, then the night of {LAST_DAY}", flush=True)
    with ExitStack() as stack:
        sandbox = stack.enter_context(running(data=folder, job_seconds=0.05, cache_dir=CACHE))
        environment, code = _environment(sandbox), 0
        server = _start_prefect(environment, stack)
        if not is_played:
            fill(sandbox, [LAST_DAY - timedelta(days=back) for back in range(EARLIER_DAYS, -1, -1)])
            code = subprocess.call([sys.executable, "-m", "sandbox", "history"], env=environment)
            if code == 0:
                sandbox.save()
                _keep(folder, played)
        if code == 0:
            print(f"sandbox: the night of {LAST_DAY}, through Prefect", flush=True)
            command = [sys.executable, "-m", "flows", "nightly", "--run-date", str(LAST_DAY)]
            code = subprocess.call(command, env=environment | _address_of(server))
    if code == 0:
        print(queries(folder), flush=True)
        report = next((folder / "moderation-output" / "runs" / str(LAST_DAY)).glob("*/report.html"), None)
        print(f"Open {report}\nPlayed in {time.monotonic() - begun:.0f} s; everything is below {folder}/", flush=True)
    return code


def _start_prefect(environment: dict[str, str], stack: ExitStack) -> tuple[Child, str] | None:
    """Start a Prefect server for the night, and its address: that takes ten seconds, while the earlier days are played.

    None if the environment names one.
    """
    if "PREFECT_API_URL" in environment:
        return None
    home = CACHE.absolute()
    end_marked(home)  # one whose night was killed
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    child = start("prefect-server", command, PREFECT_DEFAULTS | environment | mark(home, "server"), home)
    stack.callback(end, child, signal.SIGTERM, _END_S)
    return child, f"http://{HOST}:{port}/api"


def _address_of(server: tuple[Child, str] | None) -> dict[str, str]:
    """The server's address as a setting once it answers; without it, the night starts one of its own."""
    if server is None:
        return {}
    child, address = server
    limit = time.monotonic() + _START_S
    while not child.has_ended and time.monotonic() < limit:
        if is_answering(address):
            return {"PREFECT_API_URL": address}
        time.sleep(_LOOK_AGAIN_S)
    return {}


def fill(sandbox: Sandbox, days: list[date], timezone: str = "Asia/Tokyo") -> None:
    """Put the sample days' comments and labels into the sandbox's S3."""
    for day in days:
        for name, frame in sample_day(day, timezone=timezone)._asdict().items():
            body = BytesIO()
            frame.write_parquet(body)
            key = f"{name}/date={day}/part-0.parquet"
            sandbox.s3.put_object(Bucket="moderation-input", Key=key, Body=body.getvalue())


def history() -> None:
    """Play the earlier days against the sandbox that the environment names; the next process does the night."""
    from data_contracts.documents.summary import Night
    from sandbox.play import play_history
    from tasks.base.figures import dollars

    def show(night: Night) -> None:
        books = night.balance
        typer.echo(
            f"  {night.run_date}  {books.ingested_count:4d} rows = {books.verdict_count} verdicts "
            f"+ {books.rejected_count} rejected, {night.violation_count:2d} violations, {dollars(night.cost_usd)}, "
            + (", ".join(night.alerts["titles"]) or "no alert")
        )

    days = [LAST_DAY - timedelta(days=back) for back in range(EARLIER_DAYS, 0, -1)]
    settings = Settings.load()
    play_history(settings, days, lambda: datetime.now(UTC), show)
    flipped = publish_anew(settings, days[-2], lambda: datetime.now(UTC))
    typer.echo(f"  {days[-2]}  judged anew, since comments were edited: {flipped} verdicts flipped (lake/flips)")


#: Comments of either kind that are edited on the day that is judged anew.
EDITED = 3


def publish_anew(settings: Settings, day: date, now: Callable[[], datetime]) -> int:
    """Edit some comments of a published day, as customers do, and judge the day again; how many verdicts flipped.

    Flagged comments and others change their texts, so that there is something to look back to. Comments with a label
    keep theirs: the label is about what they said.
    """
    outside, paths = adapters.connect(settings), DayPaths(settings, day)
    verdicts = outside.lake.scan(paths.lake(VERDICTS.name), VERDICTS).filter(pl.col("date") == day)
    (item,) = outside.storage.list(paths.comments)
    comments = pl.read_parquet(BytesIO(outside.storage.get(item.uri) or b""))
    labels = [
        pl.read_parquet(BytesIO(outside.storage.get(each.uri) or b"")) for each in outside.storage.list(paths.labels)
    ]
    labelled = pl.concat([frame.select("comment_id") for frame in labels])
    free = verdicts.filter(decided_by="model", status="judged").sort("comment_id").collect()
    free = free.join(labelled, on="comment_id", how="anti")
    texts = dict(comments.select("comment_id", "text").iter_rows())
    ids = [free.filter(violation=flag)["comment_id"].head(EDITED).to_list() for flag in (True, False)]
    swapped = {a: texts[b] for one, other in (ids, ids[::-1]) for a, b in zip(one, other, strict=True)}
    body = BytesIO()
    edited = pl.col("comment_id").replace_strict(swapped, default=pl.col("text"), return_dtype=pl.String)
    comments.with_columns(text=edited).write_parquet(body)
    outside.storage.put(item.uri, body.getvalue())
    options = NightOptions(is_quiet=True)
    night = judge_day(settings, day, f"edited-{day}", PlainSteps(time.monotonic, lambda *_: None), now, options)
    return night.balance.flip_count if night else 0


def _environment(sandbox: Sandbox) -> dict[str, str]:
    """The caller's environment without its own settings, pointed at the sandbox."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MODERATION_")}
    return (
        own | sandbox.environment | {"PREFECT_HOME": os.environ.get("PREFECT_HOME", str(CACHE.absolute() / "prefect"))}
    )


def fingerprint() -> str:
    """Hash of everything that decides what the earlier days look like: code, prompts, samples, prices."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    parts = ("tasks", "data_contracts", "prompts", "sandbox", "prices.toml", "requirements.lock")
    files = (root / part for part in parts)
    for path in sorted(file for part in files for file in ([part] if part.is_file() else part.rglob("*"))):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _keep(folder: Path, played: Path) -> None:
    """Keep the earlier days for the next time, in place of those of other code."""
    for stale in CACHE.glob("history-*"):
        shutil.rmtree(stale)
    unfinished = CACHE / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    for bucket in BUCKETS:
        if (folder / bucket).is_dir():
            shutil.copytree(folder / bucket, unfinished / bucket)
    unfinished.rename(played)


def _clear(folder: Path) -> None:
    """Remove the buckets and the jobs of the night before, and nothing else."""
    (folder / JOBS_FILE).unlink(missing_ok=True)
    for bucket in BUCKETS:
        shutil.rmtree(folder / bucket, ignore_errors=True)
