"""Eighth stage: one verdict for each valid comment, joined by record id, whatever order the answers came in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from data_contracts.ledger import LedgerEntry
from data_contracts.verdicts import VERDICTS, DecidedBy, Status
from tasks import adapters
from tasks.buckets import buckets
from tasks.errors import JobFailed, TooFewJudged, is_transient
from tasks.find_quotes import without_quotes
from tasks.ingest import Plan
from tasks.ledger import fetch_answers, fetch_requests, is_live, read_ledger, scratch, serves
from tasks.paths import RunPaths
from tasks.ports import JobStatus
from tasks.prices import PICODOLLARS, find_price
from tasks.settings import Settings


class VerdictSummary(BaseModel):
    """What the verdicts say, by count."""

    model_config = ConfigDict(frozen=True)

    verdict_count: int
    status_counts: dict[str, int]
    violation_count: int
    duplicate_count: int
    cost_pico: int | None

    @property
    def judged_fraction(self) -> float:
        """Judged verdicts among all; 1 when there are none to judge."""
        return self.status_counts.get(Status.JUDGED, 0) / self.verdict_count if self.verdict_count else 1.0


def job_frame(entries: Sequence[LedgerEntry], settings: Settings) -> pl.DataFrame:
    """One row per ledger entry: key, batch_job_arn, epoch, and its price in picodollars a token (null if unknown)."""
    prices = [find_price(entry.model_id, entry.mode, settings.prices) for entry in entries]
    return pl.DataFrame(
        {
            "key": [entry.key for entry in entries],
            "batch_job_arn": [entry.job_arn for entry in entries],
            "_epoch": [entry.epoch for entry in entries],
            "_input_pico": [price.input_pico if price else None for price in prices],
            "_output_pico": [price.output_pico if price else None for price in prices],
        },
        schema={
            "key": pl.String,
            "batch_job_arn": pl.String,
            "_epoch": pl.Int64,
            "_input_pico": pl.Int64,
            "_output_pico": pl.Int64,
        },
    )


def best_answers(requests: pl.LazyFrame, answers: pl.LazyFrame, jobs: pl.LazyFrame) -> pl.LazyFrame:
    """The answer that counts for each record and text: a judged one first, then the highest epoch, the latest attempt.

    Tokens and cost are those of all attempts together, since all were paid for this record; a record that a job lost
    is `missing`, and its cost is what the output shows: nothing.

    Columns: requests (REQUESTS plus key), answers (ANSWERS plus key), jobs (`job_frame`) -> record_id, text_sha256,
    status ... explanation, decided_at, attempt, input_tokens, output_tokens, cost_pico, batch_job_arn.
    """
    cost = pl.col("input_tokens").fill_null(0) * pl.col("_input_pico") + pl.col("output_tokens").fill_null(0) * pl.col(
        "_output_pico"
    )
    tried = (
        requests.join(answers.drop("attempt"), on=["record_id", "key"], how="left")
        .join(jobs, on="key", how="left")
        .with_columns(pl.col("status").fill_null(Status.MISSING.value), cost_pico=cost)
        .with_columns(
            status_detail=pl.when(pl.col("status") == Status.MISSING)
            .then(pl.lit("the job's output has no line for this record"))
            .otherwise(pl.col("status_detail"))
        )
    )
    summed = ("input_tokens", "output_tokens", "cost_pico")
    best_first = pl.exclude(*summed, "record_id", "text_sha256").sort_by(
        pl.col("status") != Status.JUDGED,
        pl.col("_epoch"),
        pl.col("attempt"),
        pl.col("key"),
        descending=[False, True, True, False],
    )
    return tried.group_by("record_id", "text_sha256").agg(
        best_first.first(),
        *(pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name) for name in summed),
    )


def merge(valid: pl.LazyFrame, duplicates: pl.LazyFrame, best: pl.LazyFrame, plan: Plan, priced: bool) -> pl.LazyFrame:
    """One verdict row per valid row, in order of record id.

    A duplicate inherits the status and verdict of the comment it is judged as, at no tokens and no cost. A comment
    that was never asked is `missing`. An explanation that quotes its comment is replaced: only here do both meet.

    Columns: valid (record columns), duplicates (record_id, judged_as), best (`best_answers`) -> VERDICTS.
    """
    owns = pl.col("judged_as").is_null()
    dollars = pl.col("cost_pico").fill_null(0).map_batches(_usd, pl.Float64, is_elementwise=True)
    return VERDICTS.conform(
        valid.join(duplicates, on="record_id", how="left", validate="1:1")
        .with_columns(_asked=pl.coalesce("judged_as", "record_id"))
        .join(
            best, left_on=["_asked", "text_sha256"], right_on=["record_id", "text_sha256"], how="left", validate="m:1"
        )
        .sort("record_id")
        .with_columns(
            status_detail=pl.when(pl.col("status").is_null()).then(pl.lit("never asked")).otherwise("status_detail"),
            status=pl.col("status").fill_null(Status.MISSING.value),
            explanation=without_quotes(),
            date=pl.lit(plan.run_date),
            decided_by=pl.when(owns).then(pl.lit(DecidedBy.MODEL.value)).otherwise(pl.lit(DecidedBy.DUPLICATE.value)),
            attempt=pl.col("attempt").fill_null(0),
            input_tokens=pl.when(owns).then("input_tokens"),
            output_tokens=pl.when(owns).then("output_tokens"),
            cost_usd=pl.when(~owns).then(0.0).when(pl.lit(priced)).then(dollars),
            model_id=pl.lit(plan.model_id),
            prompt_name=pl.lit(plan.prompt_name),
            prompt_version=pl.lit(plan.prompt_version),
            prompt_sha256=pl.lit(plan.prompt_sha256),
            run_id=pl.lit(plan.run_id),
            decided_at=pl.col("decided_at").fill_null(pl.lit(plan.planned_at)),
        )
    )


def _usd(pico: pl.Series) -> pl.Series:
    """Dollars, rounded as the ledger's are; polars multiplies by the reciprocal, which may be off in the last digit."""
    return pl.Series(pico.name, pico.to_numpy() / PICODOLLARS)


def merge_in_buckets(
    valid: pl.LazyFrame,
    duplicates: pl.LazyFrame,
    requests: pl.LazyFrame,
    answers: pl.LazyFrame,
    jobs: pl.LazyFrame,
    plan: Plan,
    priced: bool,
    row_count: int,
) -> Iterator[pl.DataFrame]:
    """`best_answers` and `merge` by ranges of record id; the verdicts come range by range, in order of id within."""
    # A duplicate belongs to the range of the record that it is judged as: both sides of every join are in one.
    asked_as = pl.coalesce("judged_as", "record_id")
    for bucket in buckets(row_count):
        mine = valid.join(duplicates, on="record_id", how="left").filter(bucket.holds(asked_as)).drop("judged_as")
        asked, answered = (frame.filter(bucket.holds(pl.col("record_id"))) for frame in (requests, answers))
        copies = duplicates.filter(bucket.holds(pl.col("judged_as")))
        yield merge(mine, copies, best_answers(asked, answered, jobs), plan, priced).collect()


def summarise(verdicts: pl.LazyFrame, cost_pico: int | None) -> VerdictSummary:
    """Counts over the verdicts, in one streaming pass."""
    by_status = verdicts.group_by("status").len()
    flags = verdicts.select(
        rows=pl.len(),
        violations=pl.col("violation").sum(),
        duplicates=(pl.col("decided_by") == DecidedBy.DUPLICATE).sum(),
    )
    statuses, counts = pl.collect_all([by_status, flags], engine="streaming")
    row = counts.row(0, named=True)
    return VerdictSummary(
        verdict_count=row["rows"],
        status_counts=dict(sorted(statuses.iter_rows())),
        violation_count=row["violations"],
        duplicate_count=row["duplicates"],
        cost_pico=cost_pico,
    )


def check_judged(summary: VerdictSummary, min_judged_fraction: float, jobs: Sequence[LedgerEntry]) -> None:
    """Nothing, if enough comments were judged to publish.

    Raises:
        JobFailed: if too few were and a job failed as a whole, with Bedrock's own message.
        TooFewJudged: if too few were otherwise, with the counts by status.
    """
    if summary.judged_fraction >= min_judged_fraction:
        return
    failed = [job for job in jobs if job.job_status == JobStatus.FAILED]
    if failed:
        raise JobFailed(f"job {failed[-1].job_name} failed: {failed[-1].job_message} (nothing was published)")
    counts = ", ".join(f"{status} {count}" for status, count in summary.status_counts.items())
    raise TooFewJudged(
        f"{summary.status_counts.get(Status.JUDGED, 0)} of {summary.verdict_count} comments judged ({counts}), less "
        f"than MODERATION_MIN_JUDGED_FRACTION={min_judged_fraction}: nothing was published; what was answered stays in "
        "the ledger, and the next run asks for the rest"
    )


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def merge_verdicts(settings: Settings, plan: Plan) -> VerdictSummary:
    """Write the run's verdicts frame; a rerun overwrites its own."""
    storage, paths = adapters.connect(settings).storage, RunPaths(settings, plan.run_date, plan.run_id)
    ledger = [entry for entry in read_ledger(storage, paths) if serves(entry, plan) and not is_live(entry)]
    priced = find_price(plan.model_id, "batch", settings.prices) is not None
    with scratch() as temporary:
        folder = Path(temporary)
        for name in ("valid", "duplicates"):
            storage.fetch(paths.work(name), folder / f"{name}.parquet")
        valid, duplicates = (pl.scan_parquet(folder / f"{name}.parquet") for name in ("valid", "duplicates"))
        requests, answers = fetch_requests(storage, ledger, folder), fetch_answers(storage, ledger, folder)
        jobs = job_frame(ledger, settings).lazy()
        path, pico = folder / "verdicts.parquet", 0
        row_count = valid.select(pl.len()).collect().item()
        with pq.ParquetWriter(path, VERDICTS.arrow_schema, compression="zstd") as writer:
            for bucket in merge_in_buckets(valid, duplicates, requests, answers, jobs, plan, priced, row_count):
                writer.write_table(arrow(bucket))
                pico += int((bucket["cost_usd"] * PICODOLLARS).round().cast(pl.Int64).sum())
        summary = summarise(pl.scan_parquet(path), pico if priced else None)
        check_judged(summary, settings.min_judged_fraction, ledger)
        storage.send(path, paths.work("verdicts"))
    return summary


def arrow(verdicts: pl.DataFrame) -> pa.Table:
    """The frame as Arrow in the contract's schema."""
    return verdicts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(VERDICTS.arrow_schema)
