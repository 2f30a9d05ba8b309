"""Simulated time, and the processes that live in it one at a time.

A process is a thread that runs until it sleeps; then whoever wakes first goes on, and the clock jumps there. So hours
pass in no time, two runs of one day interleave, and the same program takes the same course every time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

#: Real seconds after which a process that nobody wakes is a defect of this module.
_HUNG_S = 300


class Life:
    """A process: when it wakes next, and whether it has ended."""

    def __init__(self, function: Callable[[], None], wake_s: float) -> None:
        self.wake_s = wake_s
        self.is_over = False
        self.error: BaseException | None = None
        self.thread: threading.Thread | None = None
        self._function = function

    def live(self) -> None:
        """Run to the end; what it raises is kept for whoever waits for the world."""
        try:
            self._function()
        except BaseException as error:
            self.error = error


class World:
    """A clock that only sleeping moves, see `tasks.base.ports.Clock`.

    Attributes:
        now_s: simulated seconds since the world began.
    """

    def __init__(self, begin: datetime) -> None:
        self.now_s = 0.0
        self._begin = begin
        self._turn = threading.Condition()
        self._lives: list[Life] = []
        self._running: Life | None = None
        self._local = threading.local()

    def now(self) -> datetime:
        """The time of day."""
        return self._begin + timedelta(seconds=self.now_s)

    def monotonic(self) -> float:
        """The clock."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let so much time pass; a helper thread of a process does not sleep, only its process does."""
        life = getattr(self._local, "life", None)
        if life is not None:
            self.pause(life, seconds)
        elif self._running is None:
            self.now_s += max(seconds, 0)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event, however long: time passes only while a process sleeps, and its helpers do not count it.

        So no heart beats; how old a lease is, is told by how long its run has been silent, see `LeaseLog`.
        """
        return event.wait()

    def current(self) -> Life | None:
        """The process that asks."""
        life: Life | None = getattr(self._local, "life", None)
        return life

    def pause(self, life: Life | None, seconds: float) -> None:
        """Stop a process for so long, from whichever of its threads."""
        if life is None:
            self.sleep(seconds)
            return
        with self._turn:
            life.wake_s = self.now_s + max(seconds, 0)
            if all(other.wake_s >= life.wake_s for other in self._lives if other is not life and not other.is_over):
                self.now_s = life.wake_s
                return
            self._hand_over()
            self._await(lambda: self._running is life)

    def start(self, function: Callable[[], None], delay_s: float = 0) -> Life:
        """Add a process that begins so much later; `run` lets it, and one that is started meanwhile too."""
        life = Life(function, self.now_s + delay_s)
        with self._turn:
            self._lives.append(life)
        life.thread = threading.Thread(target=self._live, args=(life,), daemon=True)
        life.thread.start()
        return life

    def run(self) -> None:
        """Let every process live to its end, and raise the first error that one of them died of."""
        with self._turn:
            self._hand_over()
            self._await(lambda: self._running is None)
        lives, self._lives = self._lives, []
        for life in lives:
            if life.thread is not None:
                life.thread.join()
            if life.error is not None:
                raise life.error

    def _live(self, life: Life) -> None:
        self._local.life = life
        with self._turn:
            self._await(lambda: self._running is life)
        life.live()
        with self._turn:
            life.is_over = True
            self._hand_over()

    def _hand_over(self) -> None:
        self._running = min((life for life in self._lives if not life.is_over), key=lambda it: it.wake_s, default=None)
        if self._running is not None:
            self.now_s = max(self.now_s, self._running.wake_s)
        self._turn.notify_all()

    def _await(self, condition: Callable[[], bool]) -> None:
        if not self._turn.wait_for(condition, _HUNG_S):
            raise RuntimeError(f"no process of this world has moved for {_HUNG_S} seconds")
