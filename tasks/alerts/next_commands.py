"""What to run next about what is wrong, as printed: queries of the exact rows, and what mends it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from data_contracts.documents.alerts import Cause, GroupName
from tasks.alerts.problem_text import next_commands
from tasks.alerts.problems import Problem
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings

#: Metrics of answers that failed, and those of them that a backfill in mode partial asks for again.
_FAILED = frozenset({"malformed_rate", "refused_rate", "error_rate", "missing_rate"})
_ASKED_AGAIN = _FAILED - {"refused_rate"}
#: What a snooze is proposed for.
SNOOZE_DAYS = 7


def commands(causes: Sequence[Cause], settings: Settings, night: date | None) -> Iterator[str]:
    """What to run about the causes, the most telling first.

    Args:
        causes: of one group.
        settings: of the deployment.
        night: the night that is told of, where a cause has no row of its own.
    """
    metrics = [cause for cause in causes if cause.is_metric]
    days = {cause.key: _days(cause, night) for cause in metrics}
    shown = [cause for cause in metrics if cause.metric not in {*_FAILED, "rejected_rate"}]
    for day in sorted({day for cause in shown for day in days[cause.key]}, reverse=True)[:2]:
        names = json.dumps(sorted({cause.metric for cause in shown if day in days[cause.key]}))
        columns = '"metric", "slice", "x", "n", "value", "baseline", "state", "reason"'
        rest = f'.filter(pl.col("metric").is_in({names})).select({columns})'
        yield _query(DayPaths(settings, day).plain("metrics"), rest)
    for day in _last(days[cause.key] for cause in metrics if cause.metric in _FAILED):
        rest = '.group_by("status", "status_detail").len().sort("len", descending=True)'
        yield _query(DayPaths(settings, day).plain("verdicts"), rest)
    for day in _last(days[cause.key] for cause in metrics if cause.metric == "rejected_rate"):
        rest = '.group_by("reason", "source_object").len().sort("len", descending=True)'
        yield _query(DayPaths(settings, day).plain("rejected"), rest)
    lacking = sorted({day for cause in metrics if cause.metric in _ASKED_AGAIN for day in days[cause.key]})
    if lacking:
        yield (
            f"python -m flows backfill --mode partial --start-date {lacking[0]} --end-date {lacking[-1]} "
            '--reason "missing answers"'
        )
    yield from next_commands([Problem.of(cause) for cause in causes if not cause.is_metric])


def snooze_command(group: GroupName, today: date) -> str:
    """What keeps a group silent for a week."""
    return f"python -m flows alerts snooze {group} --until {today + timedelta(days=SNOOZE_DAYS)}"


def _days(cause: Cause, night: date | None) -> list[date]:
    """The days whose rows show the cause."""
    spare = night or cause.day
    return sorted({row.date for row in cause.rows} or ({spare} if spare else set()))


def _last(days: Iterator[list[date]]) -> list[date]:
    """The newest of the days, if there is any."""
    return sorted({day for some in days for day in some})[-1:]


def _query(table: str, rest: str) -> str:
    """A query that takes nothing but this project's own environment; `date` is in the file and in its path."""
    wide = "pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=200)"
    read = f"pl.read_parquet({json.dumps(table, ensure_ascii=False)}, hive_partitioning=False)"
    return f"python -c {shlex.quote(f'import polars as pl; {wide}; print({read}{rest})')}"
