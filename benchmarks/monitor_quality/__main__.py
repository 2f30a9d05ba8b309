"""The command: which tables, how many years, which real days."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.monitor_quality import ablations, coverage, real, stories, tables
from benchmarks.monitor_quality.faults import CASES, YEAR_CREEP
from tasks.measure.detect.policy import Policy

#: Years of a cell of false alarms, runs of a cell of delays, nights of a cell of coverage.
YEARS, RUNS, COVERED = 100, 140, 4000
QUICK = 10


def main() -> None:
    """Print the tables that were asked for, a line as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitor_quality", description=__doc__)
    parser.add_argument("tables", nargs="*", help="false, delays, stories, coverage, ablations; all without")
    parser.add_argument("--sites", type=int, default=YEARS, help="sites a cell; runs and nights in proportion")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} sites a cell: minutes instead of an hour")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path, help="a folder of days, comments/date=D/*.parquet")
    asked = parser.parse_args()
    policy, sites = Policy(), QUICK if asked.quick else asked.sites
    runs = max(RUNS * sites // YEARS, 7)
    makers: dict[str, Callable[[], Iterator[str]]] = {
        "false": lambda: tables.false_alarms(sites, asked.seed, policy),
        "delays": lambda: tables.delay_table([*CASES, YEAR_CREEP], runs, asked.seed, policy),
        "stories": lambda: stories.stories(runs, asked.seed, policy),
        "coverage": lambda: coverage.coverage(COVERED * sites // YEARS, asked.seed),
        "ablations": lambda: ablations.ablations(sites, runs, asked.seed, policy),
    }
    if unknown := set(asked.tables) - set(makers):
        parser.error(f"no table is called {', '.join(sorted(unknown))}")
    if asked.real:
        makers = {"real": lambda: real.real_years(asked.real, sites, asked.seed, policy)}
        asked.tables = []
    for name, make in makers.items():
        if not asked.tables or name in asked.tables:
            for line in make():
                print(line, flush=True)
            print(flush=True)


if __name__ == "__main__":
    main()
