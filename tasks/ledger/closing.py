"""The ledger as the day's books are closed by it: from then on no earlier run of the day changes what is booked."""

from __future__ import annotations

from data_contracts.documents.ledger import LedgerEntry
from tasks.base.errors import LeaseLost
from tasks.ledger.entries import read_ledger, record_move
from tasks.ledger.lease import read_term
from tasks.ledger.moves import settled
from tasks.ledger.phases import Phase, phase_of
from tasks.ledger.run import Run


def close_ledger(run: Run) -> list[LedgerEntry]:
    """The day's entries, after every canary without an answer was taken over.

    A run that slept through its canary's call, while another took its day, wakes up with the answer and books its true
    count in place of the most that the call could cost. After the books are closed, that would make the published row
    say more than the ledger does. So the run that closes them moves these canaries first. The sleeper then finds its
    entry moved, and leaves it: the most that the call can have cost stays booked. All other bookings are of jobs and
    calls that this run has waited for.

    Raises:
        LeaseLost: if another run has taken the day.
    """
    term = read_term(run.storage, run.paths, run.plan.run_id)
    while True:
        ledger = read_ledger(run.storage, run.paths)
        try:
            return [_settled(run, entry, term) for entry in ledger]
        except LeaseLost:
            run.still_ours()  # else the sleeper has booked its answer just now, which counts


def _settled(run: Run, entry: LedgerEntry, term: int) -> LedgerEntry:
    is_open = entry.mode == "canary" and phase_of(entry) is not Phase.ANSWERED
    if not is_open or (entry.run_id, entry.term) == (run.plan.run_id, term):
        return entry
    return record_move(run.storage, run.paths, settled(entry, run.plan.run_id, term))
