"""The canary: one record of the first shard asked by itself, before a job is paid for.

Bedrock does not look into the bodies of a batch when it takes the job: a request that the model refuses fails record by
record, hours later and all of them. One call with the exact body finds that out for a few tenths of a cent.

Source: Amazon Bedrock User Guide, "Monitor batch inference jobs" (validation does not check the request body).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict

from data_contracts.batch_lines import OutputLine
from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import Status
from tasks.base.errors import (
    BedrockRefused,
    BedrockThrottled,
    CanaryFailed,
    LeaseLost,
    QuotaReached,
    Transient,
)
from tasks.base.ports import RecordFailed
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.batch.build_batch import Batch
from tasks.batch.canary import book, canary_entry, most_used, was_answered
from tasks.ledger.asker import Asker
from tasks.ledger.entries import read_ledger, record_move, step_of, write_intent
from tasks.ledger.moves import answered, called, called_first, turned_away, unanswered, withdrawn
from tasks.ledger.run import Run
from tasks.ledger.run_records import read_preflight, write_preflight
from tasks.llm.answer import Outcome, read_line
from tasks.llm.pack_answer import read_pack_line

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
    #: why Bedrock does not take packs, in whose place the comments are then asked singly; empty if it does
    refused_packs: str = ""


class CanaryRequest(NamedTuple):
    """The first line of a shard, as it will be sent.

    Attributes:
        line: with its line end.
        record_id: of the record that it asks about.
        body: what the model is given.
    """

    line: bytes
    record_id: str
    body: dict[str, Any]

    @classmethod
    def of(cls, line: bytes) -> CanaryRequest:
        """The request that a line holds."""
        request = orjson.loads(line)
        return cls(line, request["recordId"], request["modelInput"])


def price_warnings(batch: Batch, plan: Plan) -> tuple[str, ...]:
    """That the budget cannot hold, if nobody knows what the model costs."""
    if batch.estimated_cost_usd is not None:
        return ()
    warning = (
        f"{plan.priced_model_id} has no price in prices.toml: the cost of the night is unknown, and "
        "MODERATION_MAX_COST_USD cannot hold it (MODERATION_PRICES names a list of your own)"
    )
    return (warning,)


def ask(run: Run, asker: Asker, first: LedgerEntry, now: datetime) -> Trial:
    """Ask the model for the first record of a shard and book the call; its answer is nobody's verdict.

    Each call is on record and booked before it is made, at the most that it can cost: a crash repeats one call at most.

    Raises:
        CanaryFailed: if the model does not take the request: no record of the night would be answered.
        BedrockRefused: if the account may not ask this model.
        LeaseLost: if another run has taken the day.
    """
    with run.storage.open(first.input_uri) as file:
        request = CanaryRequest.of(file.readline())
    entry = _put_on_record(run, asker, first, request)
    if entry is None:
        return Trial(canary="tried before today")
    try:
        output = _invoke(run, request.body)
    except (BedrockThrottled, QuotaReached) as error:
        _book_unpaid(run, asker, entry, request, error)
        return _unanswered(error, "books nothing for it")
    except BedrockRefused as error:
        _book_unpaid(run, asker, entry, request, error)
        raise BedrockRefused(f"{error}; it was the canary: nothing was submitted ({_SWITCH})") from None
    except (Transient, RecordFailed) as error:
        if isinstance(error, RecordFailed) and error.code == "ValidationException":
            _book_unpaid(run, asker, entry, request, error)
            raise CanaryFailed(_not_taken(run.plan, error)) from None
        record_move(run.storage, run.paths, unanswered(entry, str(error)))
        return _unanswered(error, "books the most that it can have cost")
    line = OutputLine(recordId=request.record_id, modelOutput=output)
    family, categories, size = asker.family, asker.prompt.categories, asker.pack_size
    outcome = (
        read_line(line, family, categories) if size == 1 else read_pack_line(line, family, categories, size).outcome
    )
    return _book_answer(run, asker, entry, outcome, now)


def _put_on_record(run: Run, asker: Asker, first: LedgerEntry, request: CanaryRequest) -> LedgerEntry | None:
    """The canary's entry with one more call, booked at the most that it can use; None if it was answered today.

    Raises:
        LeaseLost: if this run slept, and its successor may have closed the books; then no call is on record.
    """
    price, intent = asker.prices["canary"], canary_entry(first, run.plan, asker, request.line)
    known = next((entry for entry in read_ledger(run.storage, run.paths) if entry.key == intent.key), None)
    if known is None:
        run.still_ours()  # a run that slept until now would put on record what no books know of
        ours = called_first(intent, most_used(intent, 1, request.body, price))
        entry = write_intent(run.storage, run.paths, ours)
        known = entry if entry != ours else None
        try:
            run.still_ours()
        except LeaseLost:
            if known is None:
                record_move(run.storage, run.paths, withdrawn(entry))
            raise
        if known is None:
            return entry
    if was_answered(known):
        return None
    # Of another comment, maybe: the larger of both requests bounds every call.
    size = max(known.input_bytes, intent.input_bytes)
    sized = known.model_copy(update={"input_bytes": size})
    most = most_used(sized, known.call_count + 1, request.body, price)
    return record_move(run.storage, run.paths, called(known, most, run.plan.run_id, size))


def _invoke(run: Run, body: dict[str, Any]) -> dict[str, Any]:
    """The model's output; a call that is turned away for now is made again a few times."""
    model_id, invocation_type = run.plan.model_id, run.plan.invocation_type
    for wait_s in THROTTLED_WAITS_S:
        try:
            return run.outside.bedrock.invoke(model_id, invocation_type, body, limit_s=LIMIT_S)
        except BedrockThrottled:
            run.outside.clock.sleep(wait_s)
    return run.outside.bedrock.invoke(model_id, invocation_type, body, limit_s=LIMIT_S)


def _book_unpaid(run: Run, asker: Asker, entry: LedgerEntry, request: CanaryRequest, error: Exception) -> None:
    """The call was turned away, which costs nothing: the next run tries again."""
    left_count = entry.call_count - 1
    most = most_used(entry, left_count, request.body, asker.prices["canary"]) if left_count else None
    record_move(run.storage, run.paths, turned_away(entry, most, str(error)))


def _book_answer(run: Run, asker: Asker, entry: LedgerEntry, outcome: Outcome, now: datetime) -> Trial:
    """Book what the answer used; one that is neither a verdict nor a refusal is worth a look."""
    is_judged = outcome.status is Status.JUDGED
    described = str(outcome.status) if is_judged else f"{outcome.status}: {outcome.status_detail}"
    used = book(outcome, entry, asker.prices["canary"])
    record_move(run.storage, run.paths, answered(entry, used, None if is_judged else described, now))
    is_odd = outcome.status not in (Status.JUDGED, Status.REFUSED)
    return Trial(
        canary=described, warnings=(f"the canary's answer is {described}; the night goes on",) if is_odd else ()
    )


def _unanswered(error: Exception, books: str) -> Trial:
    warning = f"the canary was not answered: {error}; the night goes on without it, and {books} ({_SWITCH})"
    return Trial(canary="not answered", warnings=(warning,))


def _not_taken(plan: Plan, error: Exception) -> str:
    return (
        f"the model does not take the night's request: {error}: nothing was submitted, and no record would be "
        f"answered; compare prompt {plan.prompt_name}/{plan.prompt_version} and its parameters with what "
        f"{plan.model_id} takes ({_SWITCH})"
    )


@stage
def try_canary(settings: Settings, plan: Plan, batch: Batch, now: datetime) -> Trial:
    """Try the first shard before a step's first submission; a later round tries nothing, and a rerun tries again.

    Reads: the first shard, ledger, preflight.json.
    Writes: ledger, then one call to the model; preflight.json.
    Stops when: the model does not take the request (CanaryFailed), the account may not ask it (BedrockRefused). Of a
        pack the first is told, and the caller builds the batch anew without packs.
    """
    if not batch.shards:
        return Trial()
    step = step_of(batch.shards[0])
    if not plan.is_plain:
        plan = plan.asked_by(step)
    run = Run.of(settings, plan)
    before = read_preflight(run.storage, run.paths)
    if before.canary and (plan.is_plain or step in before.tried):
        return Trial()
    trial = Trial()
    if settings.preflight_canary and batch.shards[0].mode == "batch":
        asker = Asker.planned(settings, plan)
        try:
            trial = ask(run, asker.in_packs(batch.pack_size) if batch.pack_size > 1 else asker, batch.shards[0], now)
        except (BedrockRefused, CanaryFailed) as error:
            if isinstance(error, CanaryFailed) and batch.pack_size > 1:
                warning = f"packs are not taken, the comments are asked singly: {error}"
                refused = {"warnings": (*before.warnings, warning), "refused": (*before.refused, step)}
                write_preflight(run.storage, run.paths, before.model_copy(update=refused))
                return Trial(canary="packs refused", warnings=(warning,), refused_packs=str(error))
            if before.lifecycle == "ended":
                raise type(error)(f"{error}; {before.ending}") from None
            raise
    trial = Trial(canary=trial.canary, warnings=(*price_warnings(batch, plan), *batch.notes, *trial.warnings))
    both = {"canary": trial.canary or "none", "warnings": (*before.warnings, *trial.warnings)}
    both |= {} if plan.is_plain else {"tried": (*before.tried, step)}
    write_preflight(run.storage, run.paths, before.model_copy(update=both))
    return trial
