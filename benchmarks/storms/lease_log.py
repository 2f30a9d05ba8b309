"""Who held a day, one run after another, as the writes of its lease show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from benchmarks.storms.kill_points import Process
from tasks.adapters.storage import Storage, Versioned
from tasks.ledger.lease import HEARTBEAT_S, Holder


class Taking(NamedTuple):
    """That a run took a day, and from whom; nobody, if it was free or had been given up."""

    run_id: str
    from_run_id: str | None = None
    #: the other worked on it, and its heart beat
    is_theft: bool = False


class LeaseLog:
    """A storage as one run sees it, where the age of a lease is the silence of the run that holds it.

    Args:
        run_id: the run that sees it.
        folder: where the leases lie.
        processes: of every run that may hold a lease, by run id.
        clock: simulated seconds.
        note: called with a lease's URI when the run takes it.
    """

    def __init__(
        self,
        storage: Storage,
        run_id: str,
        folder: str,
        processes: Mapping[str, Process],
        clock: Callable[[], float],
        note: Callable[[str, Taking], None],
    ) -> None:
        self._storage, self._run_id, self._folder = storage, run_id, f"{folder}/"
        self._processes, self._clock, self._note = processes, clock, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_versioned(self, uri: str) -> Versioned | None:
        """See ObjectStore."""
        found = self._storage.get_versioned(uri)
        if found is None or not uri.startswith(self._folder):
            return found
        since_s = self._processes[Holder.model_validate_json(found.body).run_id].silent_since_s
        return found._replace(age_s=0.0 if since_s is None else self._clock() - since_s)

    def put(self, uri: str, body: bytes) -> None:
        """See ObjectStore."""
        before = self._holder(uri)
        self._storage.put(uri, body)
        self._look(uri, before)

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        """See ObjectStore."""
        is_done = self._storage.put_if_absent(uri, body)
        if is_done:
            self._look(uri, None)
        return is_done

    def put_if_match(self, uri: str, body: bytes, etag: str) -> bool:
        """See ObjectStore."""
        before = self._holder(uri)
        is_done = self._storage.put_if_match(uri, body, etag)
        if is_done:
            self._look(uri, before)
        return is_done

    def _holder(self, uri: str) -> Holder | None:
        body = self._storage.get(uri) if uri.startswith(self._folder) else None
        return Holder.model_validate_json(body) if body is not None else None

    def _look(self, uri: str, before: Holder | None) -> None:
        if not uri.startswith(self._folder) or (before is not None and before.run_id == self._run_id):
            return
        taking = Taking(self._run_id)
        if before is not None and not before.is_released:
            taking = Taking(self._run_id, before.run_id, is_theft=self._beats(before.run_id))
        self._note(uri, taking)

    def _beats(self, run_id: str) -> bool:
        """Whether a run's heart beats; one that has just woken up has had no time for it."""
        process = self._processes[run_id]
        return process.silent_since_s is None and self._clock() - process.awake_since_s > HEARTBEAT_S
