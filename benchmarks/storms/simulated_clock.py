"""Puts simulated time and a run's own ports where the stages look for the real ones: at `adapters.connect`.

Each process connects to ports of its own, and its clock is the world's. Great Expectations takes longer than the rest
of such a night and has no part in it: every row is as expected.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from unittest import mock

import polars as pl

from data_contracts import expectations
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.settings import Settings

_connected: ContextVar[Adapters] = ContextVar("connected")


def use(ports: Adapters) -> None:
    """From here on these are what the process's stages connect to."""
    _connected.set(ports)


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
