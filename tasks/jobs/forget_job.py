"""A job that Bedrock does not know any more is closed by a person, with a reason on record.

Each night of its day stops at such a job (JobUnknown), and rightly so: who asks for its records again may pay for them
twice. A person can find out what no program can: that the account was closed, or that AWS has lost the job. What its
output folder holds is read like any job's. The records without an answer are asked again by the next run of the day, as
their next attempt; Bedrock may have billed them, so their part of the shard's estimate is booked.
"""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import LedgerEntry
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import JobUnknown, WrongUsage
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.jobs.collection import collect_day
from tasks.jobs.job_status import look
from tasks.jobs.submission import job_request
from tasks.ledger.entries import is_running, read_ledger, record_move
from tasks.ledger.lease import held
from tasks.ledger.moves import forgotten


class Forgotten(BaseModel):
    """What became of a job that was closed.

    Attributes:
        run_date: its day.
        job_name: as the ledger has it.
        reason: what the person said.
        record_count: records that it was asked for.
        answered_count: of these, records that its output has a line of.
        cost_usd: what is booked for it in all; None if the model has no known price.
        unattributed_cost_usd: part of it that no verdict will carry: what the other records can have cost.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    job_name: str
    reason: str
    record_count: int
    answered_count: int
    cost_usd: float | None
    unattributed_cost_usd: float | None


def forget_job(settings: Settings, run_date: date, job: str, reason: str, run_id: str, now: datetime) -> Forgotten:
    """Close a job of the day that Bedrock does not know, and book it.

    Args:
        settings: of the deployment.
        run_date: the day.
        job: the job's name or ARN.
        reason: why it is given up; it stays in the ledger.
        run_id: who holds the day meanwhile.
        now: the time.

    Raises:
        WrongUsage: if there is no such job, it has ended, or Bedrock knows it, or may not show it yet.
        DayInUse: if a run works on the day.
        BedrockRefused, BedrockUnavailable: as BatchInference says.
    """
    if not reason.strip():
        raise WrongUsage("--reason is empty: say why the job is given up; it stays on record")
    outside, paths = adapters.connect(settings), DayPaths(settings, run_date)
    with held(settings, run_date, run_id):
        entry = _find_running(read_ledger(outside.storage, paths), job, run_date)
        _check_unknown(outside, settings, entry, now)
        record_move(outside.storage, paths, forgotten(entry, " ".join(reason.split())))
        collect_day(settings, paths, now)
        (booked,) = (found for found in read_ledger(outside.storage, paths) if found.key == entry.key)
    usage = booked.usage
    return Forgotten(
        run_date=run_date,
        job_name=entry.job_name,
        reason=" ".join(reason.split()),
        record_count=entry.record_count,
        answered_count=usage.answered_count if usage else 0,
        cost_usd=usage.cost_usd if usage else None,
        unattributed_cost_usd=usage.unattributed_cost_usd if usage else None,
    )


def describe_forgotten(done: Forgotten) -> list[str]:
    """What was done, for the terminal, and what to do next."""
    left = done.record_count - done.answered_count
    cost = "an unknown cost" if done.cost_usd is None else f"${done.cost_usd:.6f}"
    loose = "" if not done.unattributed_cost_usd else f", ${done.unattributed_cost_usd:.6f} of it for the others"
    return [
        f"{done.run_date}: {done.job_name} is closed as forgotten by Bedrock: {done.reason}",
        f"{done.answered_count} of {done.record_count} records have an answer; {cost} is booked{loose}",
        f"Next: python -m flows nightly --run-date {done.run_date} asks again for the other {left}",
    ]


def _find_running(ledger: list[LedgerEntry], job: str, run_date: date) -> LedgerEntry:
    running = [entry for entry in ledger if entry.mode == "batch" and is_running(entry)]
    matching = [entry for entry in running if job in (entry.job_name, entry.job_arn)]
    if not matching:
        named = ", ".join(entry.job_name for entry in running) or "none"
        raise WrongUsage(f"{run_date} has no job {job} whose end is open; nothing was done. Jobs that are: {named}")
    return matching[0]


def _check_unknown(outside: Adapters, settings: Settings, entry: LedgerEntry, now: datetime) -> None:
    """Raises WrongUsage unless Bedrock knows the job neither by its ARN nor by its name or token."""
    try:
        job = look(outside.bedrock, [entry], now).get(entry.key)
    except JobUnknown:
        request = job_request(entry, settings.kms_key_id, settings.bucket_owner)
        listed = [found for found in outside.bedrock.find_jobs(request) if found.job_arn == entry.job_arn]
        job = listed[0] if listed else None
        if job is None:
            return
    if job is None:
        raise WrongUsage(
            f"{entry.job_name} was made at {entry.submitted_at:%H:%M} UTC, and Bedrock may not show it yet: nothing "
            "was done"
        )
    raise WrongUsage(f"Bedrock knows {entry.job_name}: it is {job.status}; nothing was done. Run the day again")
