"""The versions of a published day that Delta's history has: who made them, with what, whether they can come back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from data_contracts.tables.table import Table
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from tasks.adapters import Adapters
from tasks.adapters.lake import Commit
from tasks.base.figures import moment
from tasks.base.paths import DayPaths


class DayCommit(NamedTuple):
    """A commit that replaced the day in one table.

    Attributes:
        run_id: the run that made it; an erasure belongs to the run whose rows it took from.
        reason: `erasure` or `restore`; empty for a night.
    """

    version: int
    committed_at: datetime
    run_id: str
    reason: str
    why: str


class DayVersion(NamedTuple):
    """A version of the day's verdicts.

    Attributes:
        night: the day's row of `nights` as that run published it; None if it never came so far.
        is_there: whether all files that it reads are still there.
        is_current: whether it is what readers see now.
    """

    commit: DayCommit
    night: dict[str, Any] | None
    is_there: bool
    is_current: bool


def commits_of_day(commits: Iterable[Commit], run_date: date) -> list[DayCommit]:
    """The commits that replaced one day, oldest first."""
    commits_of_it: list[DayCommit] = []
    for commit in commits:
        if commit.note.get("run_date") == str(run_date):
            run_id = commit.note.get("run_id") or (commits_of_it[-1].run_id if commits_of_it else "")
            reason, why = commit.note.get("reason", ""), commit.note.get("why", "")
            commits_of_it.append(DayCommit(commit.version, commit.committed_at, run_id, reason, why))
    return commits_of_it


def last_of_run(commits: Iterable[DayCommit], run_id: str) -> DayCommit | None:
    """What a run left of the day, erasures that came after it included."""
    return next((commit for commit in reversed(list(commits)) if commit.run_id == run_id), None)


def is_there(outside: Adapters, paths: DayPaths, table: Table, version: int) -> bool:
    """Whether the files that a version reads for the day were not deleted."""
    uri = paths.lake(table.name)
    stored = {item.uri.rsplit("/", 1)[-1] for item in outside.storage.list(paths.lake_day(table.name))}
    return outside.lake.day_files(uri, paths.run_date, version) <= stored


def read_night(outside: Adapters, paths: DayPaths, commits: Iterable[DayCommit], run_id: str) -> dict[str, Any] | None:
    """The day's row of `nights` as a run published it."""
    commit = last_of_run(commits, run_id)
    if commit is None:
        return None
    nights = outside.lake.scan_at(paths.lake(NIGHTS.name), NIGHTS, commit.version)
    rows = nights.filter(pl.col("date") == paths.run_date).collect()
    return rows.row(0, named=True) if rows.height else None


def day_versions(outside: Adapters, paths: DayPaths) -> list[DayVersion]:
    """Every version of the day's verdicts, oldest first."""
    verdicts = commits_of_day(outside.lake.commits(paths.lake(VERDICTS.name)), paths.run_date)
    nights = commits_of_day(outside.lake.commits(paths.lake(NIGHTS.name)), paths.run_date)
    return [
        DayVersion(
            commit,
            read_night(outside, paths, nights, commit.run_id),
            is_there(outside, paths, VERDICTS, commit.version),
            commit == verdicts[-1],
        )
        for commit in verdicts
    ]


def describe_versions(run_date: date, versions: Iterable[DayVersion], zone: ZoneInfo) -> list[str]:
    """A line a version, the newest first."""
    lines = []
    for item in sorted(versions, key=lambda item: item.commit.version, reverse=True):
        commit, night = item.commit, item.night
        parts = [f"version {commit.version}", moment(commit.committed_at, zone), f"run {commit.run_id}"]
        if night is not None:
            parts += [night["model_id"], night["prompt_version"], f"{night['valid_count']:,} verdicts"]
            parts += [f"{night['violation_count']:,} violations"]
        parts += [f"{commit.reason}: {commit.why}" if commit.why else commit.reason] if commit.reason else []
        parts += ["this is the day now"] if item.is_current else []
        parts += [] if item.is_there else ["gone: its files were deleted"]
        parts += [] if night else ["never finished"]
        lines.append(", ".join(parts))
    return lines or [f"{run_date} was never published"]
