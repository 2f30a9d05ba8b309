"""Stage: the records nobody has asked about yet become the shards of a batch, and what they will cost is known.

Which records: `wanted_records`. How they are written: `shards`. What they will use: `estimate/expected` and
`estimate/rates`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import EstimateSource, LedgerEntry, Mode
from data_contracts.documents.plan import Plan
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.base.frames import buckets, scratch
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.batch.canary import is_canary_due
from tasks.batch.estimate.expected import expect_rates
from tasks.batch.estimate.rates import Rates
from tasks.batch.failed_jobs import check_failures
from tasks.batch.read_quotas import Quotas
from tasks.batch.shards import ShardNaming, plan_shards, send_shard, write_shards
from tasks.batch.wanted_records import WANTED, Prices, asked_records, booked_cost, choose, records_to_ask
from tasks.ledger.deadline import is_late
from tasks.ledger.entries import fetch_answers, fetch_requests, read_ledger, serves
from tasks.ledger.prices import find_price
from tasks.llm.families import pick_family
from tasks.llm.prompt import load_prompt
from tasks.llm.request_line import RequestTemplate

MODES: tuple[Mode, ...] = ("batch", "on_demand", "canary")


class Batch(BaseModel):
    """The shards to submit, and what they are expected to use."""

    model_config = ConfigDict(frozen=True)

    shards: tuple[LedgerEntry, ...]
    record_count: int
    #: failed records that get no further attempt: too few for a job, or over the budget
    left_count: int
    estimated_input_tokens: int
    estimated_output_tokens: int
    estimated_cost_usd: float | None
    #: None when there is nothing to ask
    estimate_source: EstimateSource | None = None
    booked_cost_usd: float
    #: what somebody should know before money is spent: `try_canary` tells it
    notes: tuple[str, ...] = ()


@stage
def build_batch(settings: Settings, plan: Plan, now: datetime, quotas: Quotas = Quotas()) -> Batch:
    """Write the input files of the shards that are needed; the same records give the same keys and overwrite.

    After the deadline nothing is needed any more, and what failed for good is not asked again.

    Reads: work/valid, work/duplicates, ledger, requests/, answers/, state/usage; Bedrock's count of tokens.
    Writes: the shards' input files, requests/.
    Stops when: the estimate is over the budget (OverBudget), a job's failure would repeat (JobFailed), there are too
        few comments for a job and ON_DEMAND is off (BelowMinimum).
    """
    outside, paths = adapters.connect(settings), RunPaths(settings, plan.run_date, plan.run_id)
    prompt = load_prompt(settings)
    family = pick_family(plan.model_id, prompt, plan.invocation_type)
    template = RequestTemplate(family, prompt)
    prices: Prices = {mode: find_price(plan.model_id, mode, settings.prices) for mode in MODES}
    ledger = read_ledger(outside.storage, paths)
    # Numbered on over all of the day's shards, so that no key is used twice; the epoch is the operator's alone.
    first_shard = max([-1, *(entry.shard for entry in ledger)]) + 1
    own_entries = [entry for entry in ledger if entry.run_id == plan.run_id and entry.mode != "canary"]
    booked = booked_cost(ledger)
    if is_late(settings, plan, now):
        return _nothing(booked)
    check_failures(outside.storage, ledger, plan)
    with scratch() as temporary:
        folder = Path(temporary)
        records = _write_wanted(
            outside.storage, paths, plan, [entry for entry in ledger if serves(entry, plan)], folder
        )
        rates, notes = expect_rates(outside, paths, plan, family, prompt, records, own_entries)
        is_due = is_canary_due(settings, plan, template, ledger)
        choice = choose(_size(records, rates), settings, booked, rates, prices, is_canary_due=is_due)
        if choice.is_first_attempt_only:
            first_attempts = folder / "first_attempts.parquet"
            pl.scan_parquet(records).filter(pl.col("attempt") == 1).sink_parquet(first_attempts)
            records = first_attempts
        line_bytes = choice.sizes["text_bytes"].to_numpy() + template.constant_bytes
        most = (quotas.most_records(settings), quotas.most_bytes(settings))
        counts = plan_shards(line_bytes, *most, settings.min_job_records)
        naming = ShardNaming(settings, plan, paths, rates, choice.mode, prices[choice.mode], now)
        shards = []
        for number, shard in enumerate(write_shards(records, counts, template, rates, folder), first_shard):
            shards.append(naming.entry(number, shard))
            send_shard(outside.storage, shards[-1], shard, folder)
    return Batch(
        shards=tuple(shards),
        record_count=choice.sizes.height,
        left_count=choice.left_count,
        estimated_input_tokens=choice.expected.input_tokens,
        estimated_output_tokens=choice.expected.output_tokens,
        estimated_cost_usd=choice.expected.cost_usd,
        estimate_source=rates.source if shards else None,
        booked_cost_usd=booked,
        notes=notes if shards else (),
    )


def _nothing(booked_usd: float) -> Batch:
    return Batch(
        shards=(),
        record_count=0,
        left_count=0,
        estimated_input_tokens=0,
        estimated_output_tokens=0,
        estimated_cost_usd=0.0,
        booked_cost_usd=booked_usd,
    )


def _write_wanted(storage: Storage, paths: RunPaths, plan: Plan, serving: list[LedgerEntry], folder: Path) -> Path:
    """The records that a new request is needed for, in a local file: WANTED."""
    for name in ("valid", "duplicates"):
        storage.fetch(paths.work(name), folder / f"{name}.parquet")
    requests, answers = fetch_requests(storage, serving, folder), fetch_answers(storage, serving, folder)
    valid, duplicates = (pl.scan_parquet(folder / f"{name}.parquet") for name in ("valid", "duplicates"))
    wanted = folder / "wanted.parquet"
    row_count = valid.select(pl.len()).collect().item()
    with pq.ParquetWriter(wanted, WANTED.arrow_schema) as writer:
        for bucket in buckets(row_count):
            mine, asked, answered = (
                frame.filter(bucket.holds(pl.col("record_id"))) for frame in (valid, requests, answers)
            )
            known = asked_records(asked, answered, serving, plan.run_id)
            to_ask = records_to_ask(mine, duplicates, known, paths.settings.max_attempts)
            found = WANTED.conform(to_ask).collect()
            writer.write_table(found.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(WANTED.arrow_schema))
    return wanted


def _size(records: Path, rates: Rates) -> pl.DataFrame:
    sized = pl.scan_parquet(records).select("text_bytes", "attempt", input_tokens=rates.input_tokens())
    return sized.collect(engine="streaming")
