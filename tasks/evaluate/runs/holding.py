"""One set, one worker: a run, or whoever changes what the set's evaluations hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tasks.adapters import Adapters
from tasks.base.errors import DayInUse
from tasks.base.paths import EvaluationPaths
from tasks.ledger.lease import kept, take


@contextmanager
def held_set(outside: Adapters, paths: EvaluationPaths, run_id: str) -> Iterator[None]:
    """Hold the set for the block.

    Raises:
        DayInUse: if another run evaluates it.
    """
    attempt = take(outside.storage, paths.lease, run_id)
    if not attempt.is_ours:
        raise DayInUse(
            f"{attempt.holder} evaluates {paths.set_name}: wait for its end, or for 90 seconds after its death"
        )
    with kept(outside, paths.lease, run_id):
        yield
