"""A day's ledger as spans: its shards, the job or the single calls of each, and the canary. None per comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from data_contracts.documents.ledger import LedgerEntry
from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.facts import SpanFacts, Value


def spans_of(run_id: str, entries: Sequence[LedgerEntry], begun: datetime, now: datetime) -> Iterator[SpanFacts]:
    """The spans of what a run worked on: what it asked itself, and what an earlier run had begun.

    A shard lasts from its intent until its answers are collected, its job from the submission; what is still open ends
    with the run.

    Args:
        run_id: of the run.
        entries: the day's ledger.
        begun: when the run began; what was collected before is no work of it.
        now: when the run ends.
    """
    for entry in entries:
        is_ours = entry.run_id == run_id
        if entry.mode == "canary":
            if is_ours:
                yield _canary(entry)
        elif is_ours or entry.collected_at is None or entry.collected_at >= begun:
            yield from _shard(entry, "" if is_ours else entry.run_id, now)


def former_runs(run_id: str, entries: Sequence[LedgerEntry]) -> tuple[str, ...]:
    """The other runs that have asked for something of the day, in order of their first intent."""
    asked = sorted((entry for entry in entries if entry.run_id != run_id), key=lambda entry: entry.intended_at)
    return tuple(dict.fromkeys(entry.run_id for entry in asked))


def _shard(entry: LedgerEntry, former_run: str, now: datetime) -> Iterator[SpanFacts]:
    ended = entry.collected_at or now
    attributes: dict[str, Value] = {
        names.SHARD: entry.shard,
        names.MODE: entry.mode,
        names.STATE: str(entry.state),
        names.RECORDS: entry.record_count,
    }
    shard = f"shard {entry.key}"
    yield SpanFacts("shard", shard, entry.intended_at, ended, attributes, former_run=former_run)
    called = _called(entry) | {names.RECORDS: entry.record_count}
    if entry.mode == "on_demand":
        name = f"{names.CHAT} {entry.model_id}"
        yield SpanFacts(
            name, f"calls {entry.key}", entry.intended_at, ended, called, shard, former_run=former_run, is_call=True
        )
    elif entry.job_arn is not None:
        called |= {names.JOB_NAME: entry.job_name, names.JOB_ARN: entry.job_arn, names.IS_ADOPTED: entry.adopted}
        if entry.job_status is not None:
            called[names.JOB_STATUS] = entry.job_status
        begun = entry.submitted_at or entry.intended_at
        yield SpanFacts("job", f"job {entry.key}", begun, ended, called, shard, former_run=former_run, is_call=True)


def _canary(entry: LedgerEntry) -> SpanFacts:
    """The call lasts as long as its stage, which does little else; the ledger has no time for it."""
    called = _called(entry) | {names.MODE: entry.mode}
    name = f"{names.CHAT} {entry.model_id}"
    return SpanFacts(name, f"canary {entry.key}", None, None, called, "try_canary", is_call=True)


def _called(entry: LedgerEntry) -> dict[str, Value]:
    """What the conventions want of a call to a model, as far as the ledger knows it."""
    called: dict[str, Value] = {
        names.OPERATION: names.CHAT,
        names.PROVIDER: names.BEDROCK,
        names.REQUEST_MODEL: entry.model_id,
        names.PROMPT: f"{entry.prompt_name}/{entry.prompt_version}",
    }
    if entry.usage is not None:
        called |= {names.INPUT_TOKENS: entry.usage.input_tokens, names.OUTPUT_TOKENS: entry.usage.output_tokens}
        if entry.usage.cost_usd is not None:
            called[names.COST] = entry.usage.cost_usd
    return called
