"""Two runs of one day: one works, the other waits and finds it done, or leaves; one that slept cannot undo the other.

The first tests start real processes, over real HTTP; a process that sleeps is one that got SIGSTOP.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.lake import Lake
from tasks.base.errors import LeaseLost, StorageUnavailable
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.batch.build_batch import build_batch
from tasks.ledger.entries import read_ledger, record_move, write_intent
from tasks.ledger.lease import Holder, check_held, take
from tasks.ledger.moves import adopted, submitted
from tests.factories import ledger_entry, verdicts
from tests.small_lake import NOTE, batches

pytestmark = pytest.mark.usefixtures("without_expectations")

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
#: Real seconds that anything here may take on a busy machine before it is taken to hang.
PATIENCE_S = 180

#: Plays a night and tells in its last line how it ended. Great Expectations has no part in it: its import alone takes
#: longer than the night.
PROCESS = """
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from benchmarks.storms.simulated_clock import all_as_expected
from sandbox.play import play_night
from tasks import adapters
from tasks.base.errors import ModerationError
from tasks.base.settings import Settings

real = adapters.connect
adapters.connect = lambda settings: replace(real(settings), run_suite=all_as_expected)
print("ready", flush=True)
sys.stdin.readline()
try:
    night = play_night(Settings.load(), date.fromisoformat(sys.argv[1]), sys.argv[2], lambda: datetime.now(UTC))
except ModerationError as error:
    print(f"{type(error).__name__}: {error}")
else:
    print("published" if night else "done already")
"""


class Process:
    """A run in a process of its own, which begins when it is told to."""

    def __init__(self, run_id: str, stack: ExitStack, **environment: str) -> None:
        self.popen = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", PROCESS, str(DAY), run_id],
                env=os.environ | environment,
                cwd=Path(__file__).parents[3],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(self.popen.kill)

    def await_ready(self) -> Process:
        """Return when everything is imported."""
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline() == "ready\n"
        return self

    def begin(self) -> None:
        """Let it run."""
        assert self.popen.stdin is not None
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def end(self) -> str:
        """How the run ended."""
        told, _ = self.popen.communicate(timeout=PATIENCE_S)
        return told.splitlines()[-1]


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as it holds; a failure if it does not within PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    """Ends whatever was started."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A site in the sandbox with one day's comments."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODERATION_POLL_INTERVAL_S", "0.1")
    body = BytesIO()
    sample_day(DAY).comments.head(150).write_parquet(body)
    sandbox.s3.put_object(Bucket="moderation-input", Key=f"comments/date={DAY}/part-0.parquet", Body=body.getvalue())
    return Settings.load()


def created(sandbox: Sandbox) -> int:
    """Jobs that Bedrock was asked for."""
    return sandbox.bedrock.call_counts.get("CreateModelInvocationJob", 0)


def published_runs(settings: Settings) -> set[str]:
    """The runs whose verdicts readers see, in the lake and in the plain object."""
    connected, paths = adapters.connect(settings), DayPaths(settings, DAY)
    body = connected.storage.get(paths.plain("verdicts"))
    assert body is not None
    lake = connected.lake.scan(paths.lake(VERDICTS.name), VERDICTS).select("run_id").collect()
    return set(pl.read_parquet(BytesIO(body))["run_id"]) | set(lake["run_id"])


def test_of_two_runs_one_works_and_one_finds_it_done(
    settings: Settings, sandbox: Sandbox, processes: ExitStack
) -> None:
    """Two processes that start a day together: one publishes it, the other waits and finds it published."""
    runs = [Process(name, processes) for name in ("run-a", "run-b")]
    for run in [run.await_ready() for run in runs]:
        run.begin()
    assert sorted(run.end() for run in runs) == ["done already", "published"]
    assert created(sandbox) == 1
    assert set(sandbox.bedrock.paid_records.values()) == {1}


def test_a_run_that_may_not_wait_leaves_with_the_holders_name(
    settings: Settings, sandbox: Sandbox, processes: ExitStack
) -> None:
    """While one process works on a day, another that does not wait stops and says who works."""
    sandbox.bedrock.engine.pause()
    worker, other = Process("worker", processes), Process("other", processes, MODERATION_LEASE_WAIT_S="0")
    worker.await_ready().begin()
    wait_until(lambda: created(sandbox) == 1)
    other.await_ready().begin()
    assert other.end().startswith(f"DayInUse: worker works on {DAY}; this run waited MODERATION_LEASE_WAIT_S=0")
    sandbox.bedrock.engine.resume()
    assert worker.end() == "published"
    assert created(sandbox) == 1


def test_a_process_that_wakes_up_cannot_publish_over_its_successor(
    settings: Settings, sandbox: Sandbox, processes: ExitStack
) -> None:
    """A process is stopped while its job runs, its lease runs out, another run publishes; then it wakes up and must
    leave the other's day as it is, having paid for nothing more."""
    sandbox.bedrock.engine.pause()
    sleeper, paths = Process("sleeper", processes), DayPaths(settings, DAY)
    storage = adapters.connect(settings).storage
    sleeper.await_ready().begin()
    wait_until(lambda: any(entry.job_arn for entry in read_ledger(storage, paths)))
    sleeper.popen.send_signal(signal.SIGSTOP)
    # A successor overwrites a lease that has run out; here it does so without waiting for that.
    storage.put(paths.lease, Holder(run_id="successor").model_dump_json().encode())
    sandbox.bedrock.engine.resume()
    assert play_night(settings, DAY, "successor", lambda: NOW) is not None
    sleeper.popen.send_signal(signal.SIGCONT)
    # The successor has cleared what its forerunner left, or the lease is looked at first: either way it ends.
    assert sleeper.end().startswith(("LeaseLost: ", "InputChanged: "))
    assert published_runs(settings) == {"successor"}
    assert created(sandbox) == 1
    assert set(sandbox.bedrock.paid_records.values()) == {1}


def test_a_sleeper_asks_nothing_more(settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose day was taken over while it planned its batch puts no intent on record and asks for no job."""
    storage, paths, build = adapters.connect(settings).storage, DayPaths(settings, DAY), build_batch.fn

    def slow(*args: object) -> object:
        batch = build(*args)  # type: ignore[arg-type] # it gets what build_batch gets
        storage.put(paths.lease, Holder(run_id="successor").model_dump_json().encode())
        return batch

    monkeypatch.setattr(build_batch, "fn", slow)
    with pytest.raises(LeaseLost, match="successor"):
        play_night(settings, DAY, "sleeper", lambda: NOW)
    assert created(sandbox) == 0
    assert [entry for entry in read_ledger(storage, paths) if entry.mode == "batch"] == []


def test_a_sleeper_calls_for_nothing_more(
    settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of single calls whose day is taken over makes no call but those in flight: the successor makes them."""
    connected, paths = adapters.connect(settings), DayPaths(settings, DAY)
    in_a_row = settings.model_copy(update={"min_job_records": 1000, "on_demand_concurrency": 1, "on_demand_per_s": 1e4})

    class TakenOver:
        """Bedrock, during whose first call another run takes the day."""

        def __getattr__(self, name: str) -> object:
            return getattr(connected.bedrock, name)

        def invoke(self, *args: Any) -> dict[str, Any]:
            connected.storage.put(paths.lease, Holder(run_id="successor").model_dump_json().encode())
            return connected.bedrock.invoke(*args)

    asleep = replace(connected, bedrock=TakenOver())  # type: ignore[arg-type] # the rest of the port is passed on
    monkeypatch.setattr(adapters, "connect", lambda _: asleep)
    with pytest.raises(LeaseLost, match="successor"):
        play_night(in_a_row, DAY, "sleeper", lambda: NOW)
    assert sandbox.bedrock.call_counts["InvokeModel"] == 1


def test_a_sleeper_cannot_change_published_books(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run sleeps through its canary's call while another publishes the day: the answer comes too late for the books,
    and the published row says what the ledger says."""
    connected, paths = adapters.connect(settings), DayPaths(settings, DAY)

    class TakenOver:
        """Bedrock, during whose first call another run takes the day and publishes it."""

        is_first = True

        def __getattr__(self, name: str) -> object:
            return getattr(connected.bedrock, name)

        def invoke(self, *args: Any, **more: Any) -> dict[str, Any]:
            if self.is_first:
                self.is_first = False
                connected.storage.put(paths.lease, Holder(run_id="successor").model_dump_json().encode())
                quick = settings.model_copy(update={"preflight_canary": False})
                assert play_night(quick, DAY, "successor", lambda: NOW) is not None
            return connected.bedrock.invoke(*args, **more)

    asleep = replace(connected, bedrock=TakenOver())  # type: ignore[arg-type] # the rest of the port is passed on
    monkeypatch.setattr(adapters, "connect", lambda _: asleep)
    with pytest.raises(LeaseLost):
        play_night(settings, DAY, "sleeper", lambda: NOW)
    booked = [entry.usage for entry in read_ledger(connected.storage, paths) if entry.usage is not None]
    (night,) = connected.lake.scan(paths.lake(NIGHTS.name), NIGHTS).collect().iter_rows(named=True)
    assert night["run_id"] == "successor"
    assert night["input_tokens"] == sum(usage.input_tokens for usage in booked)
    assert night["output_tokens"] == sum(usage.output_tokens for usage in booked)
    assert any(usage.lost_call_count for usage in booked)


def test_a_sleeper_cannot_turn_the_ledger_back(settings: Settings) -> None:
    """An entry that another run has moved on stays as it is, whatever this run knew of it."""
    storage, paths = adapters.connect(settings).storage, DayPaths(settings, DAY)
    known = write_intent(storage, paths, ledger_entry(run_date=DAY))
    moved = record_move(storage, paths, submitted(known, "arn:of-the-successor", NOW))
    with pytest.raises(LeaseLost, match=known.job_name):
        record_move(storage, paths, adopted(known, "arn:of-the-sleeper", NOW))
    assert read_ledger(storage, paths) == [moved]


@pytest.fixture(params=["files", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where outputs lie: a folder, or the sandbox's S3."""
    if request.param == "files":
        monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
        return str(tmp_path)
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return "s3://moderation-output"


@pytest.mark.parametrize("is_empty", [pytest.param(False, id="rows"), pytest.param(True, id="no-rows")])
def test_a_commit_whose_guard_passed_fails_once_the_successor_has_committed(root: str, *, is_empty: bool) -> None:
    """The last moment: the sleeper's guard passes, then the successor takes the day and commits; the sleeper's commit,
    which starts from the version before, is refused and the successor's day stands, also where it is empty and neither
    commit removes a file that the other knows."""
    settings = Settings.load(
        output_uri=root, comments_uri=root, labels_uri=root, batch_uri=root, role_arn="arn:aws:iam::123456789012:role/x"
    )
    connected, paths = adapters.connect(settings), DayPaths(settings, DAY)
    storage, lake, uri = connected.storage, connected.lake, paths.lake(VERDICTS.name)
    frames = {
        name: verdicts({"run_id": name, "date": DAY, "comment_id": f"c-{name}"}) for name in ("sleeper", "successor")
    }
    if is_empty:
        frames["successor"] = frames["successor"].head(0)
    else:
        lake.replace_day(uri, VERDICTS, DAY, batches(frames["sleeper"], VERDICTS), NOTE)
    expected = frames["successor"]["comment_id"].to_list()

    def publish(lake: Lake, name: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        def guard() -> None:
            check_held(storage, paths, name)
            meanwhile()

        lake.replace_day(uri, VERDICTS, DAY, batches(frames[name], VERDICTS), NOTE, guard)

    def taken_over() -> None:
        storage.put(paths.lease, Holder(run_id="sleeper", is_released=True).model_dump_json().encode())
        assert take(storage, paths.lease, "successor").is_ours
        publish(adapters.connect(settings).lake, "successor")

    assert take(storage, paths.lease, "sleeper").is_ours
    with pytest.raises(StorageUnavailable):
        publish(lake, "sleeper", taken_over)
    assert lake.scan(uri, VERDICTS).collect()["comment_id"].to_list() == expected
    with pytest.raises(LeaseLost, match="successor"):  # what a retry of the stage meets
        publish(lake, "sleeper")
    assert lake.scan(uri, VERDICTS).collect()["comment_id"].to_list() == expected
