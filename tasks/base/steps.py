"""Runs the stages one after another and notes what each returned and how long it took."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Steps:
    """Calls a stage, adds its seconds to `seconds` (a stage that runs again adds up) and reports what it returned.

    Args:
        clock: monotonic seconds.
        report: called with the stage's name, what it returned and the seconds it took.

    Attributes:
        seconds: by stage.
        around: what stands around a stage of this name; it lets through what the stage raises.
    """

    def __init__(self, clock: Callable[[], float], report: Callable[[str, object, float], None]) -> None:
        self.seconds: dict[str, float] = {}
        self.around: Callable[[str], AbstractContextManager[object]] = lambda _: nullcontext()
        self._clock = clock
        self._report = report

    def __call__(self, stage: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        name = str(getattr(stage, "name", None) or getattr(stage, "__name__", "stage"))
        begun = self._clock()
        with self.around(name):
            result = self.run(stage, *args, **kwargs)
        took = self._clock() - begun
        self.seconds[name] = round(self.seconds.get(name, 0.0) + took, 2)
        self._report(name, result, took)
        return result

    def run(self, stage: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """How one stage is run: as what it is, in a flow as a run of a Prefect task, with its retries."""
        return stage(*args, **kwargs)


class PlainSteps(Steps):
    """Runs each stage as the plain function that it decorates: once, without Prefect."""

    def run(self, stage: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See Steps."""
        plain: Callable[P, R] = getattr(stage, "fn", stage)
        return plain(*args, **kwargs)
