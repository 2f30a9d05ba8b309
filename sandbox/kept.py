"""The processes that `up` keeps going: Prefect's two, a Dask cluster's; and the next ones should they die."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sandbox.prefect_runs import is_answering
from sandbox.processes import Child, end, end_marked, mark, start

_START_S, _LOOK_AGAIN_S, _SAY_AGAIN_S = 180.0, 0.25, 20.0
_END_S = 5.0
#: A process that ends by itself sooner than this after its start is not started again: it would end again.
_SHORT_LIFE_S = 20.0

Say = Callable[[str], None]


class CannotStart(Exception):
    """`up` cannot start or go on, for a reason that a few lines explain."""


class Ended(Exception):
    """Ctrl-C, perhaps before all was ready."""


def pause(ended: threading.Event) -> None:
    """Wait a moment.

    Raises:
        Ended: if a signal came.
    """
    if ended.wait(_LOOK_AGAIN_S):
        raise Ended


def wait_until(is_done: Callable[[], bool], what: str, ended: threading.Event, say: Say) -> float:
    """Wait for something, with a line each 20 seconds; the seconds that it took.

    Raises:
        Ended: if a signal came.
    """
    begun = time.monotonic()
    said_at_s = 0.0
    while not is_done():
        waited = time.monotonic() - begun
        if waited - said_at_s >= _SAY_AGAIN_S:
            said_at_s = waited
            say(f"  {what} (for {waited:.0f} s now)")
        pause(ended)
    return time.monotonic() - begun


class _Kept:
    """A process with a role in an `up`, ended with it.

    Args:
        role: its name, for logs and people.
        command: what runs it.
        home: Prefect's folder.
        stack: where its end is put.
        say: what is told to the terminal.
    """

    def __init__(self, role: str, command: list[str], home: Path, stack: ExitStack, say: Say) -> None:
        self._role, self._command, self._home, self._say = role, command, home, say
        self._child = self._start()
        # Its own children outlive it: a server's, and the runs of a worker.
        stack.callback(end_marked, home, role)
        stack.callback(lambda: end(self._child, signal.SIGINT, _END_S))

    def _start(self) -> Child:
        self._started = time.monotonic()
        return start(self._role, self._command, os.environ | mark(self._home, self._role), self._home / "logs")

    def _start_another(self) -> None:
        """Raises CannotStart if this one ended by itself soon after its start."""
        code = self._child.process.returncode
        if code >= 0 and time.monotonic() - self._started < _SHORT_LIFE_S:
            raise CannotStart(f"the {self._role} ended soon after its start (code {code}): {self.last_words()}")
        self._say(f"the {self._role} ended (code {code}): another one starts")
        self._child = self._start()

    def keep_alive(self) -> None:
        """Start another if this one has ended.

        Raises:
            CannotStart: if it ended by itself soon after its start.
        """
        if self._child.has_ended:
            self._start_another()

    def last_words(self) -> str:
        """The last line of its log, and where the others are."""
        return f"{self._child.last_line()}\nall of it: {self._child.log}"


class Server(_Kept):
    """A Prefect server that answers; another one is started by `revive`."""

    def __init__(self, port: int, host: str, home: Path, stack: ExitStack, say: Say, ended: threading.Event) -> None:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
        say("the Prefect server starts ...")
        super().__init__("server", command, home, stack, say)
        self._await(ended)

    def revive(self, ended: threading.Event) -> bool:
        """Start another if this one has ended; whether one was started, and answers now.

        Raises:
            CannotStart: if it does not start.
            Ended: if a signal came.
        """
        if not self._child.has_ended:
            return False
        # What it started itself may hold the port.
        end_marked(self._home, self._role)
        self._start_another()
        self._await(ended)
        self._say("the Prefect server answers again")
        return True

    def _await(self, ended: threading.Event) -> None:
        limit = time.monotonic() + _START_S

        def is_done() -> bool:
            if self._child.has_ended or time.monotonic() > limit:
                raise CannotStart(f"the Prefect server did not start: {self.last_words()}")
            return is_answering(os.environ["PREFECT_API_URL"])

        wait_until(is_done, "the Prefect server is not ready yet", ended, self._say)


class Worker(_Kept):
    """A worker."""

    def __init__(self, home: Path, stack: ExitStack, say: Say) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}"
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "moderation", "--name", name]
        super().__init__("worker", command, home, stack, say)

    def forgive(self) -> None:
        """Start another if this one has ended, however soon: it had no server to talk to."""
        self._started = float("-inf")
        self.keep_alive()


class DaskProcess(_Kept):
    """The scheduler of a Dask cluster on this machine, or one of its workers: one thread, in a process of its own."""

    @classmethod
    def cluster(cls, count: int, host: str, home: Path, stack: ExitStack, say: Say) -> tuple[str, list[DaskProcess]]:
        """Start a scheduler and so many workers; its address, and all of them."""
        with socket.socket() as probe:  # a scheduler that is started again must be found where it was
            probe.bind((host, 0))
            port = probe.getsockname()[1]
        address, dask = f"tcp://{host}:{port}", [sys.executable, "-m", "dask"]
        quiet = ["--host", host, "--no-dashboard"]
        scheduler = cls("dask-scheduler", [*dask, "scheduler", *quiet, "--port", str(port)], home, stack, say)
        own = [*quiet, "--nthreads", "1", "--local-directory", str(home / "dask")]
        workers = [
            cls(f"dask-worker-{number}", [*dask, "worker", address, *own], home, stack, say)
            for number in range(1, count + 1)
        ]
        return address, [scheduler, *workers]
