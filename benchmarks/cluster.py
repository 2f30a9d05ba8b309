"""What a night of N comments takes with no, one or more workers of a Dask cluster on this machine.

    python -m benchmarks.cluster --comments 100000 --workers 0,1,2

S3 and Bedrock are those of `benchmarks.night`; the workers share its processors, so more of them than there are show
nothing. What is shown are the seconds by the clock of the stages whose parts the workers do, and of all others.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from prefect import flow
from prefect.testing.utilities import prefect_test_harness

from benchmarks.nights.days import RUN_DATE
from benchmarks.nights.ours import Responder
from benchmarks.nights.server import BATCH, COMMENTS, OUTPUT, Day, Served, serving
from flows.workers.cluster import Cluster
from sandbox.play import play_night
from tasks import adapters
from tasks.base.settings import Settings
from tasks.base.steps import working_with

#: The stages that have parts.
SHARED = ("build_batch", "collect_answers")
_SHARDS = 10


def main(
    comments: Annotated[int, typer.Option(min=2000, help="Comments of the day.")] = 100_000,
    workers: Annotated[str, typer.Option(help="How many, with commas; 0: this process alone.")] = "0,1,2",
) -> None:
    """Measure it."""
    quiet = {"PREFECT_LOGGING_LEVEL": "ERROR", "DASK_LOGGING__DISTRIBUTED": "error"}
    os.environ.update(quiet)
    with (
        prefect_test_harness(server_startup_timeout=180),
        tempfile.TemporaryDirectory(prefix="night-") as folder,
        serving(Day(comments), Path(folder)) as served,
    ):
        _play(served, None, comments)  # what is imported on the way is left out
        for count in map(int, workers.split(",")):
            with _cluster(count) as address:
                served.clear()
                _show(count, comments, _play(served, address, comments))


@contextmanager
def _cluster(count: int) -> Iterator[str | None]:
    from distributed import LocalCluster

    if not count:
        yield None
        return
    new: Any = LocalCluster
    with new(n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        with cluster.get_client() as client:
            client.run(_import_parts)
        yield str(cluster.scheduler_address)


def _import_parts() -> None:
    """What a worker imports before its first part."""
    from tasks.batch.shared_shards import write_part  # noqa: F401
    from tasks.jobs.collection import keep_answers  # noqa: F401


def _play(served: Served, address: str | None, comments: int) -> dict[str, float]:
    """The seconds of each stage of a night."""
    responder, real, seconds = Responder(served), adapters.connect, dict[str, float]()
    settings = Settings(
        comments_uri=f"s3://{COMMENTS}/comments", labels_uri=f"s3://{COMMENTS}/labels", output_uri=f"s3://{OUTPUT}",
        batch_uri=f"s3://{BATCH}", role_arn="arn:aws:iam::123456789012:role/Benchmark", timezone="UTC",
        max_cost_usd=1e9, poll_interval_s=0.01, golden_pack="none", count_tokens=False,
        max_shard_records=comments // _SHARDS,
    )  # fmt: skip

    @flow(name="measured", persist_result=False)
    def measured() -> None:
        with working_with(Cluster(address)) if address else nullcontext():
            play_night(settings, RUN_DATE, "run", lambda: datetime.now(UTC), report=_note)

    def _note(name: str, _: object, took_s: float) -> None:
        seconds[name] = seconds.get(name, 0.0) + took_s

    adapters.connect = lambda settings: replace(real(settings), bedrock=responder)
    try:
        measured()
    finally:
        adapters.connect = real
    return seconds


def _show(count: int, comments: int, seconds: dict[str, float]) -> None:
    shared = {name: seconds.get(name, 0.0) for name in SHARED}
    others = sum(seconds.values()) - sum(shared.values())
    shown = ", ".join(f"{name} {took_s:.1f} s" for name, took_s in shared.items())
    print(f"{comments:,} comments, {count} workers: {shown}, all else {others:.1f} s", flush=True)


if __name__ == "__main__":
    typer.run(main)
