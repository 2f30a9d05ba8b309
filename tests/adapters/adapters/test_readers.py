"""Readers while their tables change: whole versions only, whatever is committed, sent, erased or killed meanwhile.

`python -m benchmarks.readers` is the same with days of 20 MB and a process for each reader.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from benchmarks import readers
from benchmarks.readers import DAY, PLAIN, TABLE, Seen, Task
from data_contracts.tables.verdicts import VERDICTS
from sandbox.serve import Sandbox
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.lake import Lake
from tasks.adapters.lake_history import forget_history
from tasks.adapters.storage import Storage

#: Megabytes of a day; READERS_MB=20 makes it a real one.
MB = float(os.environ.get("READERS_MB", "0.1"))


@pytest.fixture
def site(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return sandbox


def test_readers_see_whole_versions_while_a_day_is_republished(site: Sandbox) -> None:
    """Polars, deltalake and DuckDB on the table, and a reader of the plain object: no error, no mix, no gap, never back
    to an older version, while another process replaces the day again and again and erases another day's history."""
    published, tallies = readers.run(Task(int(MB * 1e6 / readers.BYTES_A_ROW), 5, 3), [list(readers.ENGINES)])
    assert {tally.engine for tally in tallies} == set(readers.ENGINES)
    assert {tally.engine: tally.errors + tally.wrong for tally in tallies} == {name: [] for name in readers.ENGINES}
    assert min(tally.version_count for tally in tallies) >= 3, "the readers read while it was published"
    assert published >= 3


@pytest.mark.parametrize(
    ("seen", "newest", "told"),
    [
        pytest.param(Seen(("run-00003",), 121, 121), 2, None, id="whole"),
        pytest.param(Seen(("run-00003",), 121, 121), 3, None, id="the-same-again"),
        pytest.param(Seen((), 0, 0), 2, "no row at all", id="empty"),
        pytest.param(Seen(("run-00002", "run-00003"), 121, 121), 2, "a mix", id="mix"),
        pytest.param(Seen(("run-00003",), 120, 120), 2, "publication 3 has 121", id="gap"),
        pytest.param(Seen(("run-00003",), 121, 120), 2, "publication 3 has 121", id="twice"),
        pytest.param(Seen(("run-00003",), 121, 121), 4, "3 after 4", id="back"),
    ],
)
def test_the_readers_check_would_see_it(seen: Seen, newest: int, told: str | None) -> None:
    """Each way in which a read can be wrong is told from a whole version."""
    found = readers.what_is_wrong(seen, Task(100, 0, 0), newest)
    assert found is None if told is None else told in str(found)


def test_an_erasure_never_makes_a_read_wrong(site: Sandbox) -> None:
    """A scan that began before its day was erased either fails for the missing file or is whole; the next one is
    right. Old files go at once, so that much is not promised: see docs/tables.md."""
    aws, task = shared(AwsEnvironment()), Task(200, 0, 0)
    lake, storage = Lake(aws), Storage(aws)
    readers.publish(lake, storage, task, 1)
    begun = lake.scan(TABLE, VERDICTS).filter(pl.col("date") == DAY).select("comment_id", "run_id")
    readers.publish(lake, storage, task, 2)
    forgotten = forget_history(lake, storage, TABLE, VERDICTS, DAY)
    assert forgotten.file_count >= 1
    with pytest.raises((OSError, pl.exceptions.ComputeError), match=r"NoSuchKey|[Nn]ot [Ff]ound"):
        begun.collect()
    assert readers.what_is_wrong(readers.by_polars(), task, 2) is None


def test_a_kill_in_the_middle_of_a_send_leaves_the_old_object(site: Sandbox, tmp_path: Path) -> None:
    """A process that dies with half of a plain object sent has replaced nothing: its reader has the old one whole."""
    old, new = (readers.verdicts(number, 20_000, DAY) for number in (1, 2))
    Storage(shared(AwsEnvironment())).send(_file(tmp_path, old), PLAIN)
    file = _file(tmp_path, new)
    with _stalling(site.environment["AWS_ENDPOINT_URL_S3"], file.stat().st_size // 2) as (endpoint, is_half_sent):
        writer = multiprocessing.get_context("spawn").Process(
            target=_send, args=(site.environment | {"AWS_ENDPOINT_URL_S3": endpoint}, file)
        )
        writer.start()
        assert is_half_sent.wait(60)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    assert readers.what_is_wrong(readers.by_get_object(), Task(20_000, 0, 0), 1) is None
    bucket, key = PLAIN.removeprefix("s3://").split("/", 1)
    body = site.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert pl.read_parquet(BytesIO(body)).equals(old)


def _file(folder: Path, frame: pl.DataFrame) -> Path:
    path = folder / "verdicts.parquet"
    frame.write_parquet(path)
    return path


def _send(environment: dict[str, str], file: Path) -> None:
    """A writer's process."""
    os.environ.update(environment)
    Storage(shared(AwsEnvironment())).send(file, PLAIN)


@contextmanager
def _stalling(target: str, limit: int) -> Iterator[tuple[str, threading.Event]]:
    """A way to a server that lets so many bytes of what a client sends through, and then no more."""
    is_full = threading.Event()

    def pump(source: socket.socket, sink: socket.socket, most: float) -> None:
        passed = 0
        try:
            while passed < most and (data := source.recv(min(65_536, int(min(most - passed, 65_536))))):
                sink.sendall(data)
                passed += len(data)
            if passed >= most:
                is_full.set()
                while source.recv(1):  # what comes now is lost, until the client is gone
                    pass
        except OSError:
            pass
        finally:
            for end in (source, sink):
                _shut(end)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            host, port = urlsplit(target).netloc.split(":")
            server = socket.create_connection((host, int(port)))
            pairs: list[tuple[Any, Any, float]] = [(client, server, limit), (server, client, float("inf"))]
            for source, sink, most in pairs:
                threading.Thread(target=pump, args=(source, sink, most), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", is_full


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
