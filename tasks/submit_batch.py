"""Fifth stage: the intent goes on record, then Bedrock is asked; nobody pays twice.

Before each create call stands the shard's ledger entry, put only if absent. An intent without a job is looked for by
name and token first: a create call may have been accepted and its answer lost, in this run or an earlier one. Only if
Bedrock knows nothing of it is the call made, with a token that Bedrock takes once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from data_contracts.ledger import EntryState, LedgerEntry
from tasks import adapters
from tasks.errors import BedrockRefused, QuotaReached, is_transient
from tasks.ingest import Plan
from tasks.ledger import is_live, is_running, read_ledger, update, write_intent
from tasks.paths import DayPaths
from tasks.ports import BatchInference, Job, JobRequest
from tasks.settings import Settings


class Submission(BaseModel):
    """The day's jobs that have not been collected, whoever submitted them."""

    model_config = ConfigDict(frozen=True)

    live_keys: tuple[str, ...]
    created_count: int
    adopted_count: int
    waiting_count: int


def job_request(entry: LedgerEntry, kms_key_id: str | None, bucket_owner: str | None = None) -> JobRequest:
    """What Bedrock is asked for an entry: always the same for the same entry."""
    return JobRequest(
        job_name=entry.job_name,
        client_request_token=entry.client_request_token,
        model_id=entry.model_id,
        invocation_type=entry.invocation_type,
        role_arn=entry.role_arn,
        input_uri=entry.input_uri,
        output_uri=entry.output_uri,
        timeout_h=entry.timeout_h,
        kms_key_id=kms_key_id,
        bucket_owner=bucket_owner,
        tags=(("project", "nightly-moderation"), ("run_date", entry.run_date.isoformat()), ("shard", str(entry.shard))),
    )


def check_is_intended(job: Job, request: JobRequest) -> Job:
    """The job itself, if it reads what this entry wrote.

    Raises:
        BedrockRefused: if a job of our name or token does something else: somebody must look before more is paid.
    """
    if job.input_uri != request.input_uri:
        raise BedrockRefused(
            f"job {job.job_arn} carries the name or token of {request.job_name} but reads {job.input_uri}, not "
            f"{request.input_uri}: it was not made by this ledger; look at it before running the day again"
        )
    return job


def submit(bedrock: BatchInference, request: JobRequest) -> tuple[str, bool]:
    """The ARN of the request's job, and whether it was adopted rather than created.

    Raises:
        QuotaReached: if Bedrock takes no further job now.
        BedrockRefused, BedrockUnavailable: as BatchInference says.
    """
    found = bedrock.find_job(request)
    if found is not None:
        return check_is_intended(found, request).job_arn, True
    return bedrock.create_job(request), False


def submit_waiting(
    connected: adapters.Adapters, settings: Settings, paths: DayPaths, entries: Sequence[LedgerEntry], now: datetime
) -> list[LedgerEntry]:
    """Submit recorded intents, as far as MAX_JOBS_IN_FLIGHT and the account's quota allow.

    Returns the entries as they now are, in order; those that must wait are still intents.
    """
    in_flight = sum(map(is_running, entries))
    moved, is_open = [], True
    for entry in entries:
        if entry.state is EntryState.INTENDED and is_open and in_flight < settings.max_jobs_in_flight:
            try:
                arn, adopted = submit(connected.bedrock, job_request(entry, settings.kms_key_id, settings.bucket_owner))
            except QuotaReached:
                is_open = False
            else:
                in_flight += 1
                entry = update(
                    connected.storage,
                    paths,
                    entry,
                    state=EntryState.SUBMITTED,
                    job_arn=arn,
                    adopted=adopted,
                    submitted_at=now,
                )
        moved.append(entry)
    return moved


@task(retries=5, retry_delay_seconds=[5, 15, 60, 300, 600], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def submit_batch(settings: Settings, plan: Plan, shards: tuple[LedgerEntry, ...], now: datetime) -> Submission:
    """Put every new shard's intent on record, then submit what may be; a rerun adopts what was accepted before."""
    connected, paths = adapters.connect(settings), DayPaths(settings, plan.run_date)
    for shard in shards:
        write_intent(connected.storage, paths, shard)
    open_entries = [entry for entry in read_ledger(connected.storage, paths) if is_live(entry)]
    live = [entry for entry in open_entries if entry.mode == "batch"]
    before = {entry.key for entry in live if entry.state is EntryState.SUBMITTED}
    moved = submit_waiting(connected, settings, paths, live, now)
    submitted = [entry for entry in moved if entry.state is EntryState.SUBMITTED and entry.key not in before]
    return Submission(
        live_keys=tuple(entry.key for entry in open_entries),
        created_count=sum(not entry.adopted for entry in submitted),
        adopted_count=sum(entry.adopted for entry in submitted),
        waiting_count=sum(entry.state is EntryState.INTENDED for entry in moved),
    )
