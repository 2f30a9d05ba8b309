"""What a night of N comments takes, stage by stage: seconds and peak RSS, each size in a process of its own.

    python -m benchmarks.scale 100000 1000000

Local files stand in for S3 and a responder that answers every record at once for Bedrock, so the figures are of this
program alone. Disk: some 10 kB a comment, since a request repeats the guideline and Bedrock's output echoes it.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from data_contracts.batch_lines import InvocationType
from sandbox.play import play_night
from tasks import adapters
from tasks.base.ports import Job, JobRequest, JobStatus
from tasks.base.settings import Settings

RUN_DATE = date(2026, 11, 19)
_ROWS_A_FILE = 500_000
_ANSWER = '{"violation": false, "category": "none", "confidence": 0.93, "explanation": ""}'
_OUTPUT: dict[str, Any] = {
    "stop_reason": "end_turn",
    "content": [{"type": "text", "text": _ANSWER}],
    "usage": {"input_tokens": 880, "output_tokens": 25},
}
_WORDS = ["とても", "良い", "商品", "でした", "配送", "が", "遅い", "箱", "破れて", "いた", "great", "value", "arrived",
          "broken", "seller", "never", "answered", "my", "mail", "again"]  # fmt: skip


class Responder:
    """Answers every record of a job the moment it is asked."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def create_job(self, request: JobRequest) -> str:
        """Write the job's output beside its input."""
        arn = f"arn:aws:bedrock:local:123456789012:model-invocation-job/{len(self._jobs):012d}"
        source = Path(request.input_uri)
        target = Path(request.output_uri) / arn.rsplit("/", 1)[-1] / f"{source.name}.out"
        target.parent.mkdir(parents=True)
        tail = b',"modelOutput":' + orjson.dumps(_OUTPUT) + b"}\n"
        with source.open("rb") as lines, target.open("wb") as out:
            for line in lines:
                out.write(line.rstrip()[:-1] + tail)
        self._jobs[arn] = Job(
            job_arn=arn, job_name=request.job_name, status=JobStatus.COMPLETED, input_uri=request.input_uri
        )
        return arn

    def get_job(self, job_arn: str) -> Job:
        """The job, which has ended."""
        return self._jobs[job_arn]

    def find_jobs(self, request: JobRequest) -> list[Job]:
        """The job of this name, if it was made."""
        return [job for job in self._jobs.values() if job.job_name == request.job_name]

    def list_jobs(self, name_contains: str, submitted_after: datetime) -> list[Job]:
        """Nobody watches a benchmark."""
        raise NotImplementedError

    def stop_job(self, job_arn: str) -> None:
        """Nothing is left to stop."""

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """The same answer as in a job."""
        return _OUTPUT


def write_day(folder: Path, rows: int) -> None:
    """A day of that many comments of some 40 words' variety; one text in ten repeats another."""
    start = datetime(RUN_DATE.year, RUN_DATE.month, RUN_DATE.day, tzinfo=UTC)
    folder.mkdir(parents=True)
    for first in range(0, rows, _ROWS_A_FILE):
        numbers = range(first, min(first + _ROWS_A_FILE, rows))
        texts = [
            " ".join(_WORDS[n * k % len(_WORDS)] for k in range(3, 25)) + f" {n if n % 10 else n // 100}"
            for n in numbers
        ]
        pl.DataFrame(
            {
                "comment_id": [f"c-{n:010d}" for n in numbers],
                "posted_at": [start + timedelta(microseconds=n * 86_400_000_000 // rows) for n in numbers],
                "product_id": [f"p{n % 5000:04d}" for n in numbers],
                "user_id": [f"u{n % 100_000:05d}" for n in numbers],
                "text": texts,
                "rating": [n % 5 + 1 for n in numbers],
            },
            schema_overrides={"posted_at": pl.Datetime("us", "UTC")},
        ).write_parquet(folder / f"part-{first:09d}.parquet", row_group_size=100_000)


def peak_mb() -> int:
    """Peak resident memory of this process since it was last asked, in megabytes; where there is no /proc, so far."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    (peak,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak becomes what is resident now
    return int(peak.split()[1]) // 1024


def measure(rows: int, root: str) -> None:
    """Play one night of that size and print what each stage took."""
    os.environ.update(AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", TMPDIR=root)  # noqa: S106
    tempfile.tempdir = root
    settings = Settings(
        comments_uri=f"{root}/comments", labels_uri=f"{root}/labels", output_uri=f"{root}/output",
        batch_uri=f"{root}/batch", role_arn="arn:aws:iam::123456789012:role/Benchmark", timezone="UTC",
        max_cost_usd=1e9, poll_interval_s=0.01,
    )  # fmt: skip
    responder, real = Responder(), adapters.connect
    adapters.connect = lambda settings: replace(real(settings), bedrock=responder)
    print(f"{rows:,} comments; {peak_mb()} MB before the first stage", flush=True)

    peaks = []

    def report(stage: str, _: object, took_s: float) -> None:
        peaks.append(peak_mb())
        print(f"  {stage:21s}{took_s:8.1f} s{peaks[-1]:7d} MB peak", flush=True)

    begun = time.monotonic()
    night = play_night(settings, RUN_DATE, f"scale-{rows}", lambda: datetime.now(UTC), report=report)
    took = time.monotonic() - begun
    judged = night.statuses["judged"] if night else 0
    print(f"  {'whole night':21s}{took:8.1f} s{max(peaks):7d} MB peak, {rows / took:,.0f} a second, {judged:,} judged")


def main() -> None:
    """Measure each size that the command line names."""
    for rows in [int(text) for text in sys.argv[1:]] or [100_000, 300_000]:
        root = tempfile.mkdtemp(prefix="scale-")
        try:
            for target, arguments in (
                (write_day, (Path(root) / "comments" / f"date={RUN_DATE}", rows)),
                (measure, (rows, root)),
            ):
                process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
                process.start()
                process.join()
        finally:
            shutil.rmtree(root)


if __name__ == "__main__":
    main()
