"""Once the books of a day are closed, no earlier run of the day changes what is booked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_contracts.documents.ledger import LedgerEntry, Usage
from tasks.adapters.storage import Versioned
from tasks.base.errors import LeaseLost
from tasks.base.paths import RunPaths
from tasks.ledger.closing import close_ledger
from tasks.ledger.entries import read_ledger, record_move, write_intent
from tasks.ledger.lease import take
from tasks.ledger.moves import Move, answered, called, called_first, turned_away, withdrawn
from tasks.ledger.run import Run
from tests import factories

MOST = factories.usage(input_tokens=2000, output_tokens=250, lost_call_count=1)
TRUE = factories.usage(input_tokens=900, output_tokens=60)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The run that closes the books, which holds the day."""
    plan = factories.plan(run_id="successor")
    settings = factories.settings(tmp_path)
    run = Run(settings, plan, factories.local_adapters(), RunPaths(settings, plan.run_date, plan.run_id))
    assert take(run.storage, run.paths.lease, "successor").is_ours
    return run


def slept_over(run: Run) -> LedgerEntry:
    """A canary that a run has called, and fell asleep before the answer."""
    canary = factories.ledger_entry(
        key="c" * 64, shard=-1, mode="canary", record_count=1, job_name="canary-2026-11-19", run_id="sleeper"
    )
    return write_intent(run.storage, run.paths, called_first(canary, MOST))


def booked(run: Run) -> list[Usage | None]:
    return [entry.usage for entry in read_ledger(run.storage, run.paths)]


def late_moves(known: LedgerEntry) -> list[Move]:
    """All that the sleeper may do when it wakes up."""
    return [
        answered(known, TRUE, None, factories.NOW),
        turned_away(known, None, "busy"),
        withdrawn(known),
        called(known, MOST, "sleeper", 3000),
    ]


@pytest.mark.parametrize("place", range(4))
def test_who_slept_over_his_call_changes_no_closed_books(run: Run, place: int) -> None:
    """What was booked when the books were closed stays, whatever came of the call."""
    known = slept_over(run)
    closed = close_ledger(run)
    assert closed == read_ledger(run.storage, run.paths)
    with pytest.raises(LeaseLost):
        record_move(run.storage, run.paths, late_moves(known)[place])
    assert booked(run) == [MOST]
    assert close_ledger(run) == closed


def test_an_answer_before_the_books_are_closed_counts(run: Run) -> None:
    """A true count that is on record by then is what the books say."""
    record_move(run.storage, run.paths, late_moves(slept_over(run))[0])
    assert [entry.usage for entry in close_ledger(run)] == [TRUE] == booked(run)


def test_an_answer_while_the_books_are_closed_counts(run: Run) -> None:
    """The sleeper's write comes between the look at the ledger and the move: the books are read again."""
    known = slept_over(run)

    class WokenUp:
        """A storage, whose sleeper books his answer just before the first move is written."""

        def __init__(self) -> None:
            self.is_asleep = True

        def __getattr__(self, name: str) -> Any:
            return getattr(run.storage, name)

        def get_versioned(self, uri: str) -> Versioned | None:
            if self.is_asleep:
                self.is_asleep = False
                record_move(run.storage, run.paths, late_moves(known)[0])
            return run.storage.get_versioned(uri)

    storage: Any = WokenUp()
    disturbed = replace(run, outside=replace(run.outside, storage=storage))
    assert [entry.usage for entry in close_ledger(disturbed)] == [TRUE] == booked(run)


def test_who_has_lost_the_day_closes_nothing(run: Run) -> None:
    """The run that was taken for dead leaves the ledger as it is."""
    known = slept_over(run)
    with pytest.raises(LeaseLost, match="successor"):
        close_ledger(replace(run, plan=factories.plan(run_id="sleeper")))
    assert read_ledger(run.storage, run.paths) == [known]
