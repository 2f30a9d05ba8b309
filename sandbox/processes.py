"""The processes that `python -m sandbox up` starts: each in a session of its own with a log, all of them found again.

A worker starts a process a flow run, in yet another session, and any of them may outlive whoever started it. So all of
them carry a mark in their environment, by which the same `up` finds its own and nobody else's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

#: Names the folder of the `up` that a process belongs to, and what it is there.
MARK = "NIGHTLY_MODERATION_UP"
_LOOK_AGAIN_S = 0.1
_LAST_LINES = 15


class Child(NamedTuple):
    """A process that was started, and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.process.poll() is not None

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self._lines()[-_LAST_LINES:])

    def last_line(self) -> str:
        """The last line of its log that says something: of a traceback that is the error."""
        return next((line.strip() for line in reversed(self._lines()) if line.strip()), "it said nothing")

    def _lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()


def start(name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path) -> Child:
    """Start a process that a terminal's Ctrl-C does not reach, and whose output goes to `logs`/NAME.log."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 (our own interpreter)
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, log)


def mark(home: Path, role: str) -> dict[str, str]:
    """The environment that marks a process, and all that it starts, as a `role` of this folder's `up`."""
    return {MARK: f"{home}|{role}"}


def marked(home: Path, role: str = "") -> list[int]:
    """The ids of all processes with the mark of this folder, or of one role only; none where there is no /proc."""
    wanted = f"{MARK}={home}|{role}".encode()
    pids = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            is_ours = any(pair.startswith(wanted) for pair in entry.read_bytes().split(b"\0"))
        except OSError:  # it has ended, or is somebody else's
            continue
        if is_ours and int(entry.parent.name) != os.getpid():
            pids.append(int(entry.parent.name))
    return pids


def end(child: Child, how: signal.Signals, wait_s: float) -> None:
    """Ask a process to end, and end it by force with its group if it has not after `wait_s` seconds."""
    if not child.has_ended:
        child.process.send_signal(how)
        try:
            child.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()


def end_marked(home: Path, role: str = "", wait_s: float = 5.0) -> int:
    """End every process with the mark, by force after `wait_s` seconds; how many there were."""
    pids = left = set(marked(home, role))
    _send(pids, signal.SIGTERM)
    limit = time.monotonic() + wait_s
    while (left := left & set(marked(home, role))) and time.monotonic() < limit:
        time.sleep(_LOOK_AGAIN_S)
    _send(left, signal.SIGKILL)
    return len(pids)


def _send(pids: set[int], how: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, how)
