"""The life of the jobs: one step at a time, in their own time or by hand.

A step is one change of status, or one chunk of records while a job is InProgress. The background driver takes each
step when it is due by the clock; paused, only ``advance`` takes steps, so a test sees every status without waiting.
"""

import logging
import math
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox.bedrock.files import InvalidInput
from sandbox.bedrock.inference import Inference
from sandbox.bedrock.jobs import Counts, Job, JobStore, Status
from sandbox.bedrock.processing import Limits, Records, profile_denied

logger = logging.getLogger(__name__)

CHUNK_RECORDS = 2000
# Each of the three statuses before InProgress takes this share of a job's time; the records take the rest.
_STATUS_SHARE = 0.1
_MIN_CHUNKS = 8
_WORKERS = 2
_INTERNAL_ERROR = "Internal server error. Please retry the job."


class Engine:
    """Moves jobs through their statuses and their records through the model."""

    def __init__(
        self, store: JobStore, s3: Any, inference: Inference, clock: Callable[[], float], paid: Callable[[str], None]
    ) -> None:
        self.job_seconds = 1.0
        self.chunk_records = CHUNK_RECORDS
        self.limits = Limits()
        self.paused = False
        self._store = store
        self._s3 = s3
        self._inference = inference
        self._clock = clock
        self._paid = paid
        self._spool = tempfile.TemporaryDirectory(prefix="bedrock-")
        self._records: dict[str, Records] = {}
        self._closed = False
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="bedrock-job")
        self._driver = threading.Thread(target=self._drive, name="bedrock-driver", daemon=True)

    def start(self) -> None:
        """Let jobs move by themselves."""
        self._driver.start()

    def close(self) -> None:
        """Take no further step, and remove the local files."""
        with self._store.changed:
            self._closed = True
            self._store.changed.notify_all()
        if self._driver.is_alive():
            self._driver.join()
        self._pool.shutdown(cancel_futures=True)
        self._spool.cleanup()

    def pause(self) -> None:
        """Jobs stand still but for ``advance``."""
        with self._store.changed:
            self.paused = True
            self._store.changed.wait_for(lambda: not any(job.busy for job in self._store))

    def resume(self) -> None:
        """Jobs move by themselves again."""
        with self._store.changed:
            self.paused = False
            self._store.changed.notify_all()

    def reset(self) -> None:
        """Forget every job, after the steps in flight."""
        was_paused = self.paused
        self.pause()
        with self._store.lock:
            self._store.clear()
            for records in self._records.values():
                records.discard()
            self._records.clear()
        if not was_paused:
            self.resume()

    def advance(self, job: Job) -> Status:
        """Take a job's next step now, whenever it is due; the status it has then."""
        with self._store.lock:
            if job.is_over or job.busy or job.due >= job.expires_at > self._clock():
                return job.status
            job.busy = True
        self._step(job)
        return job.status

    def _drive(self) -> None:
        while True:
            with self._store.changed:
                if self._closed:
                    return
                now = self._clock()
                waiting = [job for job in self._store if not (job.is_over or job.busy)]
                ready = [] if self.paused else [job for job in waiting if job.due <= now]
                if not ready:
                    pause = min((job.due for job in waiting), default=math.inf) - now
                    forever = self.paused or pause == math.inf
                    self._store.changed.wait(None if forever else min(max(pause, 0.001), 60))
                    continue
                for job in ready:
                    job.busy = True
            for job in ready:
                self._pool.submit(self._step, job)

    def _step(self, job: Job) -> None:
        """Take one step; an exception ends the job, never the driver."""
        try:
            self._dispatch(job)
        except InvalidInput as error:
            self._end(job, Status.FAILED, str(error))
        except Exception as error:
            if not self._closed:
                logger.exception("job %s failed", job.arn)
            self._end(job, Status.FAILED, f"{_INTERNAL_ERROR} ({type(error).__name__})")
        finally:
            with self._store.changed:
                job.busy = False
                self._store.changed.notify_all()

    def _dispatch(self, job: Job) -> None:
        if self._clock() >= job.expires_at and job.status is not Status.STOPPING:
            started = job.status is Status.IN_PROGRESS
            self._end(job, Status.PARTIALLY_COMPLETED if started else Status.EXPIRED)
            return
        status = job.status
        end_status, share = _end_fault(job)
        match status:
            case Status.SUBMITTED:
                self._move(job, status, Status.VALIDATING, _STATUS_SHARE)
            case Status.VALIDATING:
                self._validate(job)
                self._move(job, status, Status.SCHEDULED, _STATUS_SHARE)
            case Status.SCHEDULED if end_status is Status.EXPIRED and share == 0:
                self._end(job, Status.EXPIRED)
            case Status.SCHEDULED:
                self._move(job, status, Status.IN_PROGRESS, _STATUS_SHARE)
            case Status.IN_PROGRESS:
                self._work(job, end_status, share)
            case Status.STOPPING:
                self._end(job, Status.STOPPED)

    def _validate(self, job: Job) -> None:
        if (role := job.faults.get("wrong_role")) and role != "create":
            raise InvalidInput(
                f"Amazon Bedrock could not assume the role {job.request['roleArn']}. Check that the role exists and "
                "that its trust policy allows bedrock.amazonaws.com to assume it."
            )
        missing = job.faults.get("profile_region_permission_missing")
        if missing and missing != "records" and job.target.profile is not None:
            raise InvalidInput(f"AccessDeniedException: {profile_denied(job)}")
        folder = Path(self._spool.name) / job.job_id
        self._records[job.job_id] = Records(job, self._s3, self._inference, folder, self.limits, self._paid)
        self._records[job.job_id].load()

    def _work(self, job: Job, end_status: Status | None, share: float) -> None:
        """Answer the next chunk, or end the job when there is none left to answer."""
        records = self._records[job.job_id]
        stuck = job.faults.get("stuck_status") == Status.IN_PROGRESS
        if stuck:
            share = 0.5
        wanted = records.total if end_status is None and not stuck else math.ceil(records.total * share)
        left = wanted - records.taken
        chunks = _MIN_CHUNKS if self._seconds(job) else 1
        size = min(self.chunk_records, max(1, math.ceil(records.total / chunks)), left)
        if size > 0 and records.process(size):
            self._wait(job, (1 - 3 * _STATUS_SHARE) * size / records.total)
            if records.taken < wanted:
                return
        if job.status is Status.STOPPING:
            return
        if stuck:
            job.due = job.expires_at
        elif end_status is None:
            self._end(job, Status.COMPLETED)
        else:
            self._end(job, end_status, _INTERNAL_ERROR if end_status is Status.FAILED else None)

    def _move(self, job: Job, before: Status, after: Status, share: float) -> None:
        with self._store.lock:
            if job.status is not before:  # stopped in the meantime
                return
            job.status, job.modified_at = after, self._clock()
            self._wait(job, share)
            if job.faults.get("stuck_status") == after and after is not Status.IN_PROGRESS:
                job.due = job.expires_at

    def _wait(self, job: Job, share: float) -> None:
        with self._store.lock:
            if job.status is not Status.STOPPING:
                job.due = self._clock() + share * self._seconds(job)

    def _seconds(self, job: Job) -> float:
        return self.job_seconds * float(job.faults.get("slow_jobs") or 1)

    def _end(self, job: Job, status: Status, message: str | None = None) -> None:
        """Put what was answered into S3, then show the terminal status."""
        records = self._records.pop(job.job_id, None)
        if records is not None:
            try:
                records.publish()
            except Exception:
                logger.exception("the output of job %s could not be written", job.arn)
                status, message = Status.FAILED, f"The output of the job could not be written to {_output(job)}"
                job.counts = Counts()
            finally:
                records.discard()
        with self._store.changed:
            job.status, job.message = status, message
            job.ended_at = job.modified_at = self._clock()
            self._store.changed.notify_all()


def _end_fault(job: Job) -> tuple[Status | None, float]:
    """How a fault wants the job to end, and the share of its records to be answered before."""
    text = job.faults.get("end_status")
    if not text:
        return None, 1.0
    name, _, share = text.partition(":")
    status = Status(name)
    default = 0.5 if status in (Status.PARTIALLY_COMPLETED, Status.STOPPED) else 0.0
    return status, float(share) if share else default


def _output(job: Job) -> str:
    return str(job.request["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"])
