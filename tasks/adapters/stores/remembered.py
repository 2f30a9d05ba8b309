"""Small objects as this process last read them: one that a listing shows unchanged is not read again."""

from __future__ import annotations

import threading
from collections import OrderedDict

#: Months of what nights measured take some hundred kilobytes.
_MOST_BYTES = 32_000_000


class Remembered:
    """Bodies by URI and etag, those that were used last; many threads may read and write."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._known: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, uri: str, etag: str) -> bytes | None:
        """The body of the object with this etag; None if another was read last, or none."""
        with self._lock:
            found_etag, body = self._known.get(uri, ("", b""))
            if found_etag != etag:
                return None
            self._known.move_to_end(uri)
            return body

    def put(self, uri: str, etag: str, body: bytes) -> None:
        """Remember a body, and forget the least used ones that there is no room for."""
        with self._lock:
            self._size -= len(self._known.pop(uri, ("", b""))[1])
            self._known[uri] = (etag, body)
            self._size += len(body)
            while self._size > self._most_bytes:
                _, (_, forgotten) = self._known.popitem(last=False)
                self._size -= len(forgotten)
