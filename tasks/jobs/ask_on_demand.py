"""In a batch job's place, where there are too few records for one: each is asked by itself.

The same input file, bodies, parser, ledger and budget as a batch job. Bedrock knows no token here, so every call is put
on record before it is made and every answer as soon as it is there: after a crash only the calls that were in flight
are made again, and they are counted and booked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.ledger import LedgerEntry
from data_contracts.documents.plan import Plan
from tasks.adapters import Adapters
from tasks.base.errors import BedrockRefused, BedrockThrottled, QuotaReached
from tasks.base.frames import scratch
from tasks.base.ports import Clock, RecordFailed
from tasks.base.settings import Settings
from tasks.base.stage import paid_stage
from tasks.jobs.single_calls import (
    _ANSWER,
    _CALL,
    Request,
    answer_folder,
    answered_records,
    close_entry,
    count_calls,
    read_requests,
)
from tasks.ledger.deadline import is_late
from tasks.ledger.entries import is_live, read_ledger, serves
from tasks.ledger.run import Run


class OnDemandSummary(BaseModel):
    """What was asked without a job."""

    model_config = ConfigDict(frozen=True)

    record_count: int
    call_count: int
    #: records that were not asked any more: the deadline had passed
    left_count: int = 0


class Asked(NamedTuple):
    """What was done about an entry: calls that were made, and records that were left unasked."""

    call_count: int
    left_count: int


class Pace:
    """Lets calls begin no faster than so many a second, whichever thread makes them."""

    def __init__(self, per_s: float, clock: Clock) -> None:
        self._gap_s, self._clock = 1 / per_s, clock
        self._next, self._lock = clock.monotonic(), threading.Lock()

    def wait(self) -> None:
        """Return when the next call may begin."""
        with self._lock:
            now = self._clock.monotonic()
            wait_s = max(0.0, self._next - now)
            self._next = max(now, self._next) + self._gap_s
        if wait_s:
            self._clock.sleep(wait_s)


class Caller:
    """Makes an entry's calls, each once and on record before it is made, until one of them ends all."""

    def __init__(
        self,
        outside: Adapters,
        settings: Settings,
        entry: LedgerEntry,
        may_ask: Callable[[], bool],
        check: Callable[[], None],
    ) -> None:
        self._storage, self._bedrock, self._entry = outside.storage, outside.bedrock, entry
        self._may_ask, self._check = may_ask, check
        self._folder, self._own_mark = answer_folder(entry), uuid4().hex.encode()
        self._call_counts = count_calls(outside.storage, entry)
        self._pace, self._is_over = Pace(settings.on_demand_per_s, outside.clock), threading.Event()

    def stop(self) -> None:
        """Begin no further call."""
        self._is_over.set()

    def ask(self, request: Request) -> bool:
        """Ask for one record; whether it was asked. What is raised ends the other calls too."""
        try:
            return self._is_open() and self._ask(request)
        except BaseException:
            self.stop()
            raise

    def _is_open(self) -> bool:
        return not self._is_over.is_set() and self._may_ask()

    def _ask(self, request: Request) -> bool:
        self._pace.wait()
        if not self._is_open():
            return False
        call = self._mark(request)
        try:
            self._check()  # after the mark: whoever takes the day from now on finds this call on record
        except BaseException:
            self._storage.delete([call])
            raise
        line: dict[str, Any] = {"recordId": request.record_id}
        try:
            line["modelOutput"] = self._bedrock.invoke(self._entry.model_id, self._entry.invocation_type, request.body)
        except RecordFailed as error:
            line["error"] = {"errorCode": error.code, "errorMessage": error.message}
        except (BedrockThrottled, QuotaReached, BedrockRefused):  # no model has seen it: it is not to be booked
            self._storage.delete([call])
            raise
        # Not orjson: an answer may spell lone surrogates, which it refuses, and each is paid for.
        self._storage.put(f"{self._folder}/{request.record_id}{_ANSWER}", json.dumps(line, default=str).encode())
        return True

    def _mark(self, request: Request) -> str:
        """Put a call on record, before it is made, under the next free number."""
        number = self._call_counts[request.record_id]
        # A run that slept has counted the calls before its successor made some: no call goes by another's record.
        while not self._storage.put_if_absent(
            call := f"{self._folder}/{request.record_id}.{number}{_CALL}", self._own_mark
        ):
            self._check()
            number += 1
        return call


def ask_entry(
    outside: Adapters,
    settings: Settings,
    entry: LedgerEntry,
    may_ask: Callable[[], bool] = lambda: True,
    check: Callable[[], None] = lambda: None,
) -> Asked:
    """Ask for every record of an entry that has no answer yet, as long as that is allowed.

    However it ends, calls in flight are waited for, and no further one is begun. `check` comes before each call, once
    that is on record, and what it raises ends them all.

    Raises:
        BedrockUnavailable, BedrockRefused: as BatchInference says; what was answered stays.
    """
    caller, has_answer = Caller(outside, settings, entry, may_ask, check), answered_records(outside.storage, entry)
    with scratch() as temporary:
        path = Path(temporary) / "input.jsonl"
        outside.storage.fetch(entry.input_uri, path)
        open_requests = [request for request in read_requests(path) if request.record_id not in has_answer]
    with ThreadPoolExecutor(settings.on_demand_concurrency) as callers:
        try:
            made_count = sum(callers.map(caller.ask, open_requests))
        finally:
            caller.stop()
    return Asked(made_count, len(open_requests) - made_count)


@paid_stage
def ask_on_demand(settings: Settings, plan: Plan, now: Callable[[], datetime]) -> OnDemandSummary:
    """Ask for what is on record as on demand and not answered; a rerun asks for what was in flight or not begun.

    After the deadline, and for an entry that no longer serves, nothing is asked: what was answered is booked.

    Reads: ledger, the input files of shards below the minimum of a job.
    Writes: calls and answers one by one in the batch root, ledger.
    Stops when: Bedrock refuses for good (BedrockRefused), another run has the day (LeaseLost).
    """
    run = Run.of(settings, plan)
    entries = [entry for entry in read_ledger(run.storage, run.paths) if is_live(entry) and entry.mode == "on_demand"]
    call_count, left_count = 0, 0
    for entry in entries:
        may_ask = partial(_may_ask, settings, plan, entry, now)
        # A run that slept would pay again for what its successor has asked.
        asked = ask_entry(run.outside, settings, entry, may_ask, run.still_ours)
        call_count, left_count = call_count + asked.call_count, left_count + asked.left_count
        close_entry(run.storage, run.paths, entry, now(), is_whole=not asked.left_count)
    record_count = sum(entry.record_count for entry in entries)
    return OnDemandSummary(record_count=record_count, call_count=call_count, left_count=left_count)


def _may_ask(settings: Settings, plan: Plan, entry: LedgerEntry, now: Callable[[], datetime]) -> bool:
    return serves(entry, plan) and not is_late(settings, plan, now())
