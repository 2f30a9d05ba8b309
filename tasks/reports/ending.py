"""How a night ended, beyond that it was published: in the name of its run's state, with the reason.

Prefect's list of runs shows a state's name and colour alone, and a half-empty night must not look like a perfect one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from data_contracts.documents.summary import Night
from data_contracts.tables.metrics import MetricRow, State
from data_contracts.tables.verdicts import Status
from tasks.base.safe_text import brief
from tasks.reports.report_parts import drift

#: A night's answers that `backfill --mode partial` asks for again.
OPEN = (Status.MALFORMED, Status.ERROR, Status.MISSING)
#: Measures of comments without a verdict.
_OF_ANSWERS = frozenset({"malformed_rate", "refused_rate", "error_rate", "missing_rate"})
#: Share of comments without a verdict above which a day is partial, though nothing can be asked again (refusals).
_PARTIAL_FRACTION = 0.05
#: Measures that a reason names one by one.
_NAMED = 5


class Ending(StrEnum):
    """The names of states in which runs end well, beside Prefect's Completed.

    Prefect's events bear them (`prefect.flow-run.Degraded`): whoever waits for the end of a run waits for all of them,
    as infra/automations/end-dead-runs.yaml does.
    """

    #: published, and something that is measured is not as it should be
    DEGRADED = "Degraded"
    #: published, and comments lack a verdict
    PARTIAL = "Partial"
    #: nothing was done: the form is wrong, or a person said no
    REFUSED = "Refused"


class Ended(NamedTuple):
    """How a night ended.

    Attributes:
        ending: None if it is as it should be.
        reason: in one line, whatever the ending; without the cost.
        lacking: how many comments have no verdict.
    """

    ending: Ending | None
    reason: str
    lacking: int


def end_of(night: Night) -> Ended:
    """How a published night ended."""
    degraded = [row for row in drift(night.metrics).telling if row.state is State.DEGRADED]
    return describe_end(degraded, night.statuses, night.balance.verdict_count)


def describe_end(degraded: Sequence[MetricRow], statuses: Mapping[str, int], verdict_count: int) -> Ended:
    """How a night ended that is published with these degraded measures and this many verdicts of each status."""
    lacking = {name: count for name, count in statuses.items() if name != Status.JUDGED and count}
    count = sum(lacking.values())
    facts = []
    if degraded:
        names = [row.metric + ("" if row.slice == "all" else f" {brief(row.slice, 40)}") for row in degraded]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        facts.append(f"degraded: {', '.join(names[:_NAMED])}{more}")
    if count:
        reasons = ", ".join(f"{number:,} {name}" for name, number in lacking.items())
        facts.append(f"{count:,} of {verdict_count:,} comments have no verdict ({reasons})")
    else:
        facts.append(f"{verdict_count:,} comments have a verdict")
    is_partial = any(lacking.get(status) for status in OPEN) or count > _PARTIAL_FRACTION * verdict_count
    # What says only that answers lack makes a night partial.
    is_degraded = any(row.metric not in _OF_ANSWERS for row in degraded)
    ending = Ending.DEGRADED if is_degraded else Ending.PARTIAL if degraded or is_partial else None
    return Ended(ending, "; ".join(facts), count)
