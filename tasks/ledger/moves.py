"""How an entry of the ledger moves: one named move for each thing that happens to it, and nothing else changes it.

"Nobody pays twice" rests on the ledger. So a move is legal from some phases alone (`tasks/ledger/phases.py`). Moves are
pure: each takes an entry and says how it is afterwards; `tasks.ledger.entries.record_move` puts that on record, if
nobody else has moved the entry meanwhile. All of them raise IllegalMove.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, TypedDict, Unpack

from data_contracts.documents.ledger import EntryState, LedgerEntry, Usage
from tasks.base.ports import JobStatus
from tasks.ledger.phases import MoveName, check_move

#: How the message of a job begins that Bedrock has lost.
FORGOTTEN = "forgotten by Bedrock"


class Move(NamedTuple):
    """An entry as it is known to be on record, and as it is to be there."""

    before: LedgerEntry
    after: LedgerEntry


class _Changes(TypedDict, total=False):
    """What moves may change; everything else of an entry stays what the intent said."""

    key: str
    job_name: str
    term: int
    run_id: str
    input_bytes: int
    call_count: int
    state: EntryState
    job_arn: str
    adopted: bool
    submitted_at: datetime
    job_status: JobStatus
    job_message: str | None
    answers_uri: str
    collected_at: datetime
    usage: Usage | None


def intended(shard: LedgerEntry, term: int) -> LedgerEntry:
    """The intent to ask for a shard, in the term in which its run holds the day."""
    return _begun("intended", shard, term=term)


def twin(entry: LedgerEntry, key: str, job_arn: str, job_name: str, now: datetime) -> LedgerEntry:
    """A new entry for another job that was made for an intent as well: it is read and booked like any other."""
    return _begun(
        "twin",
        entry,
        key=key,
        job_name=job_name,
        state=EntryState.SUBMITTED,
        job_arn=job_arn,
        adopted=True,
        submitted_at=now,
    )


def submitted(entry: LedgerEntry, job_arn: str, now: datetime) -> Move:
    """Bedrock has taken the job that was just asked for."""
    return _moved("submitted", entry, state=EntryState.SUBMITTED, job_arn=job_arn, adopted=False, submitted_at=now)


def adopted(entry: LedgerEntry, job_arn: str, now: datetime) -> Move:
    """Bedrock was found to have taken the job earlier, by a call whose answer was lost."""
    return _moved("adopted", entry, state=EntryState.SUBMITTED, job_arn=job_arn, adopted=True, submitted_at=now)


def stop_refused(entry: LedgerEntry, message: str) -> Move:
    """Bedrock does not stop the job: it goes on, and is booked like any other."""
    return _moved("stop_refused", entry, job_message=message)


def ended(entry: LedgerEntry, status: JobStatus, message: str | None) -> Move:
    """The job was seen to end, well or not."""
    return _moved("ended", entry, job_status=status, job_message=message)


def forgotten(entry: LedgerEntry, reason: str) -> Move:
    """Bedrock has lost the job for good, a person says: what its output has is read, the rest is asked again."""
    return _moved("forgotten", entry, job_status=JobStatus.STOPPED, job_message=f"{FORGOTTEN}: {reason}")


def is_forgotten(entry: LedgerEntry) -> bool:
    """Whether a person has closed the entry because Bedrock does not know its job any more."""
    return entry.mode == "batch" and (entry.job_message or "").startswith(f"{FORGOTTEN}: ")


def closed(entry: LedgerEntry, now: datetime, *, is_whole: bool) -> Move:
    """Nothing more is asked by single calls for now; `is_whole` if every record was asked for."""
    status = JobStatus.COMPLETED if is_whole else JobStatus.STOPPED
    return _moved("closed", entry, state=EntryState.SUBMITTED, submitted_at=now, job_status=status)


def collected(entry: LedgerEntry, answers_uri: str, usage: Usage, now: datetime) -> Move:
    """The answers are stored and what they cost is booked, once and for all."""
    return _moved(
        "collected", entry, state=EntryState.COLLECTED, answers_uri=answers_uri, collected_at=now, usage=usage
    )


def called_first(canary: LedgerEntry, most: Usage) -> LedgerEntry:
    """A new canary whose first call is about to be made, booked at the most that it can use."""
    return _begun("called", canary, call_count=1, usage=most)


def called(entry: LedgerEntry, most: Usage, run_id: str, input_bytes: int) -> Move:
    """Another call of a canary is about to be made.

    Args:
        entry: the canary.
        most: what all of its calls can have used, this one included.
        run_id: who makes this one.
        input_bytes: of the largest request so far.
    """
    return _moved("called", entry, input_bytes=input_bytes, run_id=run_id, call_count=entry.call_count + 1, usage=most)


def withdrawn(entry: LedgerEntry) -> Move:
    """The only call that is on record is not made: the run has lost the day."""
    return _moved("withdrawn", entry, call_count=entry.call_count - 1, usage=None)


def turned_away(entry: LedgerEntry, most: Usage | None, message: str) -> Move:
    """The last call was turned away before a model saw it, which costs nothing.

    Args:
        entry: the canary.
        most: what the calls before it can have used; None if there was none.
        message: what Bedrock said.
    """
    return _moved("turned_away", entry, job_message=message, call_count=entry.call_count - 1, usage=most)


def unanswered(entry: LedgerEntry, message: str) -> Move:
    """The last call may have been paid, and nobody has its answer."""
    return _moved("unanswered", entry, job_message=message)


def answered(entry: LedgerEntry, usage: Usage, message: str | None, now: datetime) -> Move:
    """The canary has its answer; `usage` is booked in place of the most that its calls could use."""
    return _moved(
        "answered",
        entry,
        state=EntryState.COLLECTED,
        submitted_at=now,
        job_status=JobStatus.COMPLETED,
        job_message=message,
        collected_at=now,
        usage=usage,
    )


def settled(entry: LedgerEntry, run_id: str, term: int) -> Move:
    """A run that is about to close the books takes over a canary that has no answer: what is booked for it stays.

    Args:
        entry: the canary.
        run_id: who closes the books.
        term: in which that run holds the day.
    """
    return _moved("settled", entry, run_id=run_id, term=term)


def _begun(move: MoveName, entry: LedgerEntry, **changes: Unpack[_Changes]) -> LedgerEntry:
    begun = entry.model_copy(update=dict(changes))
    check_move(move, None, begun)
    return begun


def _moved(move: MoveName, entry: LedgerEntry, **changes: Unpack[_Changes]) -> Move:
    after = entry.model_copy(update=dict(changes))
    check_move(move, entry, after)
    return Move(entry, after)
