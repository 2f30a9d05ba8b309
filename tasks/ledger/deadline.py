"""When a run stops asking, and whether what it has may be published then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import Plan
from tasks.base.errors import DeadlinePassed
from tasks.base.settings import Settings
from tasks.ledger.entries import is_running

#: The part of DEADLINE_H that a policy's light step may take; what it has not answered then goes on to the model.
LIGHT_SHARE = 0.5
#: Jobs that a message names; all of them are in the ledger.
_NAMED_JOBS = 3


def deadline_of(settings: Settings, plan: Plan) -> datetime:
    """DEADLINE_H after the run's plan: retries of a stage do not put it off."""
    return plan.planned_at + timedelta(hours=settings.deadline_h)


def is_late(settings: Settings, plan: Plan, now: datetime) -> bool:
    """Whether nothing more may be asked."""
    return now >= deadline_of(settings, plan)


def is_light_late(settings: Settings, plan: Plan, now: datetime) -> bool:
    """Whether the light model is waited for no longer: the model needs the rest of the night for what it leaves."""
    return now >= plan.planned_at + timedelta(hours=settings.deadline_h * LIGHT_SHARE)


def check_stopped(settings: Settings, ledger: Sequence[LedgerEntry]) -> None:
    """Raises DeadlinePassed if a job goes on: a day that still gets answers is not published.

    Raises:
        DeadlinePassed: naming the jobs that were asked to stop and have not ended.
    """
    running = [entry for entry in ledger if entry.mode == "batch" and is_running(entry)]
    if running:
        named = ", ".join(f"{entry.job_name} ({entry.job_arn})" for entry in running[:_NAMED_JOBS])
        more = f" and {len(running) - _NAMED_JOBS} more" if len(running) > _NAMED_JOBS else ""
        why = next((f" ({entry.job_message})" for entry in running if entry.job_message), "")
        raise DeadlinePassed(
            f"{len(running)} jobs were to stop after MODERATION_DEADLINE_H={settings.deadline_h:g} hours and have not "
            f"ended within MODERATION_STOP_WAIT_S={settings.stop_wait_s:g} seconds{why}: {named}{more}; nothing was "
            "published; they stay in the ledger, and the next run of the day adopts them"
        )


def check_complete(settings: Settings, missing_count: int, verdict_count: int) -> None:
    """Raises DeadlinePassed if answers are lacking and AT_DEADLINE does not let a night be published without them.

    Raises:
        DeadlinePassed: with the counts.
    """
    if settings.at_deadline == "stop" and missing_count:
        raise DeadlinePassed(
            f"{missing_count} of {verdict_count} comments have no answer after MODERATION_DEADLINE_H="
            f"{settings.deadline_h:g} hours, and MODERATION_AT_DEADLINE is stop: nothing was published; what was "
            "answered stays in the ledger, and the next run asks for the rest"
        )
