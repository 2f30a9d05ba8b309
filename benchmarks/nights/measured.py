"""What a piece of work took: seconds, CPU with the children's, memory, requests to S3."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.nights.server import Served


class Stage(NamedTuple):
    """Seconds of a stage, by the clock and of CPU, and the most memory that was resident, in megabytes."""

    wall_s: float
    cpu_s: float
    peak_mb: int


class Taken(NamedTuple):
    """What one run took, Bedrock's own time left out of `wall_s`.

    Attributes:
        peak_mb: the most memory that was resident, in megabytes.
        requests: to S3, by method.
        read_mb, written_mb: from and to S3, in megabytes.
    """

    wall_s: float
    cpu_s: float
    peak_mb: int
    requests: dict[str, int]
    read_mb: float
    written_mb: float
    stages: dict[str, Stage]

    @property
    def request_count(self) -> int:
        """Requests to S3, of any method."""
        return sum(self.requests.values())


def cpu_s() -> float:
    """User and system time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak_mb() -> int:
    """Peak resident memory of this process since it was last asked, in megabytes; where there is no /proc, so far."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    (peak,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak becomes what is resident now
    return int(peak.split()[1]) // 1024


class Meter:
    """Measures from when it is made: stages one after another, then the whole."""

    def __init__(self, served: Served) -> None:
        served.moved()
        self._served, self.bedrock_s = served, 0.0
        self.stages: dict[str, Stage] = {}
        peak_mb()
        self._begun = self._last = (time.monotonic(), cpu_s())

    def stage(self, name: str) -> None:
        """All since the last stage's end was this one."""
        now, before = (time.monotonic(), cpu_s()), self.stages.get(name, Stage(0.0, 0.0, 0))
        self.stages[name] = Stage(
            before.wall_s + now[0] - self._last[0],
            before.cpu_s + now[1] - self._last[1],
            max(before.peak_mb, peak_mb()),
        )
        self._last = now

    def taken(self) -> Taken:
        """What it has come to."""
        wall, cpu = time.monotonic() - self._begun[0] - self.bedrock_s, cpu_s() - self._begun[1]
        moved = self._served.moved()
        sizes = moved.bytes_out / 1e6, moved.bytes_in / 1e6
        peak = max([peak_mb(), *(stage.peak_mb for stage in self.stages.values())])
        return Taken(wall, cpu, peak, moved.requests, *sizes, self.stages)


def in_a_process(work: Callable[[str], Taken], address: str) -> Taken:
    """What a piece of work took in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (address,))


def middle(runs: list[Taken]) -> Taken:
    """Medians, figure by figure."""
    stages = {name: [run.stages[name] for run in runs if name in run.stages] for name in runs[0].stages}
    return Taken(
        median(run.wall_s for run in runs),
        median(run.cpu_s for run in runs),
        round(median(run.peak_mb for run in runs)),
        {name: round(median(run.requests.get(name, 0) for run in runs)) for name in runs[0].requests},
        median(run.read_mb for run in runs),
        median(run.written_mb for run in runs),
        {
            name: Stage(
                median(each.wall_s for each in found),
                median(each.cpu_s for each in found),
                round(median(each.peak_mb for each in found)),
            )
            for name, found in stages.items()
        },
    )
