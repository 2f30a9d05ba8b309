"""Fourth stage: the records nobody has asked about yet become shards of JSON lines within Bedrock's quotas.

A record that a live job holds, or that was judged or refused, is never asked again; one whose answer failed is asked
again up to MAX_ATTEMPTS times in a run. That makes a crash harmless: the next run asks for what is left.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from data_contracts.ledger import LedgerEntry, Mode, job_name, shard_key
from data_contracts.table import Column, Table
from data_contracts.verdicts import REQUESTS, Status
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.buckets import buckets
from tasks.errors import BelowMinimum, OverBudget, SettingsInvalid, Unbalanced, is_transient
from tasks.estimate import Estimate, estimate, prompt_tokens, text_tokens
from tasks.families import pick_family
from tasks.frames import read_batches
from tasks.ingest import Plan, load_prompt
from tasks.ledger import fetch_answers, fetch_requests, is_live, read_ledger, serves
from tasks.paths import RunPaths
from tasks.prices import Price, find_price
from tasks.render_request import RequestTemplate
from tasks.settings import Settings

#: What each way of asking costs; None where it is unknown.
Prices = Mapping[Mode, Price | None]
MODES: tuple[Mode, ...] = ("batch", "on_demand")

IntArray = npt.NDArray[np.int64]

#: The run's own frame of records that are asked now; it lives on the local disk while shards are written.
WANTED = Table(
    name="wanted",
    meaning="One row per record that a new request is needed for.",
    columns=(
        *REQUESTS.columns,
        Column("text", pl.String(), "The comment."),
        Column("text_bytes", pl.Int64(), "Bytes of the escaped comment inside a line.", unit="byte"),
        Column("text_tokens", pl.Int64(), "Estimated tokens of the comment.", unit="token"),
    ),
    key=("record_id",),
)

#: Rows in memory at a time while lines are written.
_BATCH_ROWS = 20_000

#: Bedrock's own bounds of a job's time-out. Source: CreateModelInvocationJob, timeoutDurationInHours.
_TIMEOUT_H = (24, 168)


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
    booked_cost_usd: float


class Shard(NamedTuple):
    """A finished input file."""

    path: Path
    sha256: str
    size_bytes: int
    requests: pl.DataFrame
    comment_tokens: int


def plan_shards(line_bytes: IntArray, max_records: int, max_bytes: int, min_records: int) -> list[int]:
    """How many records each shard takes, in order; even, so that no shard is left under the minimum.

    Raises:
        SettingsInvalid: if no cut keeps every shard within the bytes and over the minimum.
    """
    total = len(line_bytes)
    if total == 0:
        return []
    ends = np.concatenate([[0], np.cumsum(line_bytes)])
    shard_count = max(math.ceil(total / max_records), math.ceil(int(ends[-1]) / max_bytes))
    while total // shard_count >= min(min_records, total):
        borders = np.arange(shard_count + 1) * total // shard_count
        if np.diff(ends[borders]).max() <= max_bytes:
            return [int(count) for count in np.diff(borders)]
        shard_count += 1
    raise SettingsInvalid(
        f"MODERATION_MAX_SHARD_BYTES={max_bytes} and MODERATION_MAX_SHARD_RECORDS={max_records} leave no way to cut "
        f"{total} records into shards of at least MODERATION_MIN_JOB_RECORDS={min_records}"
    )


def asked_records(
    requests: pl.LazyFrame, answers: pl.LazyFrame, entries: Sequence[LedgerEntry], run_id: str
) -> pl.LazyFrame:
    """Every request of the day so far and what came of it.

    Columns: requests (REQUESTS plus key) and answers (ANSWERS plus key) -> record_id, text_sha256, attempt, status
    (a Status, or null while the job is live), is_own (asked by this run).
    """
    jobs = pl.LazyFrame(
        {
            "key": [entry.key for entry in entries],
            "_live": [is_live(entry) for entry in entries],
            "is_own": [entry.run_id == run_id for entry in entries],
        },
        schema={"key": pl.String, "_live": pl.Boolean, "is_own": pl.Boolean},
    )
    return (
        requests.join(answers.select("record_id", "key", "status"), on=["record_id", "key"], how="left")
        .join(jobs, on="key", how="inner")
        .with_columns(status=pl.when(~pl.col("_live")).then(pl.col("status").fill_null(Status.MISSING.value)))
        .select("record_id", "text_sha256", "attempt", "status", "is_own")
    )


def settled_records(asked: pl.LazyFrame, max_attempts: int) -> pl.LazyFrame:
    """Records that need no new request: a live job holds them, a verdict or a refusal came, or this run asked enough.

    Columns: those of `asked_records` -> record_id, text_sha256.
    """
    done = (pl.col("status").is_null() | pl.col("status").is_in([Status.JUDGED.value, Status.REFUSED.value])).any()
    return (
        asked.group_by("record_id", "text_sha256")
        .agg(_settled=done | (pl.col("is_own").sum() >= max_attempts))
        .filter(pl.col("_settled"))
        .select("record_id", "text_sha256")
    )


def records_to_ask(
    valid: pl.LazyFrame, duplicates: pl.LazyFrame, asked: pl.LazyFrame, max_attempts: int
) -> pl.LazyFrame:
    """The valid records that a new request is needed for, in the order of `valid`.

    Columns: those of the run's `valid` frame -> those of WANTED; attempt is 1 for a record that was never asked.
    """
    settled = settled_records(asked, max_attempts)
    attempts = asked.group_by("record_id").agg(attempt=(pl.col("attempt").max() + 1).cast(pl.Int32))
    return (
        valid.select("record_id", "text", "text_sha256", "text_bytes", text_tokens=text_tokens())
        .join(duplicates.select("record_id"), on="record_id", how="anti", maintain_order="left")
        .join(settled, on=["record_id", "text_sha256"], how="anti", maintain_order="left")
        .join(attempts, on="record_id", how="left", maintain_order="left")
        .with_columns(pl.col("attempt").fill_null(1).cast(pl.Int32))
    )


def write_shards(records: Path, counts: Sequence[int], template: RequestTemplate, folder: Path) -> Iterator[Shard]:
    """Write one input file after another; the caller sends each away before the next is begun.

    Args:
        records: a Parquet file with the columns of WANTED.
        counts: records of each shard, in order.
    """
    batches = read_batches(records, WANTED.names, _BATCH_ROWS)
    left = next(batches, None)
    for number, count in enumerate(counts):
        path, digest, parts, wanted = folder / f"shard-{number:05d}.jsonl", hashlib.sha256(), [], count
        with path.open("wb") as file:
            while wanted:
                if left is None:
                    raise Unbalanced("the records came out fewer than they were counted")
                taken, left = left.head(wanted), left.slice(wanted)
                for record, text in taken.select("record_id", "text").iter_rows():
                    line = template.line(record, text)
                    file.write(line)
                    digest.update(line)
                parts.append(taken.select("record_id", "text_sha256", "attempt", "text_tokens"))
                wanted -= taken.height
                if not left.height:
                    left = next(batches, None)
        asked = pl.concat(parts)
        yield Shard(
            path, digest.hexdigest(), path.stat().st_size, asked.select(REQUESTS.names), int(asked["text_tokens"].sum())
        )


def check_minimum(record_count: int, min_job_records: int) -> None:
    """Nothing, if there is nothing to ask or enough for a job.

    Raises:
        BelowMinimum: naming the minimum.
    """
    if 0 < record_count < min_job_records:
        raise BelowMinimum(
            f"{record_count} comments to judge, fewer than Bedrock's minimum of {min_job_records} records a batch job "
            "(MODERATION_MIN_JOB_RECORDS), and MODERATION_ON_DEMAND is off: nothing was submitted"
        )


def check_budget(estimated_usd: float | None, booked_usd: float, max_cost_usd: float) -> None:
    """Nothing, if what the day has cost and is expected to cost stays within the budget.

    Raises:
        OverBudget: naming the amounts.
    """
    if estimated_usd is not None and booked_usd + estimated_usd > max_cost_usd:
        already = f" on top of ${booked_usd:.2f} already booked or under way" if booked_usd else ""
        raise OverBudget(
            f"an estimated ${estimated_usd:.2f}{already} is over MODERATION_MAX_COST_USD=${max_cost_usd:.2f}: "
            "nothing was submitted"
        )


def booked_cost(entries: Iterable[LedgerEntry]) -> float:
    """What the day's jobs have cost, or are expected to cost while they have not ended; unknown costs are left out."""
    known = (entry.usage.cost_usd if entry.usage else entry.estimated_cost_usd for entry in entries)
    return math.fsum(cost for cost in known if cost is not None)


class Choice(NamedTuple):
    """Which of the records are asked now: `sizes` has their text_bytes, text_tokens and attempt."""

    sizes: pl.DataFrame
    mode: Mode
    is_first_attempt_only: bool
    left_count: int
    expected: Estimate


def choose(
    sizes: pl.DataFrame,
    settings: Settings,
    booked_usd: float,
    constant_tokens: int,
    prices: Prices,
    reasoning_tokens: int = 0,
) -> Choice:
    """Ask for everything that is open; failed records alone never stop a night.

    Too few records for a job are asked on demand, at its price. Where that is switched off, or the budget is too small,
    further attempts are dropped first: what is left of them keeps its status.

    Raises:
        BelowMinimum: if comments that were never asked are fewer than a job takes.
        OverBudget: if they alone are over the budget.
    """
    new = sizes.filter(pl.col("attempt") == 1)
    for wanted in (sizes, new):
        is_last = wanted is new or wanted.height == new.height
        mode: Mode = "on_demand" if settings.on_demand and wanted.height < settings.min_job_records else "batch"
        tokens = int(wanted["text_tokens"].sum())
        expected = estimate(wanted.height, tokens, constant_tokens, prices[mode], reasoning_tokens)
        try:
            if mode == "batch":
                check_minimum(wanted.height, settings.min_job_records)
            check_budget(expected.cost_usd, booked_usd, settings.max_cost_usd)
        except (BelowMinimum, OverBudget):
            if is_last and wanted.height:
                raise
            continue
        break
    return Choice(wanted, mode, wanted.height < sizes.height, sizes.height - wanted.height, expected)


class _Naming(NamedTuple):
    """What a shard's entry needs beside the shard itself."""

    settings: Settings
    plan: Plan
    paths: RunPaths
    constant_tokens: int
    mode: Mode
    price: Price | None
    reasoning_tokens: int
    now: datetime

    def entry(self, number: int, shard: Shard) -> LedgerEntry:
        plan, settings = self.plan, self.settings
        key = shard_key(plan.run_date, number, shard.sha256, plan.model_id, plan.invocation_type, plan.epoch)
        used = estimate(
            shard.requests.height, shard.comment_tokens, self.constant_tokens, self.price, self.reasoning_tokens
        )
        return LedgerEntry(
            key=key,
            run_date=plan.run_date,
            shard=number,
            epoch=plan.epoch,
            run_id=plan.run_id,
            model_id=plan.model_id,
            invocation_type=plan.invocation_type,
            prompt_name=plan.prompt_name,
            prompt_version=plan.prompt_version,
            prompt_sha256=plan.prompt_sha256,
            input_uri=self.paths.batch_input(key, number),
            input_sha256=shard.sha256,
            output_uri=self.paths.batch_output(key),
            requests_uri=self.paths.requests(key),
            record_count=shard.requests.height,
            input_bytes=shard.size_bytes,
            estimated_input_tokens=used.input_tokens,
            estimated_output_tokens=used.output_tokens,
            estimated_cost_usd=used.cost_usd,
            job_name=job_name(plan.run_date, number, key),
            client_request_token=key,
            role_arn=settings.role_arn,
            timeout_h=min(max(math.ceil(settings.deadline_h), _TIMEOUT_H[0]), _TIMEOUT_H[1]),
            intended_at=self.now,
            mode=self.mode,
        )


def _send(storage: Storage, entry: LedgerEntry, shard: Shard, folder: Path) -> None:
    """Send what was asked, then the input file; neither is an intent yet."""
    requests = folder / "requests.parquet"
    shard.requests.write_parquet(requests)
    storage.send(requests, entry.requests_uri)
    storage.send(shard.path, entry.input_uri)
    shard.path.unlink()


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def build_batch(settings: Settings, plan: Plan, now: datetime) -> Batch:
    """Write the input files of the shards that are needed; the same records give the same keys and overwrite."""
    storage, paths = adapters.connect(settings).storage, RunPaths(settings, plan.run_date, plan.run_id)
    prompt = load_prompt(settings)
    family = pick_family(plan.model_id, prompt, plan.invocation_type)
    template = RequestTemplate(family, prompt)
    prices: Prices = {mode: find_price(plan.model_id, mode, settings.prices) for mode in MODES}
    constant_tokens = prompt_tokens(prompt.system + prompt.user)
    ledger = read_ledger(storage, paths)
    serving = [entry for entry in ledger if serves(entry, plan)]
    # Numbered on over all of the day's shards, so that no key is used twice; the epoch is the operator's alone.
    first_shard = max([-1, *(entry.shard for entry in ledger)]) + 1
    booked = booked_cost(ledger)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("valid", "duplicates"):
            storage.fetch(paths.work(name), folder / f"{name}.parquet")
        requests, answers = fetch_requests(storage, serving, folder), fetch_answers(storage, serving, folder)
        valid, duplicates = (pl.scan_parquet(folder / f"{name}.parquet") for name in ("valid", "duplicates"))
        wanted, records = folder / "wanted.parquet", folder / "records.parquet"
        row_count = valid.select(pl.len()).collect().item()
        with pq.ParquetWriter(wanted, WANTED.arrow_schema) as writer:
            for bucket in buckets(row_count):
                mine, asked, answered = (
                    frame.filter(bucket.holds(pl.col("record_id"))) for frame in (valid, requests, answers)
                )
                known = asked_records(asked, answered, serving, plan.run_id)
                found = WANTED.conform(records_to_ask(mine, duplicates, known, settings.max_attempts)).collect()
                writer.write_table(found.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(WANTED.arrow_schema))
        choice = choose(_size(wanted), settings, booked, constant_tokens, prices, family.reasoning_tokens)
        if choice.is_first_attempt_only:
            pl.scan_parquet(wanted).filter(pl.col("attempt") == 1).sink_parquet(records)
        else:
            records = wanted
        line_bytes = choice.sizes["text_bytes"].to_numpy() + template.constant_bytes
        counts = plan_shards(line_bytes, settings.max_shard_records, settings.max_shard_bytes, settings.min_job_records)
        naming = _Naming(
            settings, plan, paths, constant_tokens, choice.mode, prices[choice.mode], family.reasoning_tokens, now
        )
        shards = []
        for number, shard in enumerate(write_shards(records, counts, template, folder), first_shard):
            shards.append(naming.entry(number, shard))
            _send(storage, shards[-1], shard, folder)
    return Batch(
        shards=tuple(shards),
        record_count=choice.sizes.height,
        left_count=choice.left_count,
        estimated_input_tokens=choice.expected.input_tokens,
        estimated_output_tokens=choice.expected.output_tokens,
        estimated_cost_usd=choice.expected.cost_usd,
        booked_cost_usd=booked,
    )


def _size(records: Path) -> pl.DataFrame:
    return pl.read_parquet(records, columns=["text_bytes", "text_tokens", "attempt"])
