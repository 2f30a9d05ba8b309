"""The canary: one record of the first shard asked by itself, before a job is paid for.

Bedrock does not look into the bodies of a batch when it takes the job: a request that the model refuses fails record by
record, hours later and all of them. One call with the exact body finds that out for a few tenths of a cent.

Source: Amazon Bedrock User Guide, "Monitor batch inference jobs" (validation does not check the request body).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from data_contracts.batch_lines import OutputLine
from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import Status
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import (
    BedrockRefused,
    BedrockThrottled,
    CanaryFailed,
    LeaseLost,
    QuotaReached,
    Transient,
)
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.ports import RecordFailed
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.batch.build_batch import Batch
from tasks.batch.canary import book, canary_entry, most_used, was_answered
from tasks.ledger.entries import read_ledger, record_move, write_intent
from tasks.ledger.lease import check_held
from tasks.ledger.moves import answered, called, called_first, turned_away, unanswered, withdrawn
from tasks.ledger.run_records import read_preflight, write_preflight
from tasks.llm.answer import read_line
from tasks.llm.families import pick_family
from tasks.llm.prompt import load_prompt
from tasks.llm.request_line import RequestTemplate

_SWITCH = "MODERATION_PREFLIGHT_CANARY=false goes without this call"

#: How long its answer is waited for. A moderation answer takes seconds, but the first request with a new JSON schema
#: waits until Bedrock has compiled it, which "may take up to a few minutes"; and a job may begin without a canary.
#: Source: Amazon Bedrock User Guide, "Get validated JSON results from models".
LIMIT_S = 180.0
#: A call that is turned away for now is free, and made again after these waits.
THROTTLED_WAITS_S = (1.0, 4.0, 15.0)


class Trial(BaseModel):
    """What came of the canary, and what somebody should know before the money is spent; empty if none was due."""

    model_config = ConfigDict(frozen=True)

    canary: str = ""
    warnings: tuple[str, ...] = ()


def price_warnings(batch: Batch, plan: Plan) -> tuple[str, ...]:
    """That the budget cannot hold, if nobody knows what the model costs."""
    if batch.estimated_cost_usd is not None:
        return ()
    said = (
        f"{plan.model_id} has no price in prices.toml: the cost of the night is unknown, and MODERATION_MAX_COST_USD "
        "cannot hold it (MODERATION_PRICES names a list of your own)"
    )
    return (said,)


def ask(
    outside: Adapters,
    settings: Settings,
    paths: DayPaths,
    plan: Plan,
    first: LedgerEntry,
    now: datetime,
) -> Trial:
    """Ask the model for the first record of a shard and book the call; its answer is nobody's verdict.

    Each call is on record and booked before it is made, at the most that it can cost: a crash repeats one call at most.

    Raises:
        CanaryFailed: if the model does not take the request: no record of the night would be answered.
        BedrockRefused: if the account may not ask this model.
    """
    prompt = load_prompt(settings)
    family = pick_family(plan.model_id, prompt, plan.invocation_type)
    template = RequestTemplate(family, prompt)
    with outside.storage.open(first.input_uri) as file:
        line = file.readline()
    request: dict[str, Any] = orjson.loads(line)
    body: dict[str, Any] = request["modelInput"]
    intent = canary_entry(first, plan, template, line, settings)
    known = next((entry for entry in read_ledger(outside.storage, paths) if entry.key == intent.key), None)
    if known is None:
        ours = called_first(intent, most_used(intent, 1, body, settings))
        entry = write_intent(outside.storage, paths, ours)
        known = entry if entry != ours else None
        try:  # a run that slept until now would ask after its successor had closed the books
            check_held(outside.storage, paths, plan.run_id)
        except LeaseLost:
            if known is None:
                record_move(outside.storage, paths, withdrawn(entry))
            raise
    if known is not None and was_answered(known):
        return Trial(canary="tried before today")
    if known is not None:
        # Of another comment, maybe: the larger of both requests bounds every call.
        size = max(known.input_bytes, intent.input_bytes)
        sized = known.model_copy(update={"input_bytes": size})
        most = most_used(sized, known.call_count + 1, body, settings)
        entry = record_move(outside.storage, paths, called(known, most, plan.run_id, size))

    def note_unpaid(message: str) -> None:
        """The call was turned away, which costs nothing: the next run tries again."""
        left = entry.call_count - 1
        most = most_used(entry, left, body, settings) if left else None
        record_move(outside.storage, paths, turned_away(entry, most, message))

    try:
        output = _invoke(outside, plan, body)
    except (BedrockThrottled, QuotaReached) as error:
        note_unpaid(str(error))
        said = f"the canary was not answered: {error}; the night goes on without it, and books nothing for it"
        return Trial(canary="not answered", warnings=(f"{said} ({_SWITCH})",))
    except (Transient, RecordFailed) as error:
        if isinstance(error, RecordFailed) and error.code == "ValidationException":
            note_unpaid(str(error))
            raise CanaryFailed(
                f"the model does not take the night's request: {error}: nothing was submitted, and no record would be "
                f"answered; compare prompt {plan.prompt_name}/{plan.prompt_version} and its parameters with what "
                f"{plan.model_id} takes ({_SWITCH})"
            ) from None
        record_move(outside.storage, paths, unanswered(entry, str(error)))
        said = (
            f"the canary was not answered: {error}; the night goes on without it, and books the most that it can have "
            f"cost ({_SWITCH})"
        )
        return Trial(canary="not answered", warnings=(said,))
    except BedrockRefused as error:
        note_unpaid(str(error))
        raise BedrockRefused(f"{error}; it was the canary: nothing was submitted ({_SWITCH})") from None
    outcome = read_line(OutputLine(recordId=request["recordId"], modelOutput=output), family, prompt.categories)
    told = str(outcome.status) if outcome.status is Status.JUDGED else f"{outcome.status}: {outcome.status_detail}"
    message = None if outcome.status is Status.JUDGED else told
    record_move(outside.storage, paths, answered(entry, book(outcome, entry, settings), message, now))
    is_odd = outcome.status not in (Status.JUDGED, Status.REFUSED)
    return Trial(canary=told, warnings=(f"the canary's answer is {told}; the night goes on",) if is_odd else ())


def _invoke(outside: Adapters, plan: Plan, body: dict[str, Any]) -> dict[str, Any]:
    for wait_s in THROTTLED_WAITS_S:
        try:
            return outside.bedrock.invoke(plan.model_id, plan.invocation_type, body, limit_s=LIMIT_S)
        except BedrockThrottled:
            outside.clock.sleep(wait_s)
    return outside.bedrock.invoke(plan.model_id, plan.invocation_type, body, limit_s=LIMIT_S)


@stage
def try_canary(settings: Settings, plan: Plan, batch: Batch, now: datetime) -> Trial:
    """Try the first shard before the run's first submission; a later round tries nothing, and a rerun tries again.

    Reads: the first shard, ledger, preflight.json.
    Writes: ledger, then one call to the model; preflight.json.
    Stops when: the model does not take the request (CanaryFailed), the account may not ask it (BedrockRefused).
    """
    outside, paths = adapters.connect(settings), RunPaths(settings, plan.run_date, plan.run_id)
    before = read_preflight(outside.storage, paths)
    if not batch.shards or before.canary:
        return Trial()
    trial = Trial()
    if settings.preflight_canary and batch.shards[0].mode == "batch":
        try:
            trial = ask(outside, settings, paths, plan, batch.shards[0], now)
        except (BedrockRefused, CanaryFailed) as error:
            if before.lifecycle == "ended":
                raise type(error)(f"{error}; {before.ending}") from None
            raise
    trial = Trial(canary=trial.canary, warnings=(*price_warnings(batch, plan), *batch.notes, *trial.warnings))
    both = {"canary": trial.canary or "none", "warnings": (*before.warnings, *trial.warnings)}
    write_preflight(outside.storage, paths, before.model_copy(update=both))
    return trial
