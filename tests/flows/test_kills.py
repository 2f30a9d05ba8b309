"""A night's own process killed through Prefect, where it hurts most, and the same day run again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from flows.nightly import nightly
from sandbox.days import sample_day
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.ledger.entries import read_ledger
from tasks.ledger.lease import Holder
from tests.prefect_site import NIGHT_COMMAND, RUN_DATE, Site

#: Real seconds that anything here may take on a busy machine before it is taken to hang.
PATIENCE_S = 240


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Return as soon as it holds; a failure if the process ends before, or it does not within PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, "the night ended before it could be killed"
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


@contextmanager
def night_process(server: str) -> Iterator[subprocess.Popen[bytes]]:
    """The nightly flow in a process of its own, as a worker would run it; dead at the end of the block."""
    process = subprocess.Popen(
        NIGHT_COMMAND,
        env=os.environ | {"PREFECT_API_URL": server},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def calls(site: Site, operation: str) -> int:
    """How often Bedrock was asked for something."""
    return site.bedrock.call_counts.get(operation, 0)


def is_submitting(site: Site) -> bool:
    """Bedrock has accepted the job; whether the night knows that yet is anybody's guess."""
    return calls(site, "CreateModelInvocationJob") > 0


def is_polling(site: Site) -> bool:
    """The night waits for its job."""
    return calls(site, "GetModelInvocationJob") > 2


def is_publishing(site: Site) -> bool:
    """The verdicts are out, and the night is not closed."""
    return f"verdicts/date={RUN_DATE}/verdicts.parquet" in site.output_keys("verdicts/")


@pytest.mark.parametrize(
    ("is_there", "is_paused"),
    [
        pytest.param(is_submitting, True, id="submitting"),
        pytest.param(is_polling, True, id="polling"),
        pytest.param(is_publishing, False, id="publishing"),
    ],
)
def test_a_night_killed_and_run_again_is_published_and_paid_once(
    is_there: Callable[[Site], bool], is_paused: bool, site: Site, prefect_server: str
) -> None:
    """After SIGKILL the next run of the day publishes it: each record paid once, every job in the ledger."""
    day = sample_day(RUN_DATE)
    site.put_day(day)
    if is_paused:
        site.bedrock.engine.pause()
    with night_process(prefect_server) as process:
        wait_until(lambda: is_there(site), process)
        process.kill()
        assert process.wait() == -9
    site.bedrock.engine.resume()
    settings = Settings.load()
    storage, paths = adapters.connect(settings).storage, DayPaths(settings, RUN_DATE)
    body = storage.get(paths.lease)
    assert body is not None, "it died before it held the day"
    # A minute later the lease would have run out by itself.
    holder = Holder.model_validate_json(body).model_copy(update={"is_released": True})
    storage.put(paths.lease, holder.model_dump_json().encode())
    nightly(run_date=RUN_DATE)
    verdicts, rejected = site.read("verdicts"), site.read("rejected")
    assert set(verdicts["status"]) == {"judged"}
    assert verdicts["comment_id"].is_unique().all()
    assert verdicts.height + rejected.height == day.comments.height
    assert set(site.bedrock.paid_records.values()) == {1}
    jobs = {entry.job_arn for entry in read_ledger(storage, paths) if entry.job_arn}
    assert {job.arn for job in site.bedrock.store} == jobs
    assert len(jobs) == 1
    assert nightly(run_date=RUN_DATE) is None, "and once more there is nothing to do"
