"""Runs the stages one after another and notes what each returned and how long it took; and the parts of a stage.

A part is what a stage does once for each shard, output file or range of ids. Where parts are worked on is said by
whoever plays the night (`working_with`): in this process, one after another, or by the workers of a cluster
(`flows/workers`). A part is a function of a module, and takes and gives small frozen values alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


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


class Crew(Protocol):
    """Who works on the parts of a stage."""

    def work(self, part: Callable[[T], R], given: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Each that is given, with what the part returned for it, in order.

        What the part raised for one comes after the results of the others that are done by then.
        """
        ...


class OneByOne:
    """This process itself, one part after another: each is begun when its result is asked for."""

    def work(self, part: Callable[[T], R], given: Sequence[T]) -> Iterator[tuple[T, R]]:
        """See Crew."""
        return ((one, part(one)) for one in given)


_ONE_BY_ONE = OneByOne()
_crew: ContextVar[Crew] = ContextVar("crew", default=_ONE_BY_ONE)


@contextmanager
def working_with(crew: Crew) -> Iterator[None]:
    """Until the block ends, this crew works on the parts of the stages that are called in it."""
    token = _crew.set(crew)
    try:
        yield
    finally:
        _crew.reset(token)


def each(part: Callable[[T], R], given: Sequence[T]) -> Iterator[tuple[T, R]]:
    """Have a part worked on for each that is given; see Crew."""
    return _crew.get().work(part, given)


def is_shared() -> bool:
    """Whether others than this process work on parts: then it pays to cut a stage into some."""
    return _crew.get() is not _ONE_BY_ONE
