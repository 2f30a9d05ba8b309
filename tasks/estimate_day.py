"""What judging a day, or a part of it, will use: counted from Parquet footers and a sample of the day's own texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.ledger import Mode
from prompts import Prompt
from tasks.adapters.storage import Storage
from tasks.day_states import Input
from tasks.estimate import Estimate, Rates, constant_rates, estimate
from tasks.families import pick_family
from tasks.identify_language import identify_languages
from tasks.ingest import Plan, count_rows
from tasks.learn_usage import learn_rates
from tasks.paths import DayPaths
from tasks.prices import Price, find_price
from tasks.settings import Settings

#: Comments of a day whose tokens are estimated one by one; their mean stands for the rest.
_SAMPLE_ROWS = 500
_MODES: tuple[Mode, ...] = ("batch", "on_demand")


class Tariff(NamedTuple):
    """What a request with one prompt and one model uses and costs, whichever day it is about."""

    rates: Rates
    prices: dict[Mode, Price | None]


class DayEstimate(NamedTuple):
    """What so many comments will use; no job where they are asked on demand."""

    used: Estimate
    job_count: int


def read_tariff(storage: Storage, paths: DayPaths, prompt: Prompt, now: datetime) -> Tariff:
    """The tariff of the settings' model: what the nights nearest to the day used, else constants.

    Raises:
        UnsupportedModel: if no family answers to the model.
    """
    settings = paths.settings
    family = pick_family(settings.model_id, prompt, settings.invocation_type)
    prices = {mode: find_price(settings.model_id, mode, settings.prices) for mode in _MODES}
    asked = Plan(
        run_date=paths.run_date,
        run_id="",
        planned_at=now,
        inputs=(),
        model_id=settings.model_id,
        invocation_type=family.invocation_type,
        prompt_name=prompt.id,
        prompt_version=prompt.version,
        prompt_sha256=prompt.sha256,
        epoch=0,
        settings={},
    )
    known = learn_rates(storage, paths, asked)
    return Tariff(known or constant_rates(prompt.system + prompt.user, family.reasoning_tokens), prices)


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


def tokens_per_request(storage: Storage, inputs: Sequence[Input], rates: Rates) -> float:
    """Mean tokens that a request reads, over the first texts of the largest file; 0 if it has none."""
    if not inputs:
        return 0.0
    largest = max(inputs, key=lambda item: item.size_bytes)
    with storage.open(largest.uri) as file:
        batches = pq.ParquetFile(file).iter_batches(batch_size=_SAMPLE_ROWS, columns=["text"])
        batch: pa.RecordBatch | None = next(batches, None)
    if batch is None:
        return 0.0
    texts = pl.DataFrame(batch)["text"].cast(pl.String).drop_nulls()
    sample = pl.DataFrame({"language": identify_languages(texts), "text_bytes": texts.str.len_bytes()})
    return float(sample.select(rates.input_tokens().mean()).item() or 0.0)


def estimate_day(record_count: int, request_tokens: float, tariff: Tariff, settings: Settings) -> DayEstimate:
    """Tokens, dollars and jobs of so many requests that read that much each."""
    is_single = settings.on_demand and record_count < settings.min_job_records
    price = tariff.prices["on_demand" if is_single else "batch"]
    used = estimate(record_count, math.ceil(record_count * request_tokens), tariff.rates, price)
    return DayEstimate(used, 0 if is_single else math.ceil(record_count / settings.max_shard_records))
