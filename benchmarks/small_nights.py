"""Nights of some 300 comments, one after another in one running process: seconds a stage, CPU, requests to S3.

    python -m benchmarks.small_nights --nights 6 --earlier 3

S3 and Bedrock are served from a process of their own, as in `make night`; the earlier nights warm the process up and
give the others a history.
"""

from __future__ import annotations

import cProfile
import multiprocessing
import os
import resource
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from tasks.base.settings import Settings

LAST_DAY = date(2026, 11, 19)


class Taken(NamedTuple):
    """What a night took: seconds, CPU seconds of its process and of the sandbox's, requests to S3 by method, and the
    seconds of each stage."""

    wall_s: float
    cpu_s: float
    sandbox_cpu_s: float
    requests: Counter[str]
    stages: dict[str, float]

    def __str__(self) -> str:
        methods = ", ".join(f"{count} {method}" for method, count in sorted(self.requests.items()))
        return (
            f"{self.wall_s:6.2f} s, {self.cpu_s:5.2f} s CPU here and {self.sandbox_cpu_s:5.2f} s in the sandbox, "
            f"{self.requests.total()} requests to S3 ({methods})"
        )


def cpu_seconds() -> float:
    """User and system time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def serve(pipe: Connection, days: list[date], cache: Path) -> None:
    """Serve a sandbox with these days' comments; at each message, say what it has been asked and what it cost."""
    from sandbox.month import fill
    from sandbox.serve import running

    with running(job_seconds=0.0, cache_dir=cache) as sandbox:
        fill(sandbox, days)
        requests = _count_requests(sandbox)
        pipe.send(sandbox.environment)
        while pipe.recv():
            pipe.send((dict(requests), cpu_seconds()))


def _count_requests(sandbox: Any) -> Counter[str]:
    """Requests to S3 by method, from now on."""
    counted: Counter[str] = Counter()
    server = sandbox._s3_server._server
    application = server.app

    def counting(environ: dict[str, Any], start_response: Any) -> Any:
        counted[environ["REQUEST_METHOD"]] += 1
        return application(environ, start_response)

    server.app = counting
    return counted


def main(
    nights: Annotated[int, typer.Option(help="Nights that are measured.")] = 6,
    earlier: Annotated[int, typer.Option(help="Nights that are played before them.")] = 3,
    profile: Annotated[Path | None, typer.Option(help="File for cProfile's figures of the measured nights.")] = None,
    cache: Annotated[Path, typer.Option(help="Where the trained reviewer is kept.")] = Path(".sandbox"),
) -> None:
    """Play the nights and print what one takes, by stage."""
    days = [LAST_DAY - timedelta(days=back) for back in range(nights + earlier - 1, -1, -1)]
    pipe, far_end = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(far_end, days, cache), daemon=True)
    server.start()
    os.environ.update(pipe.recv())
    try:
        _play(days, earlier, pipe, profile)
    finally:
        pipe.send(False)
        server.join()


def _play(days: list[date], earlier: int, pipe: Connection, profile: Path | None) -> None:
    from tasks.base.settings import Settings

    settings, profiler, taken = Settings.load(), cProfile.Profile(), []
    for day in days[:earlier]:
        print(f"{day}  {_play_one(settings, day, pipe)}", flush=True)
    for day in days[earlier:]:
        if profile:
            profiler.enable()
        taken.append(_play_one(settings, day, pipe))
        profiler.disable()
        print(f"{day}  {taken[-1]}", flush=True)
    if profile:
        profiler.dump_stats(profile)
    middle = _medians(taken)
    for name, seconds in sorted(middle.stages.items(), key=lambda item: -item[1]):
        print(f"  {name:24s}{seconds:7.3f} s")
    print(f"medians     {middle}")


def _play_one(settings: Settings, day: date, pipe: Connection) -> Taken:
    from sandbox.play import play_night

    stages: defaultdict[str, float] = defaultdict(float)

    def report(name: str, _: object, took_s: float) -> None:
        stages[name] += took_s  # a stage may run twice

    requests, sandbox_cpu = _ask(pipe)
    begun, cpu = time.monotonic(), cpu_seconds()
    play_night(settings, day, f"night-{day}", lambda: datetime.now(UTC), report=report)
    wall, cpu = time.monotonic() - begun, cpu_seconds() - cpu
    later_requests, later_cpu = _ask(pipe)
    return Taken(wall, cpu, later_cpu - sandbox_cpu, later_requests - requests, dict(stages))


def _ask(pipe: Connection) -> tuple[Counter[str], float]:
    pipe.send(True)
    requests, cpu = pipe.recv()
    return Counter(requests), cpu


def _medians(taken: list[Taken]) -> Taken:
    methods = {method for each in taken for method in each.requests}
    stages = {name for each in taken for name in each.stages}
    return Taken(
        median(each.wall_s for each in taken),
        median(each.cpu_s for each in taken),
        median(each.sandbox_cpu_s for each in taken),
        Counter({method: round(median(each.requests[method] for each in taken)) for method in methods}),
        {name: median(each.stages.get(name, 0.0) for each in taken) for name in stages},
    )


if __name__ == "__main__":
    typer.run(main)
