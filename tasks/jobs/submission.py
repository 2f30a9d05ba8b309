"""Bedrock's jobs of a day as they are asked for: found if they were accepted, else made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import EntryState, LedgerEntry
from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.base.errors import BedrockRefused, LeaseLost, QuotaReached
from tasks.base.paths import DayPaths
from tasks.base.ports import JobRequest
from tasks.base.settings import Settings
from tasks.jobs.adoption import adopt, check_is_intended, choose_job, is_served_otherwise
from tasks.ledger.entries import is_live, is_running, read_ledger, record_move, serves
from tasks.ledger.moves import submitted


class Submission(BaseModel):
    """The day's jobs that have not been collected, whoever submitted them."""

    model_config = ConfigDict(frozen=True)

    live_keys: tuple[str, ...]
    created_count: int
    adopted_count: int
    waiting_count: int
    #: what somebody should look at
    warnings: tuple[str, ...] = ()


def job_request(entry: LedgerEntry, kms_key_id: str | None, bucket_owner: str | None = None) -> JobRequest:
    """What Bedrock is asked for an entry: always the same for the same entry."""
    return JobRequest(
        job_name=entry.job_name,
        client_request_token=entry.client_request_token,
        model_id=entry.model_id,
        profiled_model_id=entry.profiled_model_id,
        invocation_type=entry.invocation_type,
        role_arn=entry.role_arn,
        input_uri=entry.input_uri,
        output_uri=entry.output_uri,
        timeout_h=entry.timeout_h,
        intended_at=entry.intended_at,
        kms_key_id=kms_key_id,
        bucket_owner=bucket_owner,
        tags=(("project", "nightly-moderation"), ("run_date", entry.run_date.isoformat()), ("shard", str(entry.shard))),
    )


def find_accepted(
    connected: adapters.Adapters, settings: Settings, paths: DayPaths, entry: LedgerEntry, now: datetime
) -> list[LedgerEntry]:
    """The intent with the job that Bedrock accepted for it, and its twins; the intent as it is if there is none.

    Raises:
        BedrockRefused, BedrockUnavailable: as `check_is_intended` and BatchInference say.
    """
    request = job_request(entry, settings.kms_key_id, settings.bucket_owner)
    accepted = choose_job([check_is_intended(job, request) for job in connected.bedrock.find_jobs(request)])
    if accepted is None:
        return [entry]
    adopted = adopt(connected.storage, paths, entry, accepted, now)
    for twin in accepted.superfluous:
        with suppress(BedrockRefused):  # it goes on then, and is booked like any other
            connected.bedrock.stop_job(twin.job_arn)
    return adopted


def find_all_accepted(
    connected: adapters.Adapters, settings: Settings, paths: DayPaths, entries: Iterable[LedgerEntry], now: datetime
) -> list[LedgerEntry]:
    """The entries, each intent that Bedrock has taken with its job; nothing new is asked."""
    moved: list[LedgerEntry] = []
    for entry in entries:
        is_intent = entry.state is EntryState.INTENDED
        moved += find_accepted(connected, settings, paths, entry, now) if is_intent else [entry]
    return moved


def submit_waiting(
    connected: adapters.Adapters,
    settings: Settings,
    paths: DayPaths,
    entries: Sequence[LedgerEntry],
    now: datetime,
    most_jobs: int,
    still_ours: Callable[[], None] = lambda: None,
) -> list[LedgerEntry]:
    """Submit recorded intents, as far as `most_jobs` and the account's quota allow; `still_ours` comes before each.

    Returns the entries as they now are, in order, twins included; those that must wait are still intents.

    Raises:
        BedrockRefused, BedrockUnavailable: as BatchInference says.
    """
    in_flight = sum(map(is_running, entries))
    moved: list[LedgerEntry] = []
    is_open = True
    for entry in entries:
        of_shard = [entry]
        if entry.state is EntryState.INTENDED and is_open and in_flight < most_jobs:
            of_shard = find_accepted(connected, settings, paths, entry, now)
            if of_shard == [entry]:
                still_ours()
                try:
                    of_shard = [_create(connected, settings, paths, entry, now)]
                except QuotaReached:
                    is_open = False
            in_flight += sum(map(is_running, of_shard))
        moved += of_shard
    return moved


def _create(
    connected: adapters.Adapters, settings: Settings, paths: DayPaths, entry: LedgerEntry, now: datetime
) -> LedgerEntry:
    arn = connected.bedrock.create_job(job_request(entry, settings.kms_key_id, settings.bucket_owner))
    try:
        return record_move(connected.storage, paths, submitted(entry, arn, now))
    except LeaseLost:
        # This run slept from its look for an accepted job until the call, its successor has made the job, and Bedrock
        # has forgotten the token: no fence is left but to stop the second job before it is processed.
        if is_served_otherwise(connected.storage, paths, entry, arn, now):
            with suppress(BedrockRefused):
                connected.bedrock.stop_job(arn)
        raise


def live_jobs(connected: adapters.Adapters, paths: DayPaths, plan: Plan) -> list[LedgerEntry]:
    """The day's batch entries that are waited for: every job, and the intents that still serve."""
    return [
        entry
        for entry in read_ledger(connected.storage, paths)
        if is_live(entry) and entry.mode == "batch" and (entry.state is not EntryState.INTENDED or serves(entry, plan))
    ]
