"""The canary's entry in the ledger: what it is called, when it is due, and what is booked for it.

What is booked stands on record before the call is made: the most that it can use. An answer puts its own count in that
place. A call that was cut off, or whose answer was lost, thus stays booked, whoever runs next and whether anybody does.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

from data_contracts.documents.ledger import LedgerEntry, Usage, canary_key
from data_contracts.documents.plan import Plan
from tasks.base.settings import Settings
from tasks.batch.estimate.rates import most_tokens
from tasks.ledger.asker import Asker
from tasks.ledger.prices import Price
from tasks.llm.answer import Outcome
from tasks.llm.request_line import RequestTemplate


def key_of(plan: Plan, template: RequestTemplate) -> str:
    """The identity of the canary for these requests."""
    return canary_key(plan.run_date, plan.model_id, plan.invocation_type, plan.prompt_sha256, template.shape)


def was_answered(entry: LedgerEntry) -> bool:
    """Whether a canary's answer is booked; before, its usage is the most that its calls can have used."""
    return entry.usage is not None and not entry.usage.lost_call_count


def is_canary_due(settings: Settings, plan: Plan, asker: Asker, ledger: Sequence[LedgerEntry]) -> bool:
    """Whether a first job has to wait for a canary: none was answered today for this model, prompt and request."""
    key = key_of(plan, asker.template)
    return settings.preflight_canary and not any(entry.key == key and was_answered(entry) for entry in ledger)


def canary_entry(first: LedgerEntry, plan: Plan, asker: Asker, line: bytes) -> LedgerEntry:
    """The canary without a call: the first record of a shard, at the price of a single call."""
    key, price = key_of(plan, asker.template), asker.prices["canary"]
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
            "golden": None,
            "input_bytes": len(line),
            "estimated_input_tokens": tokens[0],
            "estimated_output_tokens": tokens[1],
            "estimated_cost_usd": price.cost_usd(*tokens) if price else None,
            "job_name": f"canary-{plan.run_date}-{key[:16]}",
            "client_request_token": key,
        }
    )


def most_used(entry: LedgerEntry, count: int, body: dict[str, Any], price: Price | None) -> Usage:
    """The most that so many calls of a canary can use."""
    tokens = [count * tokens for tokens in most_tokens(entry.input_bytes, body)]
    return Usage(
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=price.cost_usd(*tokens) if price else None,
        unattributed_cost_usd=0.0,
        input_pico=price.input_pico if price else None,
        output_pico=price.output_pico if price else None,
        lost_call_count=count,
    )


def book(outcome: Outcome, entry: LedgerEntry, price: Price | None) -> Usage:
    """What the canary's calls used, each taken to have used what the one that was answered did."""
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
