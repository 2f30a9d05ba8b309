"""Puts simulated time and a run's own ports where the stages look for the real ones: at `adapters.connect`.

Each process connects to ports of its own, and its clock is the world's. Great Expectations takes longer than the rest
of such a night and has no part in it: every row is as expected.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar
from unittest import mock

import polars as pl

from benchmarks.storms.kill_points import Killed, Process
from data_contracts import expectations
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import WorkersLost
from tasks.base.settings import Settings

T = TypeVar("T")
R = TypeVar("R")

#: Workers that one part may end, as Dask has it.
_MOST_DEATHS = 3

_connected: ContextVar[Adapters] = ContextVar("connected")


def use(ports: Adapters) -> None:
    """From here on these are what the process's stages connect to."""
    _connected.set(ports)


@contextmanager
def using(ports: Adapters) -> Iterator[None]:
    """For the block these are what is connected to: a worker's, who works on behalf of the process."""
    token = _connected.set(ports)
    try:
        yield
    finally:
        _connected.reset(token)


@contextmanager
def simulated(seed: int = 0) -> Iterator[None]:
    """Until the block ends, stages connect to what their process uses, and their jitter is drawn from this seed."""
    state = random.getstate()
    random.seed(seed)
    with mock.patch.object(adapters, "connect", _connect):
        try:
            yield
        finally:
            random.setstate(state)


def all_as_expected(
    suite: expectations.SuiteName, checks: Sequence[expectations.Check], batches: Iterable[pl.DataFrame]
) -> list[expectations.RowCounts]:
    """See `expectations.counts_by_check`."""
    expectation = {"type": "none", "kwargs": {}}
    return [expectations.RowCounts(check.name, frame.height, 0, expectation) for frame in batches for check in checks]


def _connect(settings: Settings) -> Adapters:
    return _connected.get()


class DyingWorkers:
    """A crew whose workers die and sleep by the plan; another one does the part again.

    Args:
        hire: the process of a new worker, and what it connects to.
    """

    def __init__(self, hire: Callable[[], tuple[Process, Adapters]]) -> None:
        self._hire = hire

    def work(self, part: Callable[[T], R], given: Sequence[T]) -> Iterator[tuple[T, R]]:
        """See Crew."""
        return ((one, self._do(part, one)) for one in given)

    def _do(self, part: Callable[[T], R], one: T) -> R:
        for _ in range(_MOST_DEATHS + 1):
            worker, ports = self._hire()
            try:
                with using(ports):
                    return part(one)
            except Killed:
                if not worker.is_dead:
                    raise
        raise WorkersLost(f"{part.__name__} ended {_MOST_DEATHS} workers")
