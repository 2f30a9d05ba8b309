"""Ninth stage: nothing is published that does not balance; then a commit for each table, then the plain objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from data_contracts.comments import REJECTED
from data_contracts.ledger import LedgerEntry
from data_contracts.table import Table
from data_contracts.verdicts import VERDICTS
from tasks import adapters
from tasks.errors import Unbalanced, is_transient
from tasks.ingest import InputObject, Plan
from tasks.lease import check_held
from tasks.ledger import read_ledger, scratch
from tasks.paths import RunPaths
from tasks.prices import PICODOLLARS
from tasks.settings import Settings

#: Rows of a record batch while a frame is copied into the lake.
_BATCH_ROWS = 50_000


class Balance(BaseModel):
    """The night's books: every row and every paid token accounted for."""

    model_config = ConfigDict(frozen=True)

    ingested_count: int
    valid_count: int
    rejected_count: int
    verdict_count: int
    ledger_input_tokens: int
    ledger_output_tokens: int
    verdict_input_tokens: int
    verdict_output_tokens: int
    unattributed_input_tokens: int
    unattributed_output_tokens: int
    ledger_cost_usd: float | None
    verdict_cost_usd: float | None
    unattributed_cost_usd: float | None
    verdicts_version: int | None = None
    rejected_version: int | None = None


def check_row_keys(inputs: Sequence[InputObject], valid: pl.LazyFrame, rejected: pl.LazyFrame) -> None:
    """Nothing, if every ingested (object, row) is in exactly one of valid and rejected.

    One bit a row and object is held, whatever the size of the night.

    Raises:
        Unbalanced: naming the object and the first row that is lost or there twice.
    """
    seen = {item.uri: np.zeros(item.row_count, dtype=np.uint8) for item in inputs}
    for frame in (valid, rejected):
        for batch in frame.select("source_object", "source_row").collect_batches(chunk_size=_BATCH_ROWS * 4):
            for (uri,), rows in batch.group_by("source_object"):
                numbers = rows["source_row"].to_numpy()
                if uri not in seen or (numbers.size and numbers.max() >= seen[uri].size):
                    raise Unbalanced(f"rows of {uri} that the plan does not know")
                np.add.at(seen[uri], numbers, 1)
    for uri, counts in seen.items():
        wrong = np.flatnonzero(counts != 1)
        if wrong.size:
            times = "lost" if counts[wrong[0]] == 0 else "there twice"
            raise Unbalanced(
                f"{uri}: {wrong.size} rows are not accounted for once, the first is row {wrong[0]}: {times}"
            )


def check_verdict_ids(valid: pl.LazyFrame, verdicts: pl.LazyFrame) -> None:
    """Nothing, if the verdicts' comment ids are the valid ids, each once.

    Raises:
        Unbalanced: with the counts on both sides.
    """
    # Sums of 64-bit hashes wrap alike on both sides: equal multisets give equal sums, and unequal ones do so with a
    # probability of 2^-64 for each of the two seeds, without holding the ids.
    sums = [
        frame.select(
            pl.len(),
            *(
                pl.col("comment_id").hash(seed=seed).reinterpret(signed=True).cast(pl.Int128).sum().alias(f"_{seed}")
                for seed in (1, 2)
            ),
        )
        for frame in (valid, verdicts)
    ]
    (valid_count, *valid_sums), (verdict_count, *verdict_sums) = (
        frame.row(0) for frame in pl.collect_all(sums, engine="streaming")
    )
    if (valid_count, valid_sums) != (verdict_count, verdict_sums):
        raise Unbalanced(f"{verdict_count} verdicts for {valid_count} valid comments, or not for the same ones")


def balance(plan: Plan, ledger: Sequence[LedgerEntry], verdicts: pl.LazyFrame, valid_count: int) -> Balance:
    """The night's books; costs are null where a price is unknown.

    Raises:
        Unbalanced: if the verdicts claim more tokens than the jobs reported.
    """
    totals = (
        verdicts.select(pl.len().alias("rows"), pl.col("input_tokens").sum(), pl.col("output_tokens").sum())
        .collect(engine="streaming")
        .row(0, named=True)
    )
    booked = [entry.usage for entry in ledger if entry.usage is not None]
    ledger_tokens = [sum(usage.input_tokens for usage in booked), sum(usage.output_tokens for usage in booked)]
    verdict_tokens = [int(totals["input_tokens"]), int(totals["output_tokens"])]
    loose = [whole - part for whole, part in zip(ledger_tokens, verdict_tokens, strict=True)]
    if min(loose) < 0:
        raise Unbalanced(f"verdicts claim {verdict_tokens} input and output tokens, the jobs reported {ledger_tokens}")
    costs = [usage.cost_usd for usage in booked]
    ledger_pico = None if None in costs else sum(round((cost or 0) * PICODOLLARS) for cost in costs)
    verdict_pico = _cost_pico(verdicts)
    loose_pico = None if ledger_pico is None or verdict_pico is None else ledger_pico - verdict_pico
    return Balance(
        ingested_count=plan.row_count,
        valid_count=valid_count,
        rejected_count=plan.row_count - valid_count,
        verdict_count=totals["rows"],
        ledger_input_tokens=ledger_tokens[0],
        ledger_output_tokens=ledger_tokens[1],
        verdict_input_tokens=verdict_tokens[0],
        verdict_output_tokens=verdict_tokens[1],
        unattributed_input_tokens=loose[0],
        unattributed_output_tokens=loose[1],
        ledger_cost_usd=_usd(ledger_pico),
        verdict_cost_usd=_usd(verdict_pico),
        unattributed_cost_usd=_usd(loose_pico),
    )


def _cost_pico(verdicts: pl.LazyFrame) -> int | None:
    """Cost of the verdicts in picodollars, summed as integers; None if any is unknown."""
    cost = (pl.col("cost_usd") * PICODOLLARS).round().cast(pl.Int64)
    unknown, pico = (
        verdicts.select(pl.col("cost_usd").null_count(), cost.sum().alias("pico")).collect(engine="streaming").row(0)
    )
    return None if unknown else int(pico)


def _usd(pico: int | None) -> float | None:
    return None if pico is None else pico / PICODOLLARS


def record_batches(path: Path, table: Table) -> Iterator[pa.RecordBatch]:
    """A local Parquet file in pieces, in the contract's schema."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH_ROWS, columns=table.names):
        yield from pa.Table.from_batches([batch]).cast(table.arrow_schema).to_batches()


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=is_transient, cache_policy=NO_CACHE)
def publish(settings: Settings, plan: Plan) -> Balance:
    """Replace the day in the lake and in the plain objects; the same frames again leave the same day."""
    connected, paths = adapters.connect(settings), RunPaths(settings, plan.run_date, plan.run_id)
    with scratch() as temporary:
        files = {name: Path(temporary) / f"{name}.parquet" for name in ("valid", "rejected", "verdicts")}
        for name, path in files.items():
            connected.storage.fetch(paths.work(name), path)
        valid, rejected, verdicts = (pl.scan_parquet(path) for path in files.values())
        check_row_keys(plan.inputs, valid, rejected)
        check_verdict_ids(valid, verdicts)
        ledger = read_ledger(connected.storage, paths)
        books = balance(plan, ledger, verdicts, valid.select(pl.len()).collect().item())
        note = {"run_id": plan.run_id, "run_date": plan.run_date.isoformat(), "plan_sha256": plan.sha256}
        versions, still_ours = {}, partial(check_held, connected.storage, paths, plan.run_id)
        for table in (VERDICTS, REJECTED):
            batches = record_batches(files[table.name], table)
            versions[table.name] = connected.lake.replace_day(
                paths.lake(table.name), table, plan.run_date, batches, note, still_ours
            )
            still_ours()
            connected.storage.send(files[table.name], paths.plain(table.name))
    books = books.model_copy(update={f"{name}_version": version for name, version in versions.items()})
    connected.storage.put(paths.file("balance.json"), books.model_dump_json(indent=1).encode())
    return books
