"""Who held a day, one run after another, as the writes of its lease show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.adapters.storage import Storage, Versioned
from tasks.base.paths import leases
from tasks.ledger.lease import HEARTBEAT_S, Holder

if TYPE_CHECKING:
    from benchmarks.storms.site import Site


class Taking(NamedTuple):
    """That a run took a day, and from whom; nobody, if it was free or had been given up."""

    run_id: str
    from_run_id: str | None = None
    #: the other worked on it, and its heart beat
    is_theft: bool = False


class Leases:
    """A storage as one run sees it, where the age of a lease is the silence of the run that holds it.

    Whoever takes a lease goes on the site's record.
    """

    def __init__(self, site: Site, storage: Storage, run_id: str) -> None:
        self._site, self._storage, self._run_id = site, storage, run_id
        self._folder = leases(site.settings) + "/"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_versioned(self, uri: str) -> Versioned | None:
        """See ObjectStore."""
        found = self._storage.get_versioned(uri)
        if found is None or not uri.startswith(self._folder):
            return found
        since_s = self._site.fates[Holder.model_validate_json(found.body).run_id].silent_since_s
        return found._replace(age_s=0.0 if since_s is None else self._site.world.now_s - since_s)

    def put(self, uri: str, body: bytes) -> None:
        """See ObjectStore."""
        before = self._holder(uri)
        self._storage.put(uri, body)
        self._note(uri, before)

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        """See ObjectStore."""
        is_done = self._storage.put_if_absent(uri, body)
        if is_done:
            self._note(uri, None)
        return is_done

    def put_if_match(self, uri: str, body: bytes, etag: str) -> bool:
        """See ObjectStore."""
        before = self._holder(uri)
        is_done = self._storage.put_if_match(uri, body, etag)
        if is_done:
            self._note(uri, before)
        return is_done

    def _holder(self, uri: str) -> Holder | None:
        body = self._storage.get(uri) if uri.startswith(self._folder) else None
        return Holder.model_validate_json(body) if body is not None else None

    def _note(self, uri: str, before: Holder | None) -> None:
        if not uri.startswith(self._folder) or (before is not None and before.run_id == self._run_id):
            return
        taking = Taking(self._run_id)
        if before is not None and not before.is_released:
            taking = Taking(self._run_id, before.run_id, is_theft=self._beats(before.run_id))
        self._site.takings.setdefault(uri, []).append(taking)

    def _beats(self, run_id: str) -> bool:
        """Whether a run's heart beats; one that has just woken up has had no time for it."""
        fate = self._site.fates[run_id]
        return fate.silent_since_s is None and self._site.world.now_s - fate.awake_since_s > HEARTBEAT_S
