"""The parts of a stage on the workers of a Dask cluster: tasks of an inner flow, whose runner is the cluster's.

What travels is what `tasks.base.steps.each` is given, and the part's name: each worker imports the part itself, so it
has the same version of this project. A stage has an inner flow of its own, and with it a connection: a cluster that
comes back is met again by the stage's next try.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeVar

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext, TaskRunContext

from tasks.base.errors import SettingsInvalid, WorkersLost
from tasks.base.panics import panics_told
from tasks.base.setting_names import variable
from tasks.base.settings import Settings
from tasks.base.steps import working_with

T = TypeVar("T")
R = TypeVar("R")

#: Seconds that a scheduler is waited for, and then a first worker, or another one when all are gone.
SCHEDULER_S, WORKER_S = 30.0, 120.0
#: Seconds between looks: at the parts, and at who works on them.
_PAUSE_S, _LOOK_AGAIN_S = 0.1, 5.0


def workers_of(settings: Settings) -> AbstractContextManager[None]:
    """For the block: whoever the settings say works on the parts of stages.

    Raises:
        SettingsInvalid: if they name a cluster, and what speaks to it is not installed.
    """
    if not settings.dask_address:
        return nullcontext()
    if find_spec("prefect_dask") is None:
        raise SettingsInvalid(
            f"{variable('dask_address')} is set, and the extra `dask` is not installed: pip install "
            "'nightly-moderation[dask]', or leave it out"
        )
    return working_with(Cluster(settings.dask_address))


class _Failed(NamedTuple):
    """What a part raised."""

    error: Exception


class Cluster:
    """The workers of the Dask cluster at an address, as a `Crew`."""

    def __init__(self, address: str, *, scheduler_s: float = SCHEDULER_S, worker_s: float = WORKER_S) -> None:
        self._address, self._scheduler_s, self._worker_s = address, scheduler_s, worker_s

    def work(self, part: Callable[[T], R], given: Sequence[T]) -> Iterator[tuple[T, R]]:
        """See Crew.

        Raises:
            WorkersLost: if there is no cluster, or not for long enough.
        """
        ends = self._play(part, given) if given else []
        failed = [end for end in ends if isinstance(end, _Failed)]
        for one, end in zip(given, ends, strict=True):
            if not isinstance(end, _Failed):
                yield one, end
        if failed:  # what stays goes before what may pass: another try would not help
            raise min((end.error for end in failed), key=lambda error: isinstance(error, WorkersLost))

    def _play(self, part: Callable[[T], R], given: Sequence[T]) -> list[Any]:
        """What each part came to, from an inner flow."""
        from prefect_dask.task_runners import DaskTaskRunner  # it takes a second, and few need it

        runner: Any = DaskTaskRunner(address=self._address, client_kwargs={"timeout": self._scheduler_s})
        token = _given.set(lambda: self._submit(part, given))
        try:
            return list(parts.with_options(task_runner=runner)(part.__name__, len(given)) or ())
        finally:
            _given.reset(token)

    def _submit(self, part: Callable[[T], R], given: Sequence[T]) -> list[Any]:
        # The stage around is what is tried again, with the parts that are left.
        one_part = task(name=part.__name__, persist_result=False, cache_policy=NO_CACHE)(do_part)
        with _lost(self._address):
            client = _client()
            client.wait_for_workers(1, timeout=self._worker_s)
        futures = [one_part.submit(part, one) for one in given]
        return self._gather(client, futures)

    def _gather(self, client: Any, futures: Sequence[Any]) -> list[Any]:
        """How each ended, taken from its worker at once: what lies on a worker that dies is worked on again.

        Raises:
            WorkersLost: if nobody was there for too long.
        """
        ends: dict[int, Any] = {}
        looked, seen = time.monotonic(), time.monotonic()
        while True:
            for number, future in enumerate(futures):
                if number not in ends and future.wrapped_future.done():
                    ends[number] = _end(future.result, self._address)
            if len(ends) == len(futures):
                return [ends[number] for number in range(len(futures))]
            now = time.monotonic()
            if now - looked > _LOOK_AGAIN_S:
                looked, seen = now, now if _worker_count(client) else seen
            if now - seen > self._worker_s:
                raise WorkersLost(f"no worker is left at {self._address}, and none came for {self._worker_s:g} s")
            time.sleep(_PAUSE_S)


def do_part(part: Callable[[T], R], one: T) -> R:
    """What a worker does: a part, once."""
    with panics_told(f"in {part.__name__}"):
        return part(one)


#: What the inner flow has to do: a flow's parameters are kept by Prefect's server and sent to each worker.
_given: ContextVar[Callable[[], list[Any]]] = ContextVar("given")


@flow(name="parts", flow_run_name="{part}", persist_result=False)
def parts(part: str, count: int) -> Any:
    """The parts of one stage of a night, on the workers of a cluster; started by the night alone.

    Args:
        part: What is done.
        count: For how many shards, files or ranges.
    """
    return _do_given()


def _do_given() -> list[Any]:
    """Do it without the stage around: its parameters, the settings' secrets among them, would travel with each part."""
    token = TaskRunContext.__var__.set(None)  # type: ignore[arg-type]
    try:
        return _given.get()()
    finally:
        TaskRunContext.__var__.reset(token)


def _client() -> Any:
    """The cluster's, of the inner flow."""
    runner: Any = getattr(FlowRunContext.get(), "task_runner", None)
    return runner.client


def _worker_count(client: Any) -> int:
    try:
        return len(client.nthreads())
    except Exception:  # of a scheduler that is gone, in the words of whatever layer met it first
        return 0


def _end(result: Callable[[], Any], address: str) -> Any:
    """What a part returned, or what it raised."""
    try:
        with _lost(address):
            return result()
    except Exception as error:
        return _Failed(error)


@contextmanager
def _lost(address: str) -> Iterator[None]:
    """What the cluster raises, as an error of ours."""
    from distributed import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise WorkersLost(f"at {address} one part ended worker after worker: {error}") from error
    except (OSError, TimeoutError, CancelledError) as error:
        raise WorkersLost(f"the cluster at {address} does not answer: {error or type(error).__name__}") from error
