"""How Prefect runs a stage: what is tried again, how often and after how long. The only module of tasks with Prefect.

A stage is repeated only for a transient error (`is_transient`), and repeating it is harmless: each docstring says why.
Prefect keeps no results and no cache of a stage: what one stage leaves for the next lies in S3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from tasks.base.errors import is_transient
from tasks.base.panics import panics_told

P = ParamSpec("P")
R = TypeVar("R")


def stage(function: Callable[P, R]) -> Task[P, R]:
    """A stage that reads, decides and writes: a store that is away for some minutes does not end the night."""
    return _repeated([5, 30, 120])(function)


def paid_stage(function: Callable[P, R]) -> Task[P, R]:
    """A stage that works with Bedrock: what was paid for is worth a wait of a quarter of an hour."""
    return _repeated([5, 15, 60, 300, 600])(function)


def telling_stage(function: Callable[P, R]) -> Task[P, R]:
    """A stage after the publication: it measures, tells or tidies up, and the night waits less long for it."""
    return _repeated([5, 30])(function)


def single_stage(function: Callable[P, R]) -> Task[P, R]:
    """A stage without another try: it never fails, or what fails in it must not hold up what comes after."""
    return task(persist_result=False, cache_policy=NO_CACHE)(_told(function))


def _repeated(delays_s: list[float]) -> Callable[[Callable[P, R]], Task[P, R]]:
    made = task(
        retries=len(delays_s),
        retry_delay_seconds=delays_s,
        retry_condition_fn=is_transient,
        persist_result=False,
        cache_policy=NO_CACHE,
    )
    return lambda function: made(_told(function))


def _told(function: Callable[P, R]) -> Callable[P, R]:
    """The same, with a panic of a library as an error like any other: Prefect would call the run crashed."""
    return panics_told(f"in {getattr(function, '__name__', 'a stage')}")(function)
