"""One run works on a day at a time.

The lease is an object of the day, taken and renewed by conditional writes. It is free again when its run gives it up,
or FREE_AFTER_S after its last heartbeat: the run after a crash gets in by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum, auto
from functools import partial
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.storage import Storage, Versioned
from tasks.base.errors import DayInUse, LeaseLost, ModerationError
from tasks.base.paths import DayPaths
from tasks.base.ports import Clock
from tasks.base.settings import Settings

#: Seconds without a heartbeat after which a run is taken for dead.
FREE_AFTER_S = 60.0
#: A run may miss three heartbeats, for a slow store, before that.
HEARTBEAT_S = 15.0
_LOOK_AGAIN_S = 2.0


class Holder(BaseModel):
    """Who holds a day; `beat` makes every heartbeat another object.

    `term` grows each time that the day is taken: of two runs the later has the higher one.
    `name` and `since` are for people, where the holder says them: what it is called elsewhere, and when it came.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    name: str = ""
    since: datetime | None = None
    term: int = 0
    beat: int = 0
    is_released: bool = False

    def beaten(self, beat: int) -> Holder:
        """The same holder after another heartbeat."""
        return self.model_copy(update={"beat": beat})

    def released(self) -> Holder:
        """The same holder, who has given the day up."""
        return self.model_copy(update={"is_released": True})


class Attempt(NamedTuple):
    """What came of an attempt to take a lease: whether it is ours now, and else who has it, in words for people.

    `found` is the holder as the lease has it; None where another run took it in the same moment.
    """

    is_ours: bool
    holder: str
    found: Holder | None = None


class Renewal(Enum):
    """What came of an attempt to write a lease anew."""

    #: the lease was still the run's own
    OURS = auto()
    #: another run has it, or it is gone: nothing was written
    LOST = auto()


def is_free(version: Versioned | None, run_id: str) -> bool:
    """Whether a run may take the lease: nobody has it, it was given up or left to die, or it is the run's own."""
    if version is None:
        return True
    holder = Holder.model_validate_json(version.body)
    return holder.is_released or version.age_s > FREE_AFTER_S or holder.run_id == run_id


def take(storage: Storage, uri: str, run_id: str, name: str = "", since: datetime | None = None) -> Attempt:
    """Take the lease if it is free."""
    version, taken = storage.get_versioned(uri), Holder(run_id=run_id, name=name, since=since)
    if version is None:
        is_ours = storage.put_if_absent(uri, _body(taken.model_copy(update={"term": 1})))
    else:
        before = Holder.model_validate_json(version.body)
        if not is_free(version, run_id):
            return Attempt(False, before.run_id, before)
        taken = taken.model_copy(update={"term": before.term + 1})
        is_ours = storage.put_if_match(uri, _body(taken), version.etag)
    return Attempt(is_ours, run_id if is_ours else "another run that took it just now")


def check_held(storage: Storage, paths: DayPaths, run_id: str) -> None:
    """Raises LeaseLost if another run holds the day: this one was taken for dead and must write nothing more.

    Raises:
        LeaseLost: naming the run that holds the day.
    """
    read_term(storage, paths, run_id)


def read_term(storage: Storage, paths: DayPaths, run_id: str) -> int:
    """The term in which a run holds the day; 0 if nobody has a lease.

    Raises:
        LeaseLost: as `check_held` says.
    """
    body = storage.get(paths.lease)
    holder = Holder.model_validate_json(body) if body is not None else None
    if holder is not None and holder.run_id != run_id:
        raise LeaseLost(f"run {holder.run_id} took over this day while {run_id} did not answer: nothing was written")
    return holder.term if holder is not None else 0


def check_not_given_up(storage: Storage, paths: DayPaths, run_id: str) -> None:
    """Raises LeaseLost as `check_held` does, and if the run has ended: for whoever works elsewhere on its behalf.

    Raises:
        LeaseLost: naming the run that holds the day, or the one that gave it up.
    """
    body = storage.get(paths.lease)
    holder = Holder.model_validate_json(body) if body is not None else None
    if holder is not None and (holder.run_id != run_id or holder.is_released):
        is_other = holder.run_id != run_id
        how = f"run {holder.run_id} took over this day" if is_other else "it has ended"
        raise LeaseLost(f"{run_id} does not hold {paths.run_date} any more, {how}: nothing was written for it")


@contextmanager
def held(settings: Settings, run_date: date, run_id: str) -> Iterator[None]:
    """Hold the day's lease for the block, after waiting up to LEASE_WAIT_S seconds for another run.

    Raises:
        DayInUse: naming the run that holds it.
    """
    outside, wait_s = adapters.connect(settings), settings.lease_wait_s
    storage, clock, uri = outside.storage, outside.clock, DayPaths(settings, run_date).lease
    begun = clock.monotonic()
    while not (attempt := take(storage, uri, run_id)).is_ours:
        if clock.monotonic() - begun >= wait_s:
            raise DayInUse(
                f"{attempt.holder} works on {run_date}; this run waited MODERATION_LEASE_WAIT_S={wait_s:g} seconds. "
                f"A run that died frees the day {FREE_AFTER_S:g} seconds after its last heartbeat"
            )
        clock.sleep(min(_LOOK_AGAIN_S, wait_s))
    with kept(outside, uri, run_id):
        yield


@contextmanager
def kept(outside: Adapters, uri: str, run_id: str) -> Iterator[None]:
    """Renew a lease that was taken for as long as the block lasts, then give it up."""
    storage, clock, ended = outside.storage, outside.clock, threading.Event()
    beating = (storage, uri, run_id, ended, clock)
    heart = threading.Thread(target=_beat, args=beating, daemon=True, name="lease heartbeat")
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        _release(storage, uri, run_id)


def _beat(storage: Storage, uri: str, run_id: str, ended: threading.Event, clock: Clock) -> None:
    """Renew the lease until the run ends or another has it; publishing looks for itself, so nothing is raised here."""
    beat = 0
    while not clock.wait(ended, HEARTBEAT_S):
        beat += 1
        try:
            if _renew(storage, uri, run_id, partial(Holder.beaten, beat=beat)) is Renewal.LOST:
                return
        except ModerationError:
            continue  # the next beat tries again; after FREE_AFTER_S the day is free


def _release(storage: Storage, uri: str, run_id: str) -> None:
    """Give the lease up, if it is still ours; a store that fails leaves it to run out."""
    try:
        _renew(storage, uri, run_id, Holder.released)
    except ModerationError:
        return


def _renew(storage: Storage, uri: str, run_id: str, renewed: Callable[[Holder], Holder]) -> Renewal:
    """Write the lease anew in its term, if it is still the run's."""
    version = storage.get_versioned(uri)
    holder = Holder.model_validate_json(version.body) if version is not None else None
    if version is None or holder is None or holder.run_id != run_id:
        return Renewal.LOST
    # A run that takes the day just now is met by the next heartbeat, and by whoever looks before a write.
    storage.put_if_match(uri, _body(renewed(holder)), version.etag)
    return Renewal.OURS


def _body(holder: Holder) -> bytes:
    return holder.model_dump_json().encode()
