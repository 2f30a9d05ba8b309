"""What is legal for a group of alerts: from which phase to which a move leads.

The diagram in docs/architecture.md is held to this table, and this table to what `machine` does.
"""

from __future__ import annotations

from typing import NamedTuple

from data_contracts.documents.alerts import Move, Phase

_OPEN = (Phase.REPORT, Phase.TICKET, Phase.PAGE)


class Edge(NamedTuple):
    """A move from one phase to the same or another."""

    move: Move
    source: Phase
    target: Phase


EDGES = (
    *(Edge(Move.OPENED, Phase.QUIET, phase) for phase in _OPEN),
    Edge(Move.ESCALATED, Phase.REPORT, Phase.TICKET),
    Edge(Move.ESCALATED, Phase.REPORT, Phase.PAGE),
    Edge(Move.ESCALATED, Phase.TICKET, Phase.PAGE),
    *(Edge(Move.ADDED, phase, phase) for phase in _OPEN),
    *(Edge(Move.REMINDED, phase, phase) for phase in _OPEN),
    *(Edge(Move.RECOVERED, phase, Phase.QUIET) for phase in _OPEN),
    Edge(Move.RECOVERED, Phase.SNOOZED, Phase.SNOOZED),
    *(Edge(Move.SNOOZED, phase, Phase.SNOOZED) for phase in Phase),
    *(Edge(Move.UNSNOOZED, Phase.SNOOZED, phase) for phase in (Phase.QUIET, *_OPEN)),
)

#: Moves that send a message; the others are made by a person, or by a date, and are silent.
TOLD = frozenset({Move.OPENED, Move.ESCALATED, Move.ADDED, Move.REMINDED, Move.RECOVERED})
