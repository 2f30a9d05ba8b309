"""A night of requests whose jobs are submitted and polled stage by stage, over the fake or over real HTTP."""

from __future__ import annotations

import dataclasses
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.tables.verdicts import REQUESTS
from tasks.adapters import Adapters
from tasks.base.errors import QuotaReached
from tasks.base.paths import DayPaths, RunPaths
from tasks.base.ports import ENDED, BatchInference, JobRequest
from tasks.base.settings import Settings
from tasks.batch.read_quotas import Quotas
from tasks.jobs.collect_answers import collect_answers
from tasks.jobs.collection import CollectionSummary
from tasks.jobs.poll_batch import PollSummary, Progress, wait_for_jobs
from tasks.jobs.submission import Submission
from tasks.jobs.submit_batch import submit_batch
from tasks.ledger.entries import fetch_answers, read_ledger
from tasks.ledger.run import Run
from tests.factories import NOW, RUN_DATE, ledger_entry, plan
from tests.fakes import FakeBedrock, FakeClock

PLAN = plan()


RECORDS = 100


class Night:
    """A day's ledger with everything around it, and its stages as plain functions."""

    def __init__(self, settings: Settings, connected: Adapters) -> None:
        self.settings = settings
        self.connected = connected
        self.paths = DayPaths(settings, RUN_DATE)
        self.clock = FakeClock()
        self.quotas = Quotas()
        self.progress: list[Progress] = []

    def connect(self, _: Settings) -> Adapters:
        """What `adapters.connect` is replaced by."""
        return dataclasses.replace(self.connected, clock=self.clock)

    def now(self) -> datetime:
        """The plan's time, and what has passed since."""
        return PLAN.planned_at + timedelta(seconds=self.clock.now_s)

    def meet(self, bedrock: BatchInference) -> None:
        """From now on Bedrock is this one."""
        self.connected = dataclasses.replace(self.connected, bedrock=bedrock)

    def set(self, **changes: Any) -> None:
        """Change settings."""
        self.settings = self.settings.model_copy(update=changes)

    def shards(self, count: int) -> tuple[LedgerEntry, ...]:
        """The entries of shards whose input files and requests are in their places."""
        return tuple(self._shard(number) for number in range(count))

    def _shard(self, number: int) -> LedgerEntry:
        entry = ledger_entry(shard=number)
        key = entry.key
        entry = entry.model_copy(
            update={
                "input_uri": self.paths.batch_input(key, number),
                "output_uri": self.paths.batch_output(key),
                "requests_uri": self.paths.requests(key),
                "record_count": RECORDS,
            }
        )
        ids = [f"{number:02d}{place:030d}" for place in range(RECORDS)]
        lines = [{"recordId": name, "modelInput": body(name, place)} for place, name in enumerate(ids)]
        self.put(entry.input_uri, *lines)
        rows = pl.LazyFrame({"record_id": ids, "text_sha256": ids, "attempt": 1})
        asked = REQUESTS.conform(REQUESTS.widen(rows)).collect()
        parquet = io.BytesIO()
        asked.write_parquet(parquet)
        self.connected.storage.put(entry.requests_uri, parquet.getvalue())
        return entry

    def put(self, uri: str, *lines: dict[str, Any]) -> None:
        self.connected.storage.put(uri, b"".join(orjson.dumps(line) + b"\n" for line in lines))

    def submit(self, shards: tuple[LedgerEntry, ...] = ()) -> Submission:
        return submit_batch.fn(self.settings, PLAN, shards, NOW, self.quotas)

    def poll(self) -> PollSummary:
        paths = RunPaths(self.settings, PLAN.run_date, PLAN.run_id)
        run = Run(self.settings, PLAN, self.connect(self.settings), paths)
        return wait_for_jobs(run, self.now, self.quotas, on_progress=self.progress.append)

    def collect(self) -> CollectionSummary:
        return collect_answers.fn(self.settings, PLAN, NOW)

    @property
    def ledger(self) -> list[LedgerEntry]:
        return read_ledger(self.connected.storage, self.paths)

    @property
    def states(self) -> list[str]:
        return [entry.state.value for entry in self.ledger]

    def answers(self, folder: Path) -> pl.DataFrame:
        """What was collected, without the times."""
        answers = fetch_answers(self.connected.storage, self.ledger, folder).drop("decided_at")
        return answers.sort("record_id").collect()


def body(name: str, place: int) -> dict[str, Any]:
    """A Claude body about one comment; every tenth is an advert."""
    text = f"<comment>{'bad' if place % 10 == 0 else 'good'} {name}</comment>"
    return {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 200,
        "system": "Judge the comment.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
    }


class Counting(FakeBedrock):
    """A fake that knows how many jobs were ever under way together, and how often it was asked in vain."""

    most, refused = 0, 0

    def create_job(self, request: JobRequest) -> str:
        try:
            arn = super().create_job(request)
        except QuotaReached:
            self.refused += 1
            raise
        self.most = max(self.most, sum(job.status not in ENDED for job in self.jobs))
        return arn
