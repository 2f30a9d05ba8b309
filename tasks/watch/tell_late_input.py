"""Stage after a night is published: tell, once for each set of files, which published days have late input, and which
objects of a day's folders no night reads.

What it finds may come from any of the last days; a backfill of mode `late_input` judges late input, and the next night
then says that it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.alerts.message import Scene
from tasks.alerts.problems import Found, Problem
from tasks.alerts.tell import Telling, tell
from tasks.base.errors import ModerationError
from tasks.base.panics import panics_told
from tasks.base.ports import Severity
from tasks.base.settings import Settings
from tasks.base.stage import single_stage
from tasks.measure.metric_history import LABEL_DAYS
from tasks.watch.late_input import LateInput, UnreadInput, days_until, find_unread_labels, look_at_inputs

#: File names that an alert shows a day.
MAX_NAMES = 5
_LABELS = "unread_labels"
_KINDS = frozenset({"late_input", "unread_input"})


class LateInputSummary(Telling):
    """Which published days have late input, which folders have objects that are not read, and who was told."""

    looked_count: int = 0
    late: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
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


def unread_problem(unread: UnreadInput) -> Problem:
    """What no night reads of a folder, as it is told; another object is news."""
    return Problem(
        key=f"unread_{unread.what} {unread.run_date}",
        kind="unread_input",
        severity=Severity.TICKET,
        day=unread.run_date,
        facts={"count": str(unread.count), "names": unread.names, "folder": unread.folder},
        mark=unread.state,
    )


def find_inputs(
    late: Sequence[LateInput], unread: Sequence[UnreadInput], days: Sequence[date], label_days: Sequence[date]
) -> Found:
    """What is wrong with the days that were looked at, and which of earlier looks are no longer in sight.

    Folders of labels are looked at for longer.
    """

    def looked(problem: Problem) -> Sequence[date]:
        return label_days if problem.key.startswith(_LABELS) else days

    def is_to_come(problem: Problem) -> bool:
        return problem.day is not None and problem.day > max(looked(problem))

    return Found(
        (*map(late_problem, late), *map(unread_problem, unread)),
        is_mine=lambda problem: problem.kind in _KINDS,
        is_unsure=is_to_come,
        is_watched=lambda problem: problem.day is None or is_to_come(problem) or problem.day in looked(problem),
    )


@single_stage
@reading_lake()
def tell_late_input(
    settings: Settings, now: datetime, run_date: date | None = None, *, is_quiet: bool = False
) -> LateInputSummary:
    """Look at the last WATCH_DAYS days and tell what is new. It never fails: the night is published.

    Labels come later than comments: their folders are looked at for as long as labels are. The night's own day is
    looked at however old it is.

    Reads: lake/nights, the plans and listings of the last WATCH_DAYS days, the listings of the labels.
    Writes: the alert channels, state/alerts/groups/inputs.json.
    Stops when: never.
    """
    yesterday = now.astimezone(settings.zone).date() - timedelta(days=1)
    own = {run_date} if run_date is not None else set[date]()
    days = sorted({*days_until(yesterday, settings.watch_days), *own})
    label_days = sorted({*days_until(yesterday, max(settings.watch_days, LABEL_DAYS)), *own})
    try:
        with panics_told():
            outside = adapters.connect(settings)
            late, unread = look_at_inputs(outside, settings, days)
            unread += find_unread_labels(outside, settings, label_days)
    except Exception as error:
        fault = str(error) if isinstance(error, ModerationError) else type(error).__name__
        return LateInputSummary(note=f"nothing was looked at: {fault}")
    summary = LateInputSummary(
        looked_count=len(days),
        late=tuple(f"{item.run_date} ({len(item.names)} files)" for item in late),
        unread=tuple(f"{item.run_date} ({item.count} {item.what})" for item in unread),
    )
    if is_quiet:
        return summary
    found = find_inputs(late, unread, days, label_days)
    scene = Scene(settings=settings, now=now, night=run_date)
    told = tell(outside, {"inputs": found.look("inputs", now)}, scene, f"late input {now.isoformat()}")
    return summary.model_copy(update=dict(told))
