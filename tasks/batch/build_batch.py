"""Stage: the records nobody has asked about yet become the shards of a batch, and what they will cost is known.

Which records: `wanted_records`. How they are written: `shards`. What they will use: `estimate/expected` and
`estimate/rates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import EstimateSource, LedgerEntry
from data_contracts.documents.plan import Plan
from tasks.base.errors import SettingsInvalid
from tasks.base.frames import GROUP_ROWS, buckets, scan_file, scratch
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.base.steps import is_shared
from tasks.batch.canary import is_canary_due
from tasks.batch.estimate.expected import expect_rates
from tasks.batch.estimate.rates import Rates
from tasks.batch.failed_jobs import check_failures
from tasks.batch.golden import golden_records, golden_to_ask
from tasks.batch.read_quotas import Quotas
from tasks.batch.send_shards import send_shards
from tasks.batch.shards import Cut, EntryMaker, plan_shards
from tasks.batch.shared_shards import share_shards
from tasks.batch.step_records import next_wave
from tasks.batch.wanted_records import WANTED, Choice, asked_records, booked_cost, choose, records_to_ask
from tasks.ledger.asker import Asker
from tasks.ledger.deadline import is_late
from tasks.ledger.entries import fetch_answers, fetch_requests, read_ledger, serves
from tasks.ledger.run import Run
from tasks.llm.golden import load_planned


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
    #: golden items that ride along, and their part of the estimate
    golden_count: int = 0
    golden_estimated_cost_usd: float | None = 0.0
    #: None when there is nothing to ask
    estimate_source: EstimateSource | None = None
    booked_cost_usd: float
    #: comments of a record
    pack_size: int = 1
    #: what somebody should know before money is spent: `try_canary` tells it
    notes: tuple[str, ...] = ()


def _nothing_to_ask(booked_usd: float) -> Batch:
    """The batch of a day whose deadline has passed."""
    return Batch(
        shards=(),
        record_count=0,
        left_count=0,
        estimated_input_tokens=0,
        estimated_output_tokens=0,
        estimated_cost_usd=0.0,
        booked_cost_usd=booked_usd,
    )


def _own_entries(ledger: Sequence[LedgerEntry], plan: Plan) -> list[LedgerEntry]:
    """What this run has asked before this round, but for its canary."""
    return [entry for entry in ledger if entry.run_id == plan.run_id and entry.mode != "canary"]


def _next_shard(ledger: Sequence[LedgerEntry]) -> int:
    """The number of the next shard: on over all of the day's shards, so that no key is used twice."""
    return max([-1, *(entry.shard for entry in ledger)]) + 1


class _Wanted(NamedTuple):
    """What a new request is needed for: comments in a local file, golden items; both with the columns of WANTED."""

    records: Path
    golden: pl.DataFrame


def _find_wanted(run: Run, asker: Asker, ledger: Sequence[LedgerEntry], folder: Path) -> _Wanted:
    """The comments and golden items that a new request is needed for."""
    serving = [entry for entry in ledger if serves(entry, run.plan)]
    run.storage.fetch_all([(run.paths.work(name), folder / f"{name}.parquet") for name in ("valid", "duplicates")])
    requests, answers = fetch_requests(run.storage, serving, folder), fetch_answers(run.storage, serving, folder)
    valid, duplicates = (scan_file(folder / f"{name}.parquet") for name in ("valid", "duplicates"))
    wanted = folder / "wanted.parquet"
    row_count = valid.select(pl.len()).collect().item()
    with pq.ParquetWriter(wanted, WANTED.arrow_schema) as writer:
        for bucket in buckets(row_count):
            comments, copies, asked, answered = (
                frame.filter(bucket.holds(pl.col("record_id"))) for frame in (valid, duplicates, requests, answers)
            )
            asked_before = asked_records(asked, answered, serving, run.plan.run_id)
            most, masking = run.settings.max_attempts, run.plan.masking
            to_ask = records_to_ask(comments, copies, asked_before, most, masking)
            part = WANTED.conform(WANTED.widen(to_ask)).collect().to_arrow(compat_level=pl.CompatLevel.oldest())
            writer.write_table(part.cast(WANTED.arrow_schema), row_group_size=GROUP_ROWS)
    golden = golden_records(load_planned(run.plan, asker.prompt), run.plan.run_date, run.plan.masking)
    run_id, most = run.plan.run_id, run.settings.max_attempts
    return _Wanted(wanted, golden_to_ask(golden, requests, answers, serving, run_id, most))


def _size(records: pl.LazyFrame, rates: Rates, pack_size: int = 1) -> pl.DataFrame:
    """What `choose` looks at: text_bytes, attempt and expected input_tokens of each record, which may be a pack."""
    sized = records.select("text_bytes", "attempt", input_tokens=rates.input_tokens()).collect(engine="streaming")
    if pack_size == 1:
        return sized
    packs = sized.with_row_index("_pack").group_by(pl.col("_pack") // pack_size, maintain_order=True)
    return packs.agg(pl.col("text_bytes").sum(), pl.col("attempt").max(), pl.col("input_tokens").sum()).drop("_pack")


def _keep_chosen(records: Path, choice: Choice, folder: Path) -> Path:
    """The records that were chosen, in a local file."""
    if not choice.is_first_attempt_only:
        return records
    first_attempts = folder / "first_attempts.parquet"
    scan_file(records).filter(pl.col("attempt") == 1).sink_parquet(first_attempts)
    return first_attempts


def _cut(sizes: pl.DataFrame, golden: pl.DataFrame, asker: Asker, settings: Settings, quotas: Quotas) -> list[Cut]:
    """What each shard takes, within the settings' limits and the account's.

    Raises:
        SettingsInvalid: as `plan_shards`.
    """
    line_bytes, golden_bytes = (
        frame["text_bytes"].to_numpy() + asker.template.constant_bytes for frame in (sizes, golden)
    )
    most = (quotas.most_records(settings), quotas.most_bytes(settings))
    return plan_shards(line_bytes, *most, settings.min_job_records, golden_bytes)


def _has_room(sizes: pl.DataFrame, golden: pl.DataFrame, asker: Asker, settings: Settings, quotas: Quotas) -> bool:
    """Whether the golden items fit into the comments' shards: small ones may have no room beside the minimum."""
    try:
        _cut(sizes, golden, asker, settings, quotas)
    except SettingsInvalid:
        return False
    return True


@stage
def build_batch(settings: Settings, plan: Plan, now: datetime, quotas: Quotas = Quotas()) -> Batch:
    """Write the input files of the shards that are needed; the same records give the same keys and overwrite.

    After the deadline nothing is needed any more, and what failed for good is not asked again.

    Reads: work/valid, work/duplicates, ledger, requests/, answers/, state/usage, the golden pack; Bedrock's count of
        tokens.
    Writes: the shards' input files, requests/; work/wanted, where workers of a cluster write the shards.
    Stops when: the estimate is over the budget (OverBudget), a job's failure would repeat (JobFailed), there are too
        few comments for a job and ON_DEMAND is off (BelowMinimum), no cut into
        shards keeps all limits or the list of prices cannot be read (SettingsInvalid).
    """
    run, asker = Run.of(settings, plan), Asker.planned(settings, plan)
    ledger = read_ledger(run.storage, run.paths)
    booked_usd = booked_cost(ledger)
    if is_late(settings, plan, now):
        return _nothing_to_ask(booked_usd)
    check_failures(run.storage, ledger, plan)
    with scratch() as temporary:
        folder = Path(temporary)
        if plan.is_plain:
            records, golden = _find_wanted(run, asker, ledger, folder)
        else:
            wave = next_wave(run, ledger, folder, now)
            if wave is None:
                return _nothing_to_ask(booked_usd)
            run, asker, records, golden = wave.run, wave.asker, wave.records, wave.golden
            plan, booked_usd = run.plan, booked_usd + wave.reserved_usd
        rates, notes = expect_rates(run, asker, records, _own_entries(ledger, plan))
        pack_size = asker.pack_size
        sizes, golden_sizes = _size(scan_file(records), rates, pack_size), _size(golden.lazy(), rates)
        if golden.height and not _has_room(sizes, golden_sizes, asker, settings, quotas):
            golden_sizes = golden_sizes.clear()
        is_due = is_canary_due(settings, plan, asker, ledger)
        choice = choose(sizes, settings, booked_usd, rates, asker.prices, is_canary_due=is_due, golden=golden_sizes)
        records = _keep_chosen(records, choice, folder)
        maker = EntryMaker(settings, plan, run.paths, rates, choice.mode, asker.prices[choice.mode], now)
        cuts = _cut(choice.sizes, golden_sizes if choice.has_golden else golden_sizes.clear(), asker, settings, quotas)
        send = share_shards if is_shared() and len(cuts) > 1 else send_shards
        shards = send(run, maker, asker.template, records, golden, cuts, _next_shard(ledger), folder, pack_size)
    return Batch(
        shards=tuple(shards),
        record_count=choice.sizes.height,
        left_count=choice.left_count,
        estimated_input_tokens=choice.expected.input_tokens,
        estimated_output_tokens=choice.expected.output_tokens,
        estimated_cost_usd=choice.expected.cost_usd,
        golden_count=golden_sizes.height if choice.has_golden else 0,
        golden_estimated_cost_usd=choice.expected_of_golden.cost_usd,
        estimate_source=rates.source if shards else None,
        booked_cost_usd=booked_usd,
        pack_size=pack_size,
        notes=notes if shards else (),
    )
