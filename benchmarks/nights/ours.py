"""A night of this project, measured in a process that has played a small one before: its start-up is left out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.nights.answers import answer_text, output
from benchmarks.nights.days import RUN_DATE, write_day
from benchmarks.nights.measured import Meter, Taken
from benchmarks.nights.server import BATCH, COMMENTS, OUTPUT, Served
from data_contracts.batch_lines import InvocationType
from tasks.base.ports import Job, JobRequest, JobStatus

_WARM_ROWS = 150


class Responder:
    """A Bedrock whose jobs have ended when they are made; see `tasks.base.ports.BatchInference`."""

    def __init__(self, served: Served) -> None:
        self._served, self._jobs = served, dict[str, Job]()
        #: seconds that Bedrock has taken itself
        self.seconds = 0.0

    def create_job(self, request: JobRequest) -> str:
        """Have the job's input answered."""
        arn = f"arn:aws:bedrock:local:123456789012:model-invocation-job/{len(self._jobs):012d}"
        name = request.input_uri.rsplit("/", 1)[-1]
        target = f"{request.output_uri.rstrip('/')}/{arn.rsplit('/', 1)[-1]}/{name}.out"
        self.seconds += self._served.answer(request.input_uri, target)
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
        """A good answer."""
        return output(answer_text(0))


def play(address: str) -> Taken:
    """Play the night that is served, and measure it."""
    from sandbox.play import play_night
    from tasks import adapters
    from tasks.base.settings import Settings

    served = Served(address)
    responder, real = Responder(served), adapters.connect
    adapters.connect = lambda settings: replace(real(settings), bedrock=responder)
    settings = Settings(
        comments_uri=f"s3://{COMMENTS}/comments", labels_uri=f"s3://{COMMENTS}/labels", output_uri=f"s3://{OUTPUT}",
        batch_uri=f"s3://{BATCH}", role_arn="arn:aws:iam::123456789012:role/Benchmark", timezone="UTC",
        max_cost_usd=1e9, poll_interval_s=0.01, golden_pack="none", on_demand_per_s=1000, count_tokens=False,
    )  # fmt: skip
    warm_day = RUN_DATE - timedelta(days=1)
    storage = real(settings).storage
    for path in _written(warm_day):
        storage.send(path, f"{settings.comments_uri}/date={warm_day}/{path.name}")
    play_night(settings, warm_day, "warm", lambda: datetime.now(UTC))
    responder.seconds, meter = 0.0, Meter(served)
    play_night(settings, RUN_DATE, "measured", lambda: datetime.now(UTC), report=lambda name, _, __: meter.stage(name))
    meter.bedrock_s = responder.seconds
    return meter.taken()


def _written(day: Any) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield from write_day(Path(folder), _WARM_ROWS, day=day)
