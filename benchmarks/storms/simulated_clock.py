"""Puts simulated time and a run's own ports where the stages look for the real ones.

The stages take their clock and their sleep as parameters whose defaults are the real ones: those defaults become the
world's. `adapters.connect` gives each process the ports of its own fate. Great Expectations takes longer than the rest
of such a night and has no part in it: every row is as expected.
"""

from __future__ import annotations

import inspect
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any
from unittest import mock

import polars as pl

from benchmarks.storms.world import World
from data_contracts import expectations
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.settings import Settings
from tasks.intake import check_expectations
from tasks.ledger import lease

_connected: ContextVar[Adapters] = ContextVar("connected")


def use(ports: Adapters) -> None:
    """From here on these are what the process's stages connect to."""
    _connected.set(ports)


@contextmanager
def simulated(world: World, seed: int = 0) -> Iterator[None]:
    """Until the block ends, the stages live in this world, and their jitter is drawn from this seed."""
    state = random.getstate()
    random.seed(seed)
    with ExitStack() as stack:
        for function in _functions():
            _put_defaults(stack, function, {time.sleep: world.sleep, time.monotonic: world.monotonic})
        stack.enter_context(mock.patch.object(adapters, "connect", _connect))
        # A lease's age is its run's, see Site: no real heartbeat is needed.
        stack.enter_context(mock.patch.object(lease, "HEARTBEAT_S", 1e6))
        stack.enter_context(mock.patch.object(check_expectations, "counts_by_check", _count_all_good))
        try:
            yield
        finally:
            random.setstate(state)


def _connect(settings: Settings) -> Adapters:
    return _connected.get()


def _functions() -> Iterator[FunctionType]:
    """Every function of the stages, those behind `@task` and other decorators included."""
    seen = set()
    for name, module in list(sys.modules.items()):
        if name.startswith("tasks."):
            for found in list(vars(module).values()):
                function = inspect.unwrap(getattr(found, "fn", found)) if callable(found) else None
                if isinstance(function, FunctionType) and function not in seen:
                    seen.add(function)
                    yield function


def _put_defaults(stack: ExitStack, function: FunctionType, instead: dict[Any, Callable[..., Any]]) -> None:
    given = function.__kwdefaults__ or {}
    changed = {name: instead[value] for name, value in given.items() if _is_among(value, instead)}
    if changed:
        stack.enter_context(mock.patch.object(function, "__kwdefaults__", given | changed))
    defaults = function.__defaults__ or ()
    if any(_is_among(value, instead) for value in defaults):
        replaced = tuple(instead[value] if _is_among(value, instead) else value for value in defaults)
        stack.enter_context(mock.patch.object(function, "__defaults__", replaced))


def _is_among(value: Any, known: dict[Any, Any]) -> bool:
    return callable(value) and any(value is item for item in known)


def _count_all_good(
    suite: expectations.SuiteName, checks: Sequence[expectations.Check], batches: Iterable[pl.DataFrame]
) -> list[expectations.Counts]:
    told = {"type": "none", "kwargs": {}}
    return [expectations.Counts(check.name, frame.height, 0, told) for frame in batches for check in checks]
