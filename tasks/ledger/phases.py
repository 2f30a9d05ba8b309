"""Where an entry of the ledger stands, and which moves are legal from there: the one table of both.

An edge from a phase to itself is a move that may come twice; the table says why. `docs/architecture.md` draws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, NamedTuple

from data_contracts.documents.ledger import EntryState, LedgerEntry, Mode
from tasks.base.errors import IllegalMove
from tasks.base.ports import ENDED

MoveName = Literal[
    "intended",
    "twin",
    "submitted",
    "adopted",
    "stop_refused",
    "ended",
    "forgotten",
    "closed",
    "collected",
    "called",
    "withdrawn",
    "turned_away",
    "unanswered",
    "answered",
    "settled",
]


class Phase(StrEnum):
    """Where an entry stands. Its `state` alone does not say it: the job's status and a canary's calls count as well."""

    #: a batch job or single calls: the intent is on record
    INTENDED = "intended"
    #: a batch job: Bedrock has it
    SUBMITTED = "submitted"
    #: the job was seen to end, or nothing more is asked by single calls: the answers can be read
    ENDED = "ended"
    #: the answers are stored and the cost is booked
    COLLECTED = "collected"
    #: a canary without a call that may have been paid
    UNCALLED = "uncalled"
    #: a canary whose calls are booked at the most that they can cost
    CALLED = "called"
    #: a canary whose answer is booked
    ANSWERED = "answered"


class Edge(NamedTuple):
    """A legal move of an entry of this mode; the source is None where the move puts a new entry on record."""

    move: MoveName
    mode: Mode
    source: Phase | None
    target: Phase

    def __str__(self) -> str:
        return f"from {self.source or 'nothing'} to {self.target}"


EDGES = (
    Edge("intended", "batch", None, Phase.INTENDED),
    Edge("twin", "batch", None, Phase.SUBMITTED),
    Edge("submitted", "batch", Phase.INTENDED, Phase.SUBMITTED),
    Edge("adopted", "batch", Phase.INTENDED, Phase.SUBMITTED),
    # A late job is asked to stop at each look, and Bedrock may refuse each time for another reason.
    Edge("stop_refused", "batch", Phase.SUBMITTED, Phase.SUBMITTED),
    Edge("ended", "batch", Phase.SUBMITTED, Phase.ENDED),
    # A run after a crash looks at the ended jobs again, and Bedrock's last word counts.
    Edge("ended", "batch", Phase.ENDED, Phase.ENDED),
    # A person said that Bedrock will never tell how the job ended.
    Edge("forgotten", "batch", Phase.SUBMITTED, Phase.ENDED),
    Edge("collected", "batch", Phase.ENDED, Phase.COLLECTED),
    Edge("intended", "on_demand", None, Phase.INTENDED),
    Edge("closed", "on_demand", Phase.INTENDED, Phase.ENDED),
    # A run after a cancel or a crash asks for what the one before has left, and closes the entry again.
    Edge("closed", "on_demand", Phase.ENDED, Phase.ENDED),
    Edge("collected", "on_demand", Phase.ENDED, Phase.COLLECTED),
    Edge("called", "canary", None, Phase.CALLED),
    Edge("called", "canary", Phase.UNCALLED, Phase.CALLED),
    # Nobody has the answer to the call before: that call stays booked, and the new one is booked as well.
    Edge("called", "canary", Phase.CALLED, Phase.CALLED),
    Edge("withdrawn", "canary", Phase.CALLED, Phase.UNCALLED),
    Edge("turned_away", "canary", Phase.CALLED, Phase.UNCALLED),
    # The call that was turned away is free; the calls before it stay booked.
    Edge("turned_away", "canary", Phase.CALLED, Phase.CALLED),
    # What is booked stays; only the reason goes on record.
    Edge("unanswered", "canary", Phase.CALLED, Phase.CALLED),
    Edge("answered", "canary", Phase.CALLED, Phase.ANSWERED),
    # The books of the day are closed: a run that slept over its call finds that the entry is another, and leaves it.
    Edge("settled", "canary", Phase.UNCALLED, Phase.UNCALLED),
    Edge("settled", "canary", Phase.CALLED, Phase.CALLED),
)


def phase_of(entry: LedgerEntry) -> Phase:
    """Where an entry stands, whichever version of this program wrote it."""
    if entry.mode == "canary":
        if entry.state is EntryState.COLLECTED:
            return Phase.ANSWERED
        return Phase.CALLED if entry.call_count else Phase.UNCALLED
    if entry.state is EntryState.SUBMITTED:
        return Phase.ENDED if entry.job_status in ENDED else Phase.SUBMITTED
    return Phase.INTENDED if entry.state is EntryState.INTENDED else Phase.COLLECTED


def check_move(move: MoveName, before: LedgerEntry | None, after: LedgerEntry) -> None:
    """Check that a move is legal; without a `before` it puts a new entry on record.

    Raises:
        IllegalMove: naming the entry, the move, where it would lead and from where it is legal.
    """
    edge = Edge(move, after.mode, phase_of(before) if before else None, phase_of(after))
    if edge not in EDGES:
        legal = (str(other) for other in EDGES if (other.move, other.mode) == (edge.move, edge.mode))
        raise IllegalMove(
            f"the move '{move}' would take the entry {_named(after)} {edge}; for {_spoken(after.mode)} it is legal "
            f"{_listed(legal)}. The entry stays on record as it was"
        )


def check_begins(entry: LedgerEntry) -> None:
    """Check that an entry which is about to be put on record anew stands where entries begin.

    Raises:
        IllegalMove: naming the entry, where it stands and where it would have to.
    """
    begins = [edge.target for edge in EDGES if edge.mode == entry.mode and edge.source is None]
    if phase_of(entry) not in begins:
        raise IllegalMove(
            f"the new entry {_named(entry)} would begin as {phase_of(entry)}; {_spoken(entry.mode)} begins as "
            f"{_listed(begins)}. Nothing was put on record"
        )


def _named(entry: LedgerEntry) -> str:
    return f"{entry.job_name} (ledger/{entry.run_date}/{entry.key}.json)"


def _spoken(mode: Mode) -> str:
    return {"batch": "a batch job", "on_demand": "an entry of single calls", "canary": "a canary"}[mode]


def _listed(words: Iterable[str]) -> str:
    return " or ".join(words) or "never"
