"""The durable steps of a process, as the ports themselves are asked for them, and where the process dies.

A killed process writes nothing more, not even to give up its lease: every later call of its ports dies too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

#: Calls of the storage, lake and Bedrock ports that outlive the process.
WRITES = frozenset(
    {
        "compact",
        "put",
        "put_if_absent",
        "put_if_match",
        "send",
        "send_if_match",
        "delete",
        "replace_all",
        "replace_day",
        "append",
        "checkpoint",
        "create_job",
        "stop_job",
        "invoke",
    }
)
#: Calls that leave nothing behind.
READS = frozenset(
    {
        "list",
        "presigned",
        "web_link",
        "get",
        "fetch",
        "fetch_all",
        "open",
        "pieces",
        "ends",
        "get_versioned",
        "keeps_versions",
        "scan",
        "read",
        "read_listed",
        "now",
        "live_files",
        "files",
        "commits",
        "scan_at",
        "day_files",
        "days",
        "get_job",
        "find_jobs",
        "list_jobs",
    }
)


class Killed(BaseException):
    """The process dies here; nothing catches it but who started it."""


class Process:
    """When a process dies: after the durable step of this number, or before it; None for never.

    Attributes:
        steps: the durable steps so far, by name.
        silent_since_s: since when its heart has not beaten, dead, stopped or done; None while it works.
        awake_since_s: when it began, or woke up last.
    """

    def __init__(
        self, step: int | None = None, *, is_after: bool = False, clock: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.steps: list[str] = []
        self.is_dead = False
        self.silent_since_s: float | None = None
        self.awake_since_s = clock()
        self._clock = clock
        self._step, self._is_after = step, is_after
        self._lock = threading.RLock()

    def watch(self, port: Any) -> Any:
        """The port, until the process dies."""
        return _Watched(self, port)

    def call(self, port: Any, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Let a call through, or die."""
        with self._lock:
            if self.is_dead:
                raise Killed
            if name in WRITES:
                self.steps.append(name)
            self.before(port, name, args)
            result = function(*args, **kwargs)
            self.after(port, name, args)
            return result

    def before(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """What happens before a call is made."""
        if self._is_mine(name) and not self._is_after:
            self.die()

    def after(self, port: Any, name: str, args: tuple[Any, ...]) -> None:
        """What happens once it is made and before its answer is known."""
        if self._is_mine(name) and self._is_after:
            self.die()

    def die(self) -> None:
        """End the process, as SIGKILL would."""
        self.is_dead, self.silent_since_s = True, self._clock()
        raise Killed

    def _is_mine(self, name: str) -> bool:
        return name in WRITES and len(self.steps) - 1 == self._step


class _Watched:
    def __init__(self, process: Process, port: Any) -> None:
        self._process, self._port = process, port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._process.call(self._port, name, found, *args, **kwargs)
