"""The records that are asked become shards of JSON lines within Bedrock's quotas, each with its ledger entry."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from data_contracts.documents.ledger import GoldenShare, LedgerEntry, Mode, job_name, shard_key
from data_contracts.documents.plan import Plan
from data_contracts.tables.verdicts import REQUESTS
from tasks.base.errors import SettingsInvalid, Unbalanced
from tasks.base.frames import read_batches
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.batch.estimate.rates import Rates, estimate
from tasks.batch.wanted_records import WANTED
from tasks.ledger.prices import Price
from tasks.llm.request_line import RequestTemplate

IntArray = npt.NDArray[np.int64]

#: Rows in memory at a time while lines are written: some ten megabytes of them.
_BATCH_ROWS = 2_000

#: Bedrock's own bounds of a job's time-out. Source: CreateModelInvocationJob, timeoutDurationInHours.
_TIMEOUT_H = (24, 168)


class Shard(NamedTuple):
    """A finished input file; of its requests and tokens a part is of golden items. A record of it may be a pack."""

    path: Path
    sha256: str
    size_bytes: int
    requests: pl.DataFrame
    record_count: int
    input_tokens: int
    golden_count: int = 0
    golden_input_tokens: int = 0


class Cut(NamedTuple):
    """What a shard takes: so many of the comments' records, and then so many golden items."""

    record_count: int
    golden_count: int = 0


def plan_shards(
    line_bytes: IntArray,
    max_records: int,
    max_bytes: int,
    min_records: int,
    golden_bytes: IntArray = np.zeros(0, dtype=np.int64),
) -> list[Cut]:
    """What each shard takes, in order; even, so that no shard is left under the minimum.

    Golden items are spread evenly too, so that a lost shard loses few of them. They count towards the limits and not
    towards the minimum.

    Raises:
        SettingsInvalid: if no cut keeps every shard within its limits and over the minimum.
    """
    total, golden = len(line_bytes), len(golden_bytes)
    if total == 0:
        return []
    ends, golden_ends = (np.concatenate([[0], np.cumsum(sizes)]) for sizes in (line_bytes, golden_bytes))
    all_bytes = int(ends[-1] + golden_ends[-1])
    shard_count = max(math.ceil((total + golden) / max_records), math.ceil(all_bytes / max_bytes))
    while total // shard_count >= min(min_records, total):
        places = np.arange(shard_count + 1)
        borders, golden_borders = places * total // shard_count, places * golden // shard_count
        counts, golden_counts = np.diff(borders), np.diff(golden_borders)
        sizes = np.diff(ends[borders]) + np.diff(golden_ends[golden_borders])
        if sizes.max() <= max_bytes and (counts + golden_counts).max() <= max_records:
            return [Cut(int(count), int(some)) for count, some in zip(counts, golden_counts, strict=True)]
        shard_count += 1
    raise SettingsInvalid(
        f"MODERATION_MAX_SHARD_BYTES={max_bytes} and MODERATION_MAX_SHARD_RECORDS={max_records} leave no way to cut "
        f"{total} records into shards of at least MODERATION_MIN_JOB_RECORDS={min_records}"
    )


def write_shards(
    records: Path,
    cuts: Sequence[Cut],
    template: RequestTemplate,
    rates: Rates,
    folder: Path,
    golden: pl.DataFrame = WANTED.empty(),
    pack_size: int = 1,
) -> Iterator[Shard]:
    """Write one input file after another; the caller sends each away before the next is begun.

    Args:
        records: a Parquet file with the columns of WANTED.
        cuts: what each shard takes, in order.
        template: what a line is made of.
        rates: what a request is expected to read.
        folder: where the files go.
        golden: the golden items, with the columns of WANTED; they stand at the end of their shards.
        pack_size: rows of a record: comments of a pack, which stand one after another.
    """
    batches, golden_taken = _Batches(records, pack_size), 0
    for number, cut in enumerate(cuts):
        path, digest, parts = folder / f"shard-{number:05d}.jsonl", hashlib.sha256(), list[pl.DataFrame]()
        items = golden.slice(golden_taken, cut.golden_count)
        golden_taken += cut.golden_count
        with path.open("wb") as file:
            for taken in (*batches.take(cut.record_count * pack_size), items):
                lines = template.lines(taken.with_columns(record_id=pl.coalesce("asked_as", "record_id")))
                file.write(lines)
                digest.update(lines)
                parts.append(taken.select(*REQUESTS.names, _input_tokens=rates.input_tokens()))
        asked = pl.concat(parts)
        yield Shard(
            path=path,
            sha256=digest.hexdigest(),
            size_bytes=path.stat().st_size,
            requests=asked.select(REQUESTS.names),
            record_count=cut.record_count + items.height,
            input_tokens=int(asked["_input_tokens"].sum()),
            golden_count=items.height,
            golden_input_tokens=int(parts[-1]["_input_tokens"].sum()),
        )


class _Batches:
    """The records of a file in order, so many as are asked for."""

    def __init__(self, records: Path, multiple: int = 1) -> None:
        self._multiple = multiple
        self._batches = read_batches(records, WANTED.names, _BATCH_ROWS)
        self._left = next(self._batches, None)

    def take(self, count: int) -> Iterator[pl.DataFrame]:
        """The next `count` records, some at a time."""
        while count:
            if self._left is None:
                raise Unbalanced("the records came out fewer than they were counted")
            most = min(count, self._left.height - self._left.height % self._multiple)
            taken, self._left = self._left.head(most), self._left.slice(most)
            count -= taken.height
            if self._left.height < self._multiple:
                following = next(self._batches, None)
                self._left = pl.concat([self._left, following]) if following is not None else None
            yield taken


def job_timeout_h(settings: Settings) -> int:
    """Hours after which Bedrock itself ends a job: the deadline, within Bedrock's own bounds."""
    return min(max(math.ceil(settings.deadline_h), _TIMEOUT_H[0]), _TIMEOUT_H[1])


class EntryMaker(NamedTuple):
    """What a shard's entry needs beside the shard itself."""

    settings: Settings
    plan: Plan
    paths: RunPaths
    rates: Rates
    mode: Mode
    price: Price | None
    now: datetime

    def entry(self, number: int, shard: Shard) -> LedgerEntry:
        """The intent to ask for a shard."""
        plan, settings = self.plan, self.settings
        key = shard_key(
            settings.deployment,
            plan.run_date,
            number,
            shard.sha256,
            plan.model_id,
            plan.invocation_type,
            plan.epoch,
            plan.masking,
        )
        used = estimate(shard.record_count, shard.input_tokens, self.rates, self.price)
        of_golden = estimate(shard.golden_count, shard.golden_input_tokens, self.rates, self.price)
        golden = GoldenShare(
            record_count=shard.golden_count,
            estimated_input_tokens=of_golden.input_tokens,
            estimated_output_tokens=of_golden.output_tokens,
            estimated_cost_usd=of_golden.cost_usd,
        )
        return LedgerEntry(
            key=key,
            run_date=plan.run_date,
            shard=number,
            epoch=plan.epoch,
            run_id=plan.run_id,
            model_id=plan.model_id,
            profiled_model_id=plan.profiled_model_id,
            invocation_type=plan.invocation_type,
            prompt_name=plan.prompt_name,
            prompt_version=plan.prompt_version,
            prompt_sha256=plan.prompt_sha256,
            masking=plan.masking,
            input_uri=self.paths.batch_input(key, number),
            input_sha256=shard.sha256,
            output_uri=self.paths.batch_output(key),
            requests_uri=self.paths.requests(key),
            record_count=shard.record_count,
            input_bytes=shard.size_bytes,
            estimated_input_tokens=used.input_tokens,
            estimated_output_tokens=used.output_tokens,
            estimated_cost_usd=used.cost_usd,
            estimate_source=self.rates.source,
            job_name=job_name(plan.run_date, number, key),
            client_request_token=key,
            role_arn=settings.role_arn,
            timeout_h=job_timeout_h(settings),
            intended_at=self.now,
            mode=self.mode,
            golden=golden if shard.golden_count else None,
            step=None if plan.is_plain else plan.step,
            policy_sha256=None if plan.is_plain or plan.policy is None else plan.policy.sha256,
        )
