"""Shards as parts of a stage: each is written by whoever works on it, from its own rows of what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow.parquet as pq

from data_contracts.documents.ledger import LedgerEntry
from tasks import adapters
from tasks.base.frames import scratch
from tasks.base.steps import each
from tasks.batch.send_shards import send_shard
from tasks.batch.shards import Cut, EntryMaker, write_shards
from tasks.batch.wanted_records import WANTED
from tasks.ledger.lease import check_not_given_up
from tasks.ledger.run import Run
from tasks.llm.request_line import RequestTemplate


@dataclass(frozen=True)
class ShardPart:
    """What a shard is made of.

    Attributes:
        maker: of settings without secrets.
        template: what a line is made of.
        records_uri, golden_uri: frames of the run with the columns of WANTED.
        number: the shard's.
        first, first_golden: rows of the two frames before the shard's own.
        cut: how many records are its own.
        pack_size: rows of a record.
    """

    maker: EntryMaker
    template: RequestTemplate
    records_uri: str
    golden_uri: str
    number: int
    first: int
    first_golden: int
    cut: Cut
    pack_size: int


def share_shards(
    run: Run,
    maker: EntryMaker,
    template: RequestTemplate,
    records: Path,
    golden: pl.DataFrame,
    cuts: Sequence[Cut],
    first_number: int,
    folder: Path,
    pack_size: int = 1,
) -> list[LedgerEntry]:
    """Have every shard written and sent by whoever works on parts, and return the intents: those of `write_shards`.

    Writes: work/wanted, work/wanted_golden; by the workers: the shards' input files, requests/.
    """
    uris = run.paths.work("wanted"), run.paths.work("wanted_golden")
    golden_file = folder / "golden.parquet"
    WANTED.conform(golden.lazy()).collect().write_parquet(golden_file)
    for path, uri in zip((records, golden_file), uris, strict=True):
        run.storage.send(path, uri)
    bare = maker.settings.without_secrets()
    maker = maker._replace(settings=bare, paths=replace(maker.paths, settings=bare))
    parts, first, first_golden = [], 0, 0
    for number, cut in enumerate(cuts, first_number):
        parts.append(ShardPart(maker, template, *uris, number, first, first_golden, cut, pack_size))
        first, first_golden = first + cut.record_count * pack_size, first_golden + cut.golden_count
    return [entry for _, entry in each(write_part, parts)]


def write_part(part: ShardPart) -> LedgerEntry:
    """Write and send one shard, and return the intent to ask for it; the same rows make the same.

    Reads: work/wanted, work/wanted_golden, the lease.
    Writes: the shard's input file, requests/KEY.

    Raises:
        LeaseLost: if the run does not hold the day any more.
    """
    maker, cut = part.maker, part.cut
    storage = adapters.connect(maker.settings).storage
    with scratch() as temporary:
        folder = Path(temporary)
        records, golden = folder / "records.parquet", folder / "golden.parquet"
        with storage.open(part.records_uri) as file:
            copy_rows(file, part.first, cut.record_count * part.pack_size, records)
        storage.fetch(part.golden_uri, golden)
        items = pl.read_parquet(golden, hive_partitioning=False).slice(part.first_golden, cut.golden_count)
        (shard,) = write_shards(records, [cut], part.template, maker.rates, folder, items, part.pack_size)
        entry = maker.entry(part.number, shard)
        check_not_given_up(storage, maker.paths, maker.plan.run_id)
        send_shard(storage, entry, shard, folder)
    return entry


def copy_rows(source: BinaryIO, first: int, count: int, path: Path) -> None:
    """Copy rows `first` to `first + count` of a Parquet file, reading no row group that has none of them."""
    with pq.ParquetFile(source) as whole, pq.ParquetWriter(path, whole.schema_arrow, compression="lz4") as copy:
        begin = 0
        for number in range(whole.num_row_groups):
            size = whole.metadata.row_group(number).num_rows
            low, high = max(first, begin), min(first + count, begin + size)
            if low < high:
                copy.write_table(whole.read_row_group(number).slice(low - begin, high - low))
            begin += size
