"""One run works on a day at a time.

The lease is an object of the day, taken and renewed by conditional writes. It is free again when its run gives it up,
or FREE_AFTER_S after its last heartbeat: the run after a crash gets in by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

from pydantic import BaseModel, ConfigDict

from tasks import adapters
from tasks.adapters.storage import Storage, Versioned
from tasks.errors import DayInUse, LeaseLost, ModerationError
from tasks.paths import DayPaths
from tasks.settings import Settings

#: Seconds without a heartbeat after which a run is taken for dead.
FREE_AFTER_S = 60.0
#: A run may miss three heartbeats, for a slow store, before that.
HEARTBEAT_S = 15.0
_LOOK_AGAIN_S = 2.0


class Holder(BaseModel):
    """Who holds a day; `beat` makes every heartbeat another object."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    beat: int = 0
    is_released: bool = False


def is_free(found: Versioned | None, run_id: str) -> bool:
    """Whether a run may take the lease: nobody has it, it was given up or left to die, or it is the run's own."""
    if found is None:
        return True
    holder = Holder.model_validate_json(found.body)
    return holder.is_released or found.age_s > FREE_AFTER_S or holder.run_id == run_id


def take(storage: Storage, uri: str, run_id: str) -> str | None:
    """Take the lease if it is free; None if it was taken, else the run that holds it."""
    found, mine = storage.get_versioned(uri), _body(Holder(run_id=run_id))
    if not is_free(found, run_id):
        return Holder.model_validate_json(found.body).run_id if found else None
    taken = storage.put_if_absent(uri, mine) if found is None else storage.put_if_match(uri, mine, found.etag)
    return None if taken else "another run that took it just now"


def check_held(storage: Storage, paths: DayPaths, run_id: str) -> None:
    """Nothing, unless another run holds the day: then this one was taken for dead and must write nothing more.

    Raises:
        LeaseLost: naming the run that holds the day.
    """
    body = storage.get(paths.lease)
    holder = Holder.model_validate_json(body) if body is not None else None
    if holder is not None and holder.run_id != run_id:
        raise LeaseLost(f"run {holder.run_id} took over this day while {run_id} did not answer: nothing was written")


@contextmanager
def held(
    settings: Settings,
    run_date: date,
    run_id: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the day's lease for the block, after waiting up to LEASE_WAIT_S seconds for another run.

    Raises:
        DayInUse: naming the run that holds it.
    """
    storage, wait_s = adapters.connect(settings).storage, settings.lease_wait_s
    uri, begun = DayPaths(settings, run_date).lease, clock()
    while (holder := take(storage, uri, run_id)) is not None:
        if clock() - begun >= wait_s:
            raise DayInUse(
                f"{holder} works on {run_date}; this run waited MODERATION_LEASE_WAIT_S={wait_s:g} seconds. "
                f"A run that died frees the day {FREE_AFTER_S:g} seconds after its last heartbeat"
            )
        sleep(min(_LOOK_AGAIN_S, wait_s))
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(storage, uri, run_id, ended), daemon=True, name="lease heartbeat")
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        _release(storage, uri, run_id)


def _beat(storage: Storage, uri: str, run_id: str, ended: threading.Event) -> None:
    """Renew the lease until the run ends or another has it; publishing looks for itself, so nothing is raised here."""
    beat = 0
    while not ended.wait(HEARTBEAT_S):
        beat += 1
        try:
            found = storage.get_versioned(uri)
            if found is None or Holder.model_validate_json(found.body).run_id != run_id:
                return
            storage.put_if_match(uri, _body(Holder(run_id=run_id, beat=beat)), found.etag)
        except ModerationError:
            continue  # the next beat tries again; after FREE_AFTER_S the day is free


def _release(storage: Storage, uri: str, run_id: str) -> None:
    """Give the lease up, if it is still ours; a store that fails leaves it to run out."""
    try:
        found = storage.get_versioned(uri)
        if found is not None and Holder.model_validate_json(found.body).run_id == run_id:
            storage.put_if_match(uri, _body(Holder(run_id=run_id, is_released=True)), found.etag)
    except ModerationError:
        return


def _body(holder: Holder) -> bytes:
    return holder.model_dump_json().encode()
