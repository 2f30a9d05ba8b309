"""Storms by the hundred: what was tried, what was lost, what was paid twice, how long the slowest recovery took.

    python -m benchmarks.storm --seeds 1000 --processes 2
    python -m benchmarks.storm --first 1074 --seeds 1 --each

Each seed is a site and a few days in simulated time (`benchmarks/storms`). The same seed is the same storm, but for the
order in which several threads of one run make their single calls. The exit code is 1 if a rule was broken.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.storms.invariants import Finding
from benchmarks.storms.site import SMALL_PACK
from benchmarks.storms.storm import StormReport, play_storm
from prompts.policies import PLAIN
from tasks.base.settings import NO_PACK

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 # only a place for the temporary folder, where there is one


def play(seed: int, golden_pack: str = SMALL_PACK, policy: str = PLAIN) -> StormReport:
    """One storm in a temporary folder, in memory where there is such a place; an error is a finding."""
    parent = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="storm-", dir=parent) as folder:
        try:
            return play_storm(seed, Path(folder), golden_pack, policy)
        except Exception as error:
            return StormReport(seed, findings=(Finding("the storm itself failed", 1, repr(error)),))


def _begin() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def reports(seeds: range, processes: int, golden_pack: str = SMALL_PACK, policy: str = PLAIN) -> Iterator[StormReport]:
    """The storms as they end, each process started anew after some: what Delta keeps for a table stays in memory."""
    one = partial(play, golden_pack=golden_pack, policy=policy)
    if processes == 1:
        _begin()
        yield from map(one, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(processes, _begin, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(one, seeds)


def describe(report: StormReport) -> str:
    """One storm in one line."""
    return (
        f"{report.seed:>7}  {report.nights} nights  {report.runs:>2} runs  {report.kills:>2} kills  "
        f"{report.pauses:>2} suspended  {report.takeovers:>2} taken over  {report.cancels} cancels  "
        f"{report.faults:>3} faults  lost {report.lost}  paid twice {report.paid_twice}  "
        f"calls repeated {report.repeated_calls}  "
        f"recovered in {report.recovery_runs} runs, {report.recovery_s:,.0f} s"
    )


def summarise(reports: list[StormReport], took_s: float) -> str:
    """All storms as one table."""
    slowest = max(reports, key=lambda report: report.recovery_s)
    rows = {
        "storms": len(reports),
        "nights": sum(report.nights for report in reports),
        "comments": sum(report.comments for report in reports),
        "runs": sum(report.runs for report in reports),
        "kills": sum(report.kills for report in reports),
        "runs suspended past their lease": sum(report.pauses for report in reports),
        "days taken over meanwhile": sum(report.takeovers for report in reports),
        "cancels": sum(report.cancels for report in reports),
        "faults of S3 and Bedrock": sum(report.faults for report in reports),
        "batch jobs": sum(report.jobs for report in reports),
        "records paid in batches": sum(report.paid_records for report in reports),
        "of these golden items": sum(report.golden_records for report in reports),
        "single calls": sum(report.calls for report in reports),
        "single calls repeated": sum(report.repeated_calls for report in reports),
        "records lost": sum(report.lost for report in reports),
        "records paid twice": sum(report.paid_twice for report in reports),
        "rules broken": sum(len(report.findings) for report in reports),
        "most runs to recover": max(report.recovery_runs for report in reports),
        "slowest recovery, simulated s": f"{slowest.recovery_s:,.0f} (seed {slowest.seed})",
        "real seconds": f"{took_s:,.0f}",
    }
    ends = Counter(end.split(":")[0] for report in reports for end in report.ends)
    lines = [f"{name:<32}{value if isinstance(value, str) else format(value, ','):>24}" for name, value in rows.items()]
    return "\n".join([*lines, "runs ended: " + ", ".join(f"{name} {count:,}" for name, count in ends.most_common())])


def main() -> None:
    """Play the storms that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="how many storms")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=1, help="storms at a time")
    parser.add_argument("--no-golden", action="store_true", help="nights without a golden pack")
    parser.add_argument("--policy", default=PLAIN, help="who judges a comment")
    parser.add_argument("--each", action="store_true", help="a line for each storm, and how its runs ended")
    asked = parser.parse_args()
    begun, found = time.monotonic(), []
    golden_pack = NO_PACK if asked.no_golden else SMALL_PACK
    seeds = range(asked.first, asked.first + asked.seeds)
    for report in reports(seeds, asked.processes, golden_pack, asked.policy):
        found.append(report)
        if asked.each:
            print(describe(report), *report.ends, sep="\n         ", flush=True)
        for finding in report.findings:
            print(f"seed {report.seed}: {finding.rule} ({finding.record_count}): {finding.detail}")
            print(f"    replay: python -m benchmarks.storm --first {report.seed} --seeds 1 --each", flush=True)
    print(summarise(found, time.monotonic() - begun))
    if any(report.findings for report in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
