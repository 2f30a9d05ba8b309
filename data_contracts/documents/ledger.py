"""The ledger: what was intended, what Bedrock accepted, what it answered and what it cost.

An entry is written before the call that it announces. How it moves from there is in `tasks/ledger/moves.py`, and drawn
in `docs/architecture.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from data_contracts.batch_lines import InvocationType

#: How a record is asked: in a batch job, by a call of its own, or by a call that only tries the request.
Mode = Literal["batch", "on_demand", "canary"]


class EstimateSource(StrEnum):
    """Where the input tokens of an estimate come from, the best first."""

    #: Bedrock counted a sample of the requests
    COUNT_TOKENS = "count_tokens"
    #: earlier nights of the same model and prompt
    LEARNT = "learnt"
    #: bytes a token that hold for no model in particular
    CONSTANTS = "constants"


class EntryState(StrEnum):
    """How far a shard has come; every state says what a new run must do with it."""

    #: the intent is on record; Bedrock may or may not have the job: look for it before asking again
    INTENDED = "intended"
    #: Bedrock has the job: poll it
    SUBMITTED = "submitted"
    #: the job has ended, its answers are stored and its cost is booked: nothing is left to do
    COLLECTED = "collected"


def _is_none(value: object) -> bool:
    return value is None


class GoldenUsage(BaseModel):
    """The part of a job's usage that answers to golden items are; no verdict carries it, and it is not unattributed."""

    model_config = ConfigDict(frozen=True)

    answered_count: int
    input_tokens: int
    output_tokens: int
    #: null as that of the whole job is
    cost_usd: float | None


class GoldenShare(BaseModel):
    """The part of a shard, and of its estimate, that golden items are."""

    model_config = ConfigDict(frozen=True)

    record_count: int
    estimated_input_tokens: int
    estimated_output_tokens: int
    estimated_cost_usd: float | None


class Usage(BaseModel):
    """What a finished job used, counted from its own output lines.

    Token counts are of all lines; the unattributed part belongs to lines that no verdict carries (a second line for
    one record, a line for an unknown record). `cost_usd` is None if the model has no known price, or if an answer came
    without token counts: it was paid for, and nobody knows how much.
    """

    model_config = ConfigDict(frozen=True)

    input_tokens: int = 0
    output_tokens: int = 0
    unattributed_input_tokens: int = 0
    unattributed_output_tokens: int = 0
    cost_usd: float | None = None
    unattributed_cost_usd: float | None = None
    #: picodollars a token that were booked: prices.toml may have been edited by the time the verdicts are merged
    input_pico: int | None = None
    output_pico: int | None = None
    line_count: int = 0
    answered_count: int = 0
    unknown_record_count: int = 0
    repeated_record_count: int = 0
    #: answers without token counts
    unreported_count: int = 0
    #: on demand and canary only: calls that a crash made again, booked at what the answered one used
    repeated_call_count: int = 0
    #: on demand and canary only: calls without an answer, booked at the most that they can have used; a canary's are
    #: booked before they are made
    lost_call_count: int = 0
    #: only of a job with golden items; left out of the record of any other
    golden: GoldenUsage | None = Field(default=None, exclude_if=_is_none)


class LedgerEntry(BaseModel):
    """One shard of one day: a batch job, before, while and after it exists; or a canary, whose shard is -1."""

    model_config = ConfigDict(frozen=True)

    key: str
    run_date: date
    shard: int
    epoch: int
    run_id: str
    model_id: str
    invocation_type: InvocationType
    prompt_name: str
    prompt_version: str
    prompt_sha256: str
    input_uri: str
    input_sha256: str
    output_uri: str
    requests_uri: str
    record_count: int
    input_bytes: int
    estimated_input_tokens: int
    estimated_output_tokens: int
    estimated_cost_usd: float | None
    job_name: str
    client_request_token: str
    role_arn: str
    timeout_h: int
    intended_at: datetime
    #: in which the run that intended it held the day, see `tasks/ledger/lease.py`; 0 for none
    term: int = 0
    estimate_source: EstimateSource | None = None
    #: `on_demand` where there are too few records for a job: each is asked by itself, at the full price; `canary` for
    #: the call that tries the request before the first job, whose answer is nobody's verdict
    mode: Mode = "batch"
    #: of a canary: calls that were begun and may have been paid
    call_count: int = 0
    state: EntryState = EntryState.INTENDED
    job_arn: str | None = None
    adopted: bool = False
    submitted_at: datetime | None = None
    job_status: str | None = None
    job_message: str | None = None
    answers_uri: str | None = None
    collected_at: datetime | None = None
    usage: Usage | None = None
    #: of `record_count` and of the estimates, what golden items are; left out of the record of a shard without any
    golden: GoldenShare | None = Field(default=None, exclude_if=_is_none)
    #: which step of a policy asks, and the policy; left out where the policy is plain
    step: str | None = Field(default=None, exclude_if=_is_none)
    policy_sha256: str | None = Field(default=None, exclude_if=_is_none)
    #: which rules masked its texts; left out of the record where none did
    masking: str | None = Field(default=None, exclude_if=_is_none)
    #: the model behind `model_id`, where that is an application inference profile; left out of any other
    profiled_model_id: str | None = Field(default=None, exclude_if=_is_none)

    @property
    def priced_model_id(self) -> str:
        """The id that family and price go by."""
        return self.profiled_model_id or self.model_id


def without_strays(entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The entries, but for the intents that a run put on record once it had lost the day.

    S3 cannot refuse a put because a lease is another's by now. But a run that slept from its look at the lease until it
    puts an intent numbers its shard as its successor has numbered one: both went on from the same ledger. So of several
    intents of a number the one of the latest term counts, and nobody ever asks for the others: `submit_batch` looks at
    the lease again before it goes on.
    """
    shards = [entry for entry in entries if entry.mode != "canary"]
    latest: dict[int, int] = {}
    for entry in shards:
        latest[entry.shard] = max(entry.term, latest.get(entry.shard, 0))
    strays = {entry.key for entry in shards if entry.state is EntryState.INTENDED and entry.term < latest[entry.shard]}
    return [entry for entry in entries if entry.key not in strays]


def shard_key(
    deployment: str,
    run_date: date,
    shard: int,
    input_sha256: str,
    model_id: str,
    invocation_type: InvocationType,
    epoch: int,
    masking: str | None = None,
) -> str:
    """The shard's identity, 64 lower hex characters: the client request token and part of the job's name.

    It holds the run date because AWS silently ignores a repeated token: two days with equal input must not collide.
    It holds the deployment, its output root, because a token is the account's: nor must staging and production of one
    day. Ledgers of earlier versions have entries under keys without it; they are found by listing, as all are, and a
    run of this version goes on with them under their own tokens and names. Masked texts that are as they were before
    are another question all the same: their answers count for masked plans.
    """
    parts = [deployment, run_date.isoformat(), str(shard), input_sha256, model_id, invocation_type, str(epoch)]
    parts += [f"masking-{masking}"] if masking else []
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def canary_key(run_date: date, model_id: str, invocation_type: InvocationType, prompt_sha256: str, shape: str) -> str:
    """The identity of a day's canary, 64 lower hex characters.

    Args:
        shape: hash of the request with everything but the comment.
    """
    parts = ("canary", run_date.isoformat(), model_id, invocation_type, prompt_sha256, shape)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def job_name(run_date: date, shard: int, key: str) -> str:
    """The Bedrock job's name, which `ListModelInvocationJobs` can search for."""
    return f"nm-{run_date.isoformat()}-{shard:05d}-{key[:16]}"


def record_id(run_date: date, comment_id: str) -> str:
    """The record's id in the batch files: 32 lower hex characters that carry nothing of the comment."""
    return hashlib.sha256(f"{run_date.isoformat()}\x1f{comment_id}".encode()).hexdigest()[:32]


def step_record_id(run_date: date, step: str, ids: Sequence[str]) -> str:
    """The record's id of what is not a comment asked singly by the model step, 32 lower hex characters.

    Args:
        step: who asks, or what for: `light`, `audit`, `pack`, `golden`.
        ids: of what the record asks about, in order: comments, or a golden item.
    """
    # As JSON, so that no id can be made up that is the same as another step's or as a comment's.
    said = json.dumps([run_date.isoformat(), step, *ids])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def erasure_id(run_date: date, comment_id: str) -> str:
    """What an erased comment is remembered by, 64 lower hex characters; it shares nothing with the record's id."""
    return hashlib.sha256(f"erased\x1f{run_date.isoformat()}\x1f{comment_id}".encode()).hexdigest()
