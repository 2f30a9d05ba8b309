"""A run that is cancelled through its process: by Ctrl-C, by SIGTERM, by Prefect."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun

from data_contracts.documents.ledger import LedgerEntry
from flows.nightly import nightly, stop_cancelled
from sandbox.days import sample_day
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.ledger.entries import read_ledger
from tasks.ledger.lease import Holder
from tests.prefect_site import NIGHT_COMMAND, RUN_DATE, Site

PATIENCE_S = 120.0


@contextmanager
def running_night(prefect_server: str) -> Iterator[subprocess.Popen[str]]:
    """The command line, in a process group of its own as a terminal's would be, and heeding Ctrl-C as there.

    `preexec_fn` would set that too, but runs Python in a copy of this process, whose other threads are gone: it can
    crash or hang there.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        NIGHT_COMMAND,
        env=os.environ | {"PREFECT_API_URL": prefect_server},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        signal.signal(signal.SIGINT, before)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return when it holds; a process that ends before it fails the test with what it said."""
    begun = time.monotonic()
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() - begun < PATIENCE_S
        time.sleep(0.1)


def jobs_of_the_day() -> list[LedgerEntry]:
    """The ledger's batch jobs."""
    settings = Settings.load()
    ledger = read_ledger(adapters.connect(settings).storage, DayPaths(settings, RUN_DATE))
    return [entry for entry in ledger if entry.mode == "batch"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_to_the_command_line(site: Site, prefect_server: str, number: signal.Signals) -> None:
    """The job is stopped, half of its answers are kept, the last line says so, and the next run asks the rest."""
    site.put_day(sample_day(RUN_DATE, comment_count=400))
    site.sandbox.faults.set("stuck_status", "InProgress@1")
    with running_night(prefect_server) as process:
        until(lambda: any(job.status == "InProgress" and job.counts.processed for job in site.bedrock.store), process)
        os.killpg(process.pid, number)
        _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, stderr
    last = stderr.splitlines()[-1]
    assert last.startswith(
        f"nightly {RUN_DATE}: Cancelled: 1 Bedrock jobs were asked to stop, 1 have ended; the answers of 1 are booked"
    )
    (job,) = list(site.bedrock.store)
    assert job.status == "Stopped"
    (usage,) = [entry.usage for entry in jobs_of_the_day()]
    assert usage is not None
    assert usage.answered_count > 0
    night = nightly(run_date=RUN_DATE)
    assert night is not None
    assert night.statuses == {"judged": night.balance.valid_count}
    assert set(site.bedrock.paid_records.values()) == {1}


def test_the_hook_knows_its_run_by_what_prefect_tells(site: Site, prefect_server: str) -> None:
    """Prefect runs the hook in another process, with the flow run as its server has it: day and run are the same."""
    site.put_day(sample_day(RUN_DATE, comment_count=400))
    settings, started, run = Settings.load(), datetime(2026, 11, 18, 17, 0, tzinfo=UTC), uuid4()
    paths, storage = DayPaths(settings, RUN_DATE), adapters.connect(settings).storage
    site.sandbox.faults.set("stuck_status", "InProgress@1")
    with running_night(prefect_server) as process:
        until(lambda: any(job.counts.processed for job in site.bedrock.store), process)
        process.kill()
    parameters = {"run_date": str(RUN_DATE)}
    given = FlowRun(id=run, flow_id=uuid4(), expected_start_time=started, parameters=parameters, run_count=1)
    stop_cancelled(nightly, given, None)
    assert [job.status for job in site.bedrock.store] == ["InProgress"], "the lease is another run's"
    storage.put(paths.lease, Holder(run_id=f"20261118T170000-{str(run)[:8]}").model_dump_json().encode())
    stop_cancelled(nightly, given, None)
    assert [job.status for job in site.bedrock.store] == ["Stopped"]
    assert [entry.state for entry in jobs_of_the_day()] == ["collected"]
