"""The intent to ask for a shard of an evaluation, whoever filled the shard."""

from __future__ import annotations

from datetime import date, datetime

from data_contracts.documents.ledger import EstimateSource, LedgerEntry, Mode, shard_key
from tasks.base.paths import EvaluationPaths
from tasks.base.settings import Settings
from tasks.batch.estimate.rates import Estimate
from tasks.batch.shards import Shard, job_timeout_h
from tasks.ledger.asker import Asker

#: A set is no day: its shards' keys bear the same date whenever they are asked, so that a crash over midnight is none.
_NO_DAY = date(1970, 1, 1)
#: A set's name is no longer; those that no person gives may be.
_NAME_CHARS = 36


def evaluation_intent(
    settings: Settings,
    paths: EvaluationPaths,
    asker: Asker,
    shard: Shard,
    used: Estimate,
    source: EstimateSource,
    *,
    number: int,
    run_id: str,
    now: datetime,
    mode: Mode,
    order_seed: int = 0,
    masking: str | None = None,
    step: str | None = None,
) -> LedgerEntry:
    """The intent to ask for a shard; its epoch is the order seed, since both mean "asked again"."""
    key = shard_key(
        f"{settings.deployment}/evaluation/{paths.set_name}",
        _NO_DAY,
        number,
        shard.sha256,
        asker.model_id,
        asker.invocation_type,
        order_seed,
        masking,
    )
    return LedgerEntry(
        key=key,
        run_date=paths.run_date,
        shard=number,
        epoch=order_seed,
        run_id=run_id,
        model_id=asker.model_id,
        profiled_model_id=asker.profiled_model_id,
        invocation_type=asker.invocation_type,
        prompt_name=asker.prompt.id,
        prompt_version=asker.prompt.version,
        prompt_sha256=asker.prompt.sha256,
        masking=masking,
        input_uri=paths.batch_input(key, number),
        input_sha256=shard.sha256,
        output_uri=paths.batch_output(key),
        requests_uri=paths.requests(key),
        record_count=shard.record_count,
        input_bytes=shard.size_bytes,
        estimated_input_tokens=used.input_tokens,
        estimated_output_tokens=used.output_tokens,
        estimated_cost_usd=used.cost_usd,
        estimate_source=source,
        job_name=f"ne-{paths.set_name[:_NAME_CHARS]}-{number:05d}-{key[:16]}",
        client_request_token=key,
        role_arn=settings.role_arn,
        timeout_h=job_timeout_h(settings),
        intended_at=now,
        mode=mode,
        step=step,
    )
