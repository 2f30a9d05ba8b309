"""Shards on their way to where Bedrock reads them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import polars as pl

from data_contracts.documents.ledger import LedgerEntry
from tasks.adapters.storage import Storage
from tasks.base.frames import GROUP_ROWS
from tasks.batch.shards import Cut, EntryMaker, Shard, write_shards
from tasks.ledger.run import Run
from tasks.llm.request_line import RequestTemplate


class Sending:
    """Sends shards away while the next ones are written, one at a time and in order: two lie on the disk at most.

    The key of an object holds the hash of its bytes, so it cannot be sent before its last line is known. Leaving the
    block waits for the last one; what stopped a sending is raised by the next call.
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage, self._folder = storage, folder
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="send-shard")
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._sender.shutdown()

    def send(self, entry: LedgerEntry, shard: Shard) -> None:
        """Send a shard as `send_shard` does, once the one before it has been sent."""
        self._wait()
        self._under_way = self._sender.submit(send_shard, self._storage, entry, shard, self._folder)

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()


def send_shard(storage: Storage, entry: LedgerEntry, shard: Shard, folder: Path) -> None:
    """Send what was asked, then the input file; neither is an intent yet."""
    requests = folder / "requests.parquet"
    shard.requests.write_parquet(requests, row_group_size=GROUP_ROWS)
    storage.send(requests, entry.requests_uri)
    requests.unlink()  # and not written over: the store may keep the file under another name
    storage.send(shard.path, entry.input_uri)
    shard.path.unlink()


def send_shards(
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
    """Write shard after shard, send each away, and return the intents to ask for them.

    Args:
        run: whose storage they go to.
        maker: makes an intent of a shard.
        template, records, golden, cuts, folder, pack_size: as `write_shards` takes them.
        first_number: of the first shard.
    """
    entries = []
    written = write_shards(records, cuts, template, maker.rates, folder, golden, pack_size)
    with Sending(run.storage, folder) as sending:
        for number, shard in enumerate(written, first_number):
            entries.append(maker.entry(number, shard))
            sending.send(entries[-1], shard)
    return entries
