"""One backfill of a site works at a time; the others wait for their turn.

The turn is a lease in S3 like a day's, so that it outlives no run: server, worker and run may die in any order, and the
next backfill gets in a minute after the last sign of life of the one that had the turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from tasks import adapters
from tasks.base.errors import LeaseLost
from tasks.base.figures import moment
from tasks.base.paths import backfill_lease
from tasks.base.safe_text import brief
from tasks.base.settings import Settings
from tasks.ledger.lease import FREE_AFTER_S, Holder, kept, take

_LOOK_AGAIN_S = 2.0


class Turn:
    """The turn that a run has."""

    def __init__(self, settings: Settings, run_id: str) -> None:
        self._settings, self._run_id = settings, run_id

    def check(self) -> None:
        """Raises LeaseLost if another backfill has the turn: this run was taken for dead and must begin no other day.

        Raises:
            LeaseLost: naming the backfill that is at work.
        """
        body = adapters.connect(self._settings).storage.get(backfill_lease(self._settings))
        holder = Holder.model_validate_json(body) if body is not None else None
        if holder is not None and holder.run_id != self._run_id:
            raise LeaseLost(
                f"{brief(holder.name or holder.run_id)} took over while this backfill did not answer: no other day is "
                "begun; start this one again when that has ended"
            )


@contextmanager
def in_turn(settings: Settings, run_id: str, name: str, since: datetime, tell: Callable[[str], None]) -> Iterator[Turn]:
    """Have the turn for the block, pauses included, after waiting for it as long as it takes.

    Args:
        settings: whose output root the turn is of.
        run_id: of this try; the same id gets in beside itself.
        name: what the run is called in the UI, for whoever waits for it.
        since: when this run came.
        tell: told once who has the turn, and again when that is another.
    """
    outside, uri = adapters.connect(settings), backfill_lease(settings)
    told: str | None = None
    while not (attempt := take(outside.storage, uri, run_id, name, since)).is_ours:
        if attempt.found is not None and attempt.found.run_id != told:
            told = attempt.found.run_id
            tell(waiting_line(attempt.found, settings))
        outside.clock.sleep(_LOOK_AGAIN_S)
    with kept(outside, uri, run_id):
        yield Turn(settings, run_id)


def waiting_line(holder: Holder, settings: Settings) -> str:
    """Who has the turn, since when, and what to do about it."""
    since = f" since {moment(holder.since, settings.zone)}" if holder.since else ""
    return (
        f"{brief(holder.name or holder.run_id)} has been at work{since}, and one backfill works at a time: this one "
        "goes on by itself when that has ended. If that one is Paused, answer its question (Resume on its run's page, "
        "or at its terminal) or cancel it. If its process has died, the turn is free "
        f"{FREE_AFTER_S:g} seconds after its last sign of life; nothing has to be cleared by hand"
    )
