"""Stage after a night is published: tell, once for each set of files, which published days have late input.

What it finds may come from any of the last days; a backfill of mode `late_input` judges it, and the next night then
says that it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.alerts.problem_memory import NoticeMemory
from tasks.alerts.problem_news import tell_notices
from tasks.alerts.problems import Look, Problem
from tasks.base.errors import ModerationError
from tasks.base.paths import notices
from tasks.base.ports import Severity
from tasks.base.settings import Settings
from tasks.base.stage import single_stage
from tasks.watch.late_input import LateInput, days_until, find_late_inputs

#: File names that an alert shows a day.
MAX_NAMES = 5


class LateInputSummary(BaseModel):
    """Which published days have late input, and who was told."""

    model_config = ConfigDict(frozen=True)

    looked_count: int = 0
    late: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    note: str = ""


def late_problem(late: LateInput) -> Problem:
    """A day's late input as a problem; another file is news."""
    names = ", ".join(late.names[:MAX_NAMES]) + (", …" if len(late.names) > MAX_NAMES else "")
    counts = {"new": str(len(late.new)), "changed": str(len(late.changed)), "gone": str(len(late.gone))}
    return Problem(
        key=f"late_input {late.run_date}",
        kind="late_input",
        severity=Severity.TICKET,
        day=late.run_date,
        facts={"run": late.run_id, "names": names, **counts},
        mark=late.state,
    )


def find_late(late: Sequence[LateInput], days: Sequence[date]) -> Look:
    """What is wrong with the days that were looked at, and which of earlier looks are no longer in sight."""
    return Look(
        tuple(map(late_problem, late)),
        is_unsure=lambda problem: problem.day is not None and problem.day > max(days),
        is_watched=lambda problem: problem.day is None or problem.day >= min(days),
    )


@single_stage
@reading_lake()
def tell_late_input(settings: Settings, now: datetime, *, is_quiet: bool = False) -> LateInputSummary:
    """Look at the last WATCH_DAYS days and tell what is new. It never fails: the night is published.

    Reads: lake/nights, the plans and listings of the last WATCH_DAYS days.
    Writes: the alert channels, state/alerts/late_input.json.
    Stops when: never.
    """
    days = days_until(now.astimezone(settings.zone).date() - timedelta(days=1), settings.watch_days)
    try:
        outside = adapters.connect(settings)
        late = find_late_inputs(outside, settings, days)
    except Exception as error:
        fault = str(error) if isinstance(error, ModerationError) else type(error).__name__
        return LateInputSummary(note=f"nothing was looked at: {fault}")
    names = tuple(f"{item.run_date} ({len(item.names)} files)" for item in late)
    if is_quiet:
        return LateInputSummary(looked_count=len(days), late=names)
    memory = NoticeMemory(outside.storage, notices(settings, "late_input"))
    told = tell_notices(
        "late_input", find_late(late, days), outside.alerts, memory, settings.language, now, outside.clock
    )
    return LateInputSummary(looked_count=len(days), late=names, **told.model_dump(exclude={"known"}))
