"""The canary: one record of the first shard asked by itself, before a job is paid for.

Bedrock does not look into the bodies of a batch when it takes the job: a request that the model refuses fails record by
record, hours later and all of them. One call with the exact body finds that out for a few tenths of a cent.

Source: Amazon Bedrock User Guide, "Monitor batch inference jobs" (validation does not check the request body).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from data_contracts.batch_lines import OutputLine
from data_contracts.ledger import EntryState, LedgerEntry, Usage, canary_key
from data_contracts.verdicts import Status
from tasks.adapters import Adapters
from tasks.errors import BedrockRefused, CanaryFailed, Transient
from tasks.families import pick_family
from tasks.ingest import Plan, load_prompt
from tasks.ledger import read_ledger, update, write_intent
from tasks.paths import DayPaths
from tasks.ports import JobStatus, RecordFailed
from tasks.prices import find_price
from tasks.read_answer import Outcome, read_line
from tasks.render_request import RequestTemplate
from tasks.settings import Settings

_SWITCH = "MODERATION_PREFLIGHT_CANARY=false goes without this call"


class Tried(NamedTuple):
    """What came of the canary, and what somebody should know of it."""

    told: str
    warnings: tuple[str, ...] = ()


def is_canary_due(settings: Settings, plan: Plan, template: RequestTemplate, ledger: Sequence[LedgerEntry]) -> bool:
    """Whether a first job has to wait for a canary: none was answered today for this model, prompt and request."""
    key = _key(plan, template)
    return settings.preflight_canary and not any(entry.key == key and entry.usage for entry in ledger)


def canary_entry(
    first: LedgerEntry, plan: Plan, template: RequestTemplate, line: bytes, settings: Settings
) -> LedgerEntry:
    """The canary's intent: the first record of a shard, at the price of a single call."""
    key, price = _key(plan, template), find_price(plan.model_id, "canary", settings.prices)
    tokens = [
        math.ceil(total / first.record_count) for total in (first.estimated_input_tokens, first.estimated_output_tokens)
    ]
    return first.model_copy(
        update={
            "key": key,
            "shard": -1,
            "mode": "canary",
            "input_sha256": hashlib.sha256(line).hexdigest(),
            "record_count": 1,
            "input_bytes": len(line),
            "estimated_input_tokens": tokens[0],
            "estimated_output_tokens": tokens[1],
            "estimated_cost_usd": price.cost_usd(*tokens) if price else None,
            "job_name": f"canary-{plan.run_date}-{key[:16]}",
            "client_request_token": key,
            "call_count": 1,
        }
    )


def book(outcome: Outcome, entry: LedgerEntry, settings: Settings) -> Usage:
    """What the canary's calls used, each taken to have used what the one that was answered did."""
    price = find_price(entry.model_id, entry.mode, settings.prices)
    is_known = outcome.input_tokens is not None and outcome.output_tokens is not None
    tokens = [entry.call_count * (count or 0) for count in (outcome.input_tokens, outcome.output_tokens)]
    return Usage(
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=price.cost_usd(*tokens) if price and is_known else None,
        unattributed_cost_usd=0.0,
        input_pico=price.input_pico if price else None,
        output_pico=price.output_pico if price else None,
        line_count=1,
        answered_count=1,
        unreported_count=0 if is_known else 1,
        repeated_call_count=entry.call_count - 1,
    )


def try_canary(
    outside: Adapters, settings: Settings, paths: DayPaths, plan: Plan, first: LedgerEntry, now: datetime
) -> Tried:
    """Ask the model for the first record of a shard and book the call; its answer is nobody's verdict.

    The intent goes on record before each call, so that a crash repeats one call at most, and books both.

    Raises:
        CanaryFailed: if the model does not take the request: no record of the night would be answered.
        BedrockRefused: if the account may not ask this model.
    """
    prompt = load_prompt(settings)
    family = pick_family(plan.model_id, prompt, plan.invocation_type)
    template = RequestTemplate(family, prompt)
    with outside.storage.open(first.input_uri) as file:
        line = file.readline()
    intent = canary_entry(first, plan, template, line, settings)
    known = next((entry for entry in read_ledger(outside.storage, paths) if entry.key == intent.key), None)
    if known is not None and known.usage is not None:
        return Tried("tried before today")
    if known is None:
        entry = write_intent(outside.storage, paths, intent)
    else:
        entry = update(outside.storage, paths, known, call_count=known.call_count + 1, run_id=plan.run_id)
    request: dict[str, Any] = orjson.loads(line)
    try:
        output = outside.bedrock.invoke(plan.model_id, plan.invocation_type, request["modelInput"])
    except (Transient, RecordFailed) as error:
        if isinstance(error, RecordFailed) and error.code == "ValidationException":
            _note_unpaid(outside, paths, entry, str(error))
            raise CanaryFailed(
                f"the model does not take the night's request: {error}: nothing was submitted, and no record would be "
                f"answered; compare prompt {plan.prompt_name}/{plan.prompt_version} and its parameters with what "
                f"{plan.model_id} takes ({_SWITCH})"
            ) from None
        update(outside.storage, paths, entry, job_message=str(error))
        said = (
            f"the canary was not answered: {error}; the night goes on without it, and books nothing for it ({_SWITCH})"
        )
        return Tried("not answered", (said,))
    except BedrockRefused as error:
        _note_unpaid(outside, paths, entry, str(error))
        raise BedrockRefused(f"{error}; it was the canary: nothing was submitted ({_SWITCH})") from None
    outcome = read_line(OutputLine(recordId=request["recordId"], modelOutput=output), family, prompt.categories)
    told = str(outcome.status) if outcome.status is Status.JUDGED else f"{outcome.status}: {outcome.status_detail}"
    update(
        outside.storage,
        paths,
        entry,
        state=EntryState.COLLECTED,
        submitted_at=now,
        job_status=JobStatus.COMPLETED,
        job_message=None if outcome.status is Status.JUDGED else told,
        collected_at=now,
        usage=book(outcome, entry, settings),
    )
    is_odd = outcome.status not in (Status.JUDGED, Status.REFUSED)
    return Tried(told, (f"the canary's answer is {told}; the night goes on",) if is_odd else ())


def _key(plan: Plan, template: RequestTemplate) -> str:
    return canary_key(plan.run_date, plan.model_id, plan.invocation_type, plan.prompt_sha256, template.shape)


def _note_unpaid(outside: Adapters, paths: DayPaths, entry: LedgerEntry, message: str) -> None:
    """The call was turned away, which costs nothing: the next run tries again."""
    update(outside.storage, paths, entry, call_count=entry.call_count - 1, job_message=message)
