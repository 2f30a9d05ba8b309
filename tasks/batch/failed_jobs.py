"""Which failures will repeat: those are not resubmitted blindly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from data_contracts.documents.ledger import EntryState, LedgerEntry
from data_contracts.documents.plan import Plan
from tasks.adapters.storage import Storage
from tasks.base.errors import JobFailed
from tasks.base.frames import scratch
from tasks.base.ports import JobStatus
from tasks.ledger.entries import fetch_requests, step_of

#: Ends that say something about what was asked, if nothing was answered.
_BAD_ENDS = frozenset({JobStatus.FAILED, JobStatus.EXPIRED, JobStatus.STOPPED})

#: What to do about a failure that stays, by a part of Bedrock's message; the first that fits is shown. A message that
#: is not among them is taken for one that passes, and its records are asked once more.
#: Source: Amazon Bedrock User Guide, "Create a custom service role for batch inference", "Quotas for Amazon Bedrock"
#: and GetModelInvocationJob (Validating: what is checked).
_ADVICE = (
    ("assume", "check MODERATION_ROLE_ARN and its trust policy"),
    (
        "not authorized to perform",
        "compare the role's policy with infra/iam/README.md: a profile's model is invoked in every destination Region",
    ),
    ("accessdenied", "compare the role's policy with infra/iam/README.md"),
    ("access denied", "compare the role's policy with infra/iam/README.md, and the buckets' policies and keys"),
    ("less records", "raise MODERATION_MIN_JOB_RECORDS to the account's quota"),
    ("more records", "lower MODERATION_MAX_SHARD_RECORDS to the account's quota"),
    ("larger than the allowed", "lower MODERATION_MAX_SHARD_BYTES to the account's quota"),
    ("end of its life", "set MODERATION_MODEL_ID to a model that lives"),
)


def advice(message: str | None) -> str | None:
    """What to do about a failure that would repeat; None for one that may pass."""
    text = (message or "").lower()
    return next((what for part, what in _ADVICE if part in text), None)


def is_hopeless(entry: LedgerEntry) -> bool:
    """Whether a job failed for a reason that another job would meet as well."""
    return entry.job_status == JobStatus.FAILED and advice(entry.job_message) is not None


def unanswered_jobs(ledger: Sequence[LedgerEntry], plan: Plan) -> list[LedgerEntry]:
    """This run's collected jobs that ended badly and answered nothing."""
    return [
        entry
        for entry in ledger
        if entry.mode == "batch"
        # What a light model leaves goes on to the model.
        and step_of(entry) != "light"
        and entry.run_id == plan.run_id
        and entry.state is EntryState.COLLECTED
        and entry.collected_at is not None
        # A run that Prefect starts again has a new plan under the same id: it may try once more.
        and entry.collected_at >= plan.planned_at
        and entry.job_status in _BAD_ENDS
        and entry.usage is not None
        and entry.usage.answered_count == 0
    ]


def check_failures(storage: Storage, ledger: Sequence[LedgerEntry], plan: Plan) -> None:
    """Raises JobFailed unless the failures of this run's jobs may pass; then their records are asked again, once.

    Raises:
        JobFailed: with Bedrock's message, for a failure that would repeat, or one that has: another job with the same
            record ended without an answer too. The next run of the day tries again.
    """
    unanswered = unanswered_jobs(ledger, plan)
    for entry in unanswered:
        if is_hopeless(entry):
            raise JobFailed(f"{_told(entry)} ({advice(entry.job_message)}); nothing was published")
    if len(unanswered) > 1:
        with scratch() as folder:
            asked = fetch_requests(storage, unanswered, Path(folder)).select("record_id", "key").unique()
            again = asked.group_by("record_id").agg("key").filter(pl.col("key").list.len() > 1).head(1).collect()
        if again.height:
            last = max(
                (entry for entry in unanswered if entry.key in set(again["key"][0])), key=lambda entry: entry.shard
            )
            raise JobFailed(
                f"{_told(last)}, as another job with its records did before; nothing was published. What was answered "
                "stays in the ledger; when Bedrock is well, run the day again: only what is left is asked"
            )


def _told(entry: LedgerEntry) -> str:
    return f"job {entry.job_name} ended {entry.job_status}: {entry.job_message or 'Bedrock says no reason'}"
