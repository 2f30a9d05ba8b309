"""What candidates are still to be asked, what that will cost, and the input files of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data_contracts.batch_lines import slot_names
from data_contracts.documents.ledger import LedgerEntry, Mode
from data_contracts.documents.plan import PACK_STEP
from tasks.adapters import Adapters
from tasks.base.paths import EvaluationPaths
from tasks.base.ports import FactUnavailable
from tasks.base.settings import Settings
from tasks.batch.estimate.counted import count_sample, counted_rates, draw_sample
from tasks.batch.estimate.rates import Estimate, Rates, constant_pack_rates, constant_rates, estimate
from tasks.batch.pack_comments import is_suspicious
from tasks.batch.read_quotas import Quotas
from tasks.batch.shards import Shard, plan_shards, write_shards
from tasks.batch.wanted_records import WANTED
from tasks.evaluate.runs.candidates import Candidate
from tasks.evaluate.runs.experiments import UNANSWERED
from tasks.evaluate.runs.intent import evaluation_intent
from tasks.intake.row_rules import normalise
from tasks.llm.masking import masked
from tasks.llm.request_line import comment_json


class Wanted(NamedTuple):
    """What one candidate is to be asked.

    Attributes:
        records: with the columns of WANTED.
        mode: as batch jobs, or one by one where they are too few for one.
        rates, expected: what they are expected to use.
    """

    candidate: Candidate
    records: pl.DataFrame
    mode: Mode
    rates: Rates
    expected: Estimate


def with_hashes(items: pl.DataFrame) -> pl.DataFrame:
    """The items of a set that have a text, plus `text_sha256` of the normalised text, lower hex."""
    shown = items.filter(pl.col("text").is_not_null())
    normal = shown.select(normalise(pl.col("text"))).to_series()
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in normal]
    return shown.with_columns(text_sha256=pl.Series(digests, dtype=pl.String))


def record_id(set_name: str, text_sha256: str, candidate: Candidate) -> str:
    """The record's id in the batch files: 32 lower hex characters, one for each candidate that a text is asked of."""
    parts = ["evaluation", set_name, text_sha256, *map(str, candidate.identity)]
    parts += [f"masking-{candidate.masking}"] if candidate.masking else []
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def want(
    outside: Adapters, settings: Settings, set_name: str, items: pl.DataFrame, candidate: Candidate, known: pl.DataFrame
) -> Wanted:
    """What a candidate was not asked about yet, each text once; of one with packs, what fills whole packs.

    Args:
        items: of the set, as `with_hashes` gives them.
        known: what it answered, a row a text_sha256. A request that no model answered is asked again.
    """
    answered = known.filter(~pl.col("status").is_in(list(UNANSWERED)))
    attempts = known.select("text_sha256", _before="attempt")
    rows = (
        items.unique("text_sha256", keep="first", maintain_order=True)
        .join(answered, on="text_sha256", how="anti")
        .join(attempts, on="text_sha256", how="left")
    )
    rows = rows.with_columns(masked()) if candidate.masking else rows
    ids = [record_id(set_name, digest, candidate) for digest in rows["text_sha256"]]
    records = (
        rows.with_columns(
            record_id=pl.Series(ids, dtype=pl.String),
            attempt=pl.col("_before").fill_null(0) + 1,
            text_bytes=pl.Series([len(comment_json(text)) for text in rows["text"]], dtype=pl.Int64),
        )
        .sort("record_id")
        .lazy()
    )
    if (size := candidate.asker.pack_size) > 1:
        records = _in_packs(set_name, records.collect(), size).lazy()
    conformed = WANTED.conform(WANTED.widen(records)).collect()
    count = conformed.height // size
    mode: Mode = "batch" if count >= settings.min_job_records else "on_demand"
    rates = _rates(outside, settings, candidate, conformed)
    input_tokens = int(conformed.select(rates.input_tokens()).sum().item() or 0)
    price = candidate.asker.prices[mode]
    return Wanted(candidate, conformed, mode, rates, estimate(count, input_tokens, rates, price))


def _in_packs(set_name: str, records: pl.DataFrame, size: int) -> pl.DataFrame:
    """Those of the records that fill packs, in the order of their ids, which are hashes; each once, and in no other.

    What a night would ask alone is left out: suspicious texts, and a rest that fills no pack.
    """
    sized_texts = records.with_columns(text_chars=pl.col("text").str.len_chars())
    fitting = sized_texts.filter(~is_suspicious(), pl.col("attempt") == 1).drop("text_chars")
    full = fitting.head(fitting.height - fitting.height % size)
    packs = [full["record_id"][first : first + size].to_list() for first in range(0, full.height, size)]
    names = [hashlib.sha256("\x1f".join(("pack", set_name, *pack)).encode()).hexdigest()[:32] for pack in packs]
    return full.with_columns(
        asked_as=pl.Series([name for name in names for _ in range(size)], dtype=pl.String),
        slot=pl.Series([slot for _ in packs for slot in slot_names(size)], dtype=pl.String),
    )


def _rates(outside: Adapters, settings: Settings, candidate: Candidate, records: pl.DataFrame) -> Rates:
    """By Bedrock's own count of a sample; where it does not count, by constants that err upwards."""
    rates = _rates_of_request(outside, settings, candidate, records)
    size = candidate.asker.pack_size
    return rates if size == 1 else rates.in_packs(size)


def _rates_of_request(outside: Adapters, settings: Settings, candidate: Candidate, records: pl.DataFrame) -> Rates:
    asker = candidate.asker
    text, thoughts, size = asker.prompt_text, asker.family.reasoning_tokens, asker.pack_size
    constants = constant_rates(text, thoughts) if size == 1 else constant_pack_rates(text, thoughts, size)
    if not records.height or not settings.count_tokens:
        return constants
    try:
        fixed, counted = count_sample(outside, asker, draw_sample(records.lazy()))
    except FactUnavailable:
        return constants
    return counted_rates(fixed, counted, constants.output_tokens)


def write_requests(
    settings: Settings, paths: EvaluationPaths, wanted: Wanted, first: int, run_id: str, now: datetime, folder: Path
) -> Iterator[tuple[LedgerEntry, Shard]]:
    """The shards of what is wanted, each with its entry; the caller sends each away before the next is begun.

    Their requests have the columns of REQUESTS and `prompt_sha256`: evaluations of a set are read over many prompts.
    """
    path = folder / "wanted.parquet"
    wanted.records.write_parquet(path)
    template, quotas, size = wanted.candidate.asker.template, Quotas(), wanted.candidate.asker.pack_size
    sizes = wanted.records["text_bytes"].to_numpy().reshape(-1, size).sum(axis=1)
    line_bytes = sizes + template.constant_bytes
    limits = quotas.most_records(settings), quotas.most_bytes(settings), settings.min_job_records
    for number, shard in enumerate(
        write_shards(path, plan_shards(line_bytes, *limits), template, wanted.rates, folder, pack_size=size), first
    ):
        prompted = shard.requests.with_columns(prompt_sha256=pl.lit(wanted.candidate.asker.prompt.sha256))
        yield _entry(settings, paths, wanted, number, shard, run_id, now), shard._replace(requests=prompted)


def _entry(
    settings: Settings, paths: EvaluationPaths, wanted: Wanted, number: int, shard: Shard, run_id: str, now: datetime
) -> LedgerEntry:
    candidate, asker = wanted.candidate, wanted.candidate.asker
    return evaluation_intent(
        settings,
        paths,
        asker,
        shard,
        estimate(shard.record_count, shard.input_tokens, wanted.rates, asker.prices[wanted.mode]),
        wanted.rates.source,
        number=number,
        run_id=run_id,
        now=now,
        mode=wanted.mode,
        order_seed=candidate.order_seed,
        masking=candidate.masking,
        step=PACK_STEP if asker.pack_size > 1 else None,
    )
