"""What judging a day, or a part of it, will use: what a night of that day would estimate, from a part of its rows.

A night's own rules, languages, sizes and rates are put to use, so that both say the same of a day that is read whole.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq

from data_contracts.documents.plan import InputObject, Plan
from data_contracts.tables.comments import COMMENTS
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage
from tasks.base.errors import SchemaDrift
from tasks.base.frames import scratch
from tasks.base.paths import DayPaths
from tasks.base.ports import FactUnavailable
from tasks.base.settings import Settings
from tasks.batch.estimate.counted import Counted, count_sample, counted_rates, draw_sample
from tasks.batch.estimate.learnt import UsageHistory
from tasks.batch.estimate.rates import Estimate, Rates, constant_rates, estimate
from tasks.intake.footers import count_rows
from tasks.intake.foreign_parquet import UNREADABLE, first_line, open_parquet
from tasks.intake.repeats import find_duplicates
from tasks.intake.row_rules import check_rows, day_bounds, read_comments, split_records
from tasks.ledger.asker import Asker, Prices
from tasks.llm.masking import MASKING, masked_records
from tasks.past_days.backfill.day_states import Input

#: Rows of a day that are looked at one by one, a third of a second's work; they stand for the rest. In a larger day
#: more texts repeat others than a part of it shows, so its estimate errs upwards.
_SAMPLE_ROWS = 5_000
_RECORD = {"record_id": pl.String(), "language": pl.String(), "text": pl.String(), "text_bytes": pl.Int64()}


class Tariff(NamedTuple):
    """What a request with one prompt and one model is expected to use on a day, and what that costs."""

    rates: Rates
    prices: Prices


class DaySample(NamedTuple):
    """Rows of a day that were looked at.

    Attributes:
        row_count: of them.
        records: those that a night would ask about: record_id, language, text, text_bytes.
    """

    row_count: int
    records: pl.DataFrame

    @property
    def asked_fraction(self) -> float:
        """Share of the rows that would be asked about; all, if there are no rows."""
        return self.records.height / self.row_count if self.row_count else 1.0

    def request_tokens(self, rates: Rates) -> float:
        """Mean tokens that a request reads."""
        return float(self.records.select(rates.input_tokens().mean()).item() or 0.0)


class DayEstimate(NamedTuple):
    """What so many comments will use; no job where they are asked on demand."""

    used: Estimate
    job_count: int


class Tariffs:
    """The tariffs of a prompt and a model, day by day, as a night of the day would come to them.

    Bedrock's own count, where it has one, is made once for all days: of the first day that is asked for.
    """

    def __init__(self, outside: Adapters, settings: Settings, asker: Asker, now: datetime) -> None:
        self._outside, self._asker, self._now = outside, asker, now
        self._masking = MASKING if settings.mask else None
        self._nights = UsageHistory(outside.storage, DayPaths(settings, now.date()))
        self._counted: tuple[float, list[Counted]] | None = None
        self._is_counted = not settings.count_tokens
        self._lock = threading.Lock()

    def of(self, run_date: date, sample: DaySample) -> Tariff:
        """The tariff of a day, of whose rows some are at hand."""
        rates = self._nights.rates(run_date, self._asked(run_date))
        if rates is None:
            rates = constant_rates(self._asker.prompt_text, self._asker.family.reasoning_tokens)
        counted = self._count(sample)
        return Tariff(counted_rates(*counted, rates.output_tokens) if counted else rates, self._asker.prices)

    def _count(self, sample: DaySample) -> tuple[float, list[Counted]] | None:
        with self._lock:
            if not self._is_counted and sample.records.height:
                self._is_counted = True
                drawn = draw_sample(sample.records.lazy())
                try:
                    self._counted = count_sample(self._outside, self._asker, drawn)
                except FactUnavailable:  # the nights say so themselves
                    self._counted = None
            return self._counted

    def _asked(self, run_date: date) -> Plan:
        return Plan(
            run_date=run_date,
            run_id="",
            planned_at=self._now,
            inputs=(),
            model_id=self._asker.model_id,
            profiled_model_id=self._asker.profiled_model_id,
            invocation_type=self._asker.invocation_type,
            prompt_name=self._asker.prompt.id,
            prompt_version=self._asker.prompt.version,
            prompt_sha256=self._asker.prompt.sha256,
            epoch=0,
            settings={},
            masking=self._masking,
        )


def count_comments(storage: Storage, inputs: Sequence[Input]) -> int:
    """Rows of the files, from their footers.

    Raises:
        SchemaDrift: if a file does not keep the contract.
    """
    total = 0
    for item in inputs:
        with storage.open(item.uri) as file:
            total += count_rows(file, item.uri)
    return total


def nothing_sampled() -> DaySample:
    """No row was looked at."""
    return DaySample(0, pl.DataFrame(schema=_RECORD))


def sample_day(storage: Storage, inputs: Sequence[Input], run_date: date, settings: Settings) -> DaySample:
    """The first rows of each of the day's files, as a night would validate and deduplicate them."""
    most_rows = math.ceil(_SAMPLE_ROWS / max(1, len(inputs)))
    with scratch() as folder:
        frames = []
        for number, item in enumerate(inputs):
            path = Path(folder) / f"input-{number:05d}.parquet"
            source = InputObject(**item.model_dump(), row_count=_copy_rows(storage, item, path, most_rows))
            if source.row_count:
                frames.append(read_comments(path, source))
        if not frames:
            return nothing_sampled()
        checked = check_rows(pl.concat(frames), run_date, day_bounds(run_date, settings.zone), settings.max_text_chars)
        rows = checked.collect()
    valid = split_records(rows.lazy()).valid.collect()
    repeats = find_duplicates(valid.lazy()) if settings.deduplicate else valid.clear()
    records = valid.join(repeats, on="record_id", how="anti").select(*_RECORD).lazy()
    return DaySample(rows.height, (masked_records(records) if settings.mask else records).collect())


def _copy_rows(storage: Storage, item: Input, path: Path, most_rows: int) -> int:
    """Copy the first rows of an object to a local file; how many there are.

    Raises:
        SchemaDrift: if they cannot be read.
    """
    with storage.open(item.uri) as file:
        try:
            batch = next(open_parquet(file).iter_batches(batch_size=most_rows, columns=COMMENTS.names), None)
        except UNREADABLE as error:
            raise SchemaDrift(f"{item.uri}: its first rows cannot be read ({first_line(error)})") from None
    if batch is None:
        return 0
    with pq.ParquetWriter(path, batch.schema) as writer:
        writer.write_batch(batch)
    return int(batch.num_rows)


def estimate_day(record_count: int, request_tokens: float, tariff: Tariff, settings: Settings) -> DayEstimate:
    """Tokens, dollars and jobs of so many requests that read that much each, the canary before them included."""
    is_single = settings.on_demand and record_count < settings.min_job_records
    has_canary = record_count > 0 and settings.preflight_canary and not is_single
    price = tariff.prices["on_demand" if is_single else "batch"]
    used = estimate(record_count, math.ceil(record_count * request_tokens), tariff.rates, price)
    if has_canary:
        tried = estimate(1, math.ceil(request_tokens), tariff.rates, tariff.prices["canary"])
        costs = (used.cost_usd, tried.cost_usd)
        used = Estimate(
            used.input_tokens + tried.input_tokens,
            used.output_tokens + tried.output_tokens,
            None if None in costs else math.fsum(cost or 0.0 for cost in costs),
        )
    return DayEstimate(used, 0 if is_single else math.ceil(record_count / settings.max_shard_records))
