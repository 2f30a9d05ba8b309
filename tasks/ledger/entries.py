"""The day's ledger: read by every run before anything is paid for, written before and after every paid call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from data_contracts.documents.ledger import EntryState, LedgerEntry, without_strays
from data_contracts.documents.plan import MODEL_STEP, Plan
from data_contracts.tables.verdicts import ANSWERS, REQUESTS
from tasks.adapters.storage import Storage
from tasks.base.errors import LeaseLost
from tasks.base.frames import scan_file
from tasks.base.paths import DayPaths
from tasks.ledger.moves import Move
from tasks.ledger.phases import Phase, check_begins, phase_of


def read_ledger(storage: Storage, paths: DayPaths) -> list[LedgerEntry]:
    """The day's entries, in order of shard and epoch, without strays.

    A night reads them some ten times: an entry that the listing shows unchanged is not fetched again.
    """
    listed = [item for item in storage.list(paths.ledger) if item.uri.endswith(".json")]
    entries = [LedgerEntry.model_validate_json(body) for body in storage.read_listed(listed) if body is not None]
    return sorted(without_strays(entries), key=lambda entry: (entry.epoch, entry.shard, entry.key))


def write_intent(storage: Storage, paths: DayPaths, entry: LedgerEntry) -> LedgerEntry:
    """Put a new entry on record, unless it is there: then the entry that is there, however far it has come.

    Raises:
        IllegalMove: if it is no beginning of an entry.
    """
    check_begins(entry)
    if storage.put_if_absent(paths.entry(entry.key), _body(entry)):
        return entry
    body = storage.get(paths.entry(entry.key))
    return LedgerEntry.model_validate_json(body) if body is not None else entry


def record_move(storage: Storage, paths: DayPaths, move: Move) -> LedgerEntry:
    """Put a move on record and return the entry as it is then, if it is on record as this run knows it.

    Raises:
        LeaseLost: if another run has moved it: then this one was taken for dead, and must not turn it back.
    """
    before, uri = move.before, paths.entry(move.before.key)
    version = storage.get_versioned(uri)
    is_as_known = version is not None and LedgerEntry.model_validate_json(version.body) == before
    if version is None or not is_as_known or not storage.put_if_match(uri, _body(move.after), version.etag):
        raise LeaseLost(f"{before.job_name} was moved on in the ledger by another run, while this one did not answer")
    return move.after


def is_live(entry: LedgerEntry) -> bool:
    """Whether Bedrock has the job, or may have it, and its answers have not been read.

    Nobody waits for a canary: one that was cut off by a crash is tried again before the next first job.
    """
    return entry.mode != "canary" and entry.state is not EntryState.COLLECTED


def is_running(entry: LedgerEntry) -> bool:
    """Whether the entry's job takes one of the places for jobs in flight: it is submitted and was not seen to end."""
    return phase_of(entry) is Phase.SUBMITTED


def serves(entry: LedgerEntry, plan: Plan) -> bool:
    """Whether an entry's answers count for a plan: a step's model asked in the same way, prompt and masking.

    A policy decides who is asked, not what an answer is worth: what a step was answered under another policy serves.
    """
    if entry.mode == "canary" or entry.epoch < plan.epoch:
        return False
    step = step_of(entry)
    asker = plan.asker(step) if plan.step in (None, step) else None
    return asker is not None and (
        entry.model_id == asker.model_id
        and entry.invocation_type == asker.invocation_type
        and entry.prompt_sha256 == asker.prompt_sha256
        and entry.masking == plan.masking
    )


def step_of(entry: LedgerEntry) -> str:
    """The step that asks; nights without a policy of their own have but one."""
    return entry.step or MODEL_STEP


def fetch_requests(storage: Storage, entries: Iterable[LedgerEntry], folder: Path) -> pl.LazyFrame:
    """What the entries asked, as one frame: the columns of REQUESTS plus key; of earlier versions' files too."""
    frames = [REQUESTS.empty().lazy().with_columns(key=pl.lit("", pl.String))]
    uris = {entry.key: entry.requests_uri for entry in entries}
    paths = {key: folder / f"{key}.requests.parquet" for key in uris}
    storage.fetch_all([(uri, paths[key]) for key, uri in uris.items()])
    for key, path in paths.items():
        frames.append(REQUESTS.widen(scan_file(path)).select(REQUESTS.names).with_columns(key=pl.lit(key)))
    return pl.concat(frames)


def fetch_answers(storage: Storage, entries: Iterable[LedgerEntry], folder: Path) -> pl.LazyFrame:
    """What the collected entries were answered, as one frame: the columns of ANSWERS plus key."""
    frames = [ANSWERS.empty().lazy().with_columns(key=pl.lit("", pl.String))]
    uris = {entry.key: entry.answers_uri for entry in entries if entry.answers_uri is not None}
    paths = {key: folder / f"{key}.answers.parquet" for key in uris}
    storage.fetch_all([(uri, paths[key]) for key, uri in uris.items()])
    frames += [scan_file(path).select(ANSWERS.names).with_columns(key=pl.lit(key)) for key, path in paths.items()]
    return pl.concat(frames)


def _body(entry: LedgerEntry) -> bytes:
    return entry.model_dump_json(indent=1).encode()
