"""Large objects that this process wrote or read, as local files: while nobody replaces one, it is not read again.

The store is asked each time whether the object is still the one with the kept file's etag, so that what another run has
replaced or deleted is never taken for what is there.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple


class _Kept(NamedTuple):
    etag: str
    path: Path
    #: inode, bytes and time of the last write: a file that was written to since is no copy of the object any more
    state: tuple[int, int, int]


class KeptFiles:
    """Files by URI and etag, below the folders that are kept at the moment; many threads may use it.

    A kept file is another name of the file that was sent or fetched: nothing is copied, and the space is free when
    both names are gone.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Kept] = {}
        self._folders: list[tuple[str, Path]] = []
        self._number = 0
        self._lock = threading.Lock()

    @contextmanager
    def keeping(self, folders: Sequence[str]) -> Iterator[None]:
        """Keep what is sent to and fetched from these folders, until the block ends: then the files are deleted."""
        with tempfile.TemporaryDirectory(prefix="moderation-kept-", ignore_cleanup_errors=True) as place:
            ours = [(f"{folder}/", Path(place)) for folder in folders]
            with self._lock:
                self._folders += ours
            try:
                yield
            finally:
                with self._lock:
                    for folder in ours:
                        self._folders.remove(folder)
                    self._known = {uri: kept for uri, kept in self._known.items() if kept.path.parent != Path(place)}

    def keep(self, uri: str, etag: str, path: Path) -> None:
        """Keep a local file that is the object with this etag, if its folder is kept; never fails."""
        with self._lock:
            place = next((place for folder, place in self._folders if uri.startswith(folder)), None)
            if place is None:
                return
            self._number += 1
            kept = place / str(self._number)
            self._forget(uri)
            with suppress(OSError):  # a file system without links, or with another one below the folder
                os.link(path, kept)
                self._known[uri] = _Kept(etag, kept, _state(kept))

    def etag(self, uri: str) -> str | None:
        """The etag of the kept file, None if there is none that can be used."""
        with self._lock:
            kept = self._known.get(uri)
            if kept is not None and not _is_whole(kept):
                self._forget(uri)
                return None
            return kept.etag if kept is not None else None

    def take(self, uri: str, etag: str, path: Path) -> bool:
        """Give the kept file the name `path` as well, and say whether it was there; a file of that name is replaced."""
        with self._lock:
            kept = self._known.get(uri)
            if kept is None or kept.etag != etag or not _is_whole(kept):
                return False
            path.unlink(missing_ok=True)
            try:
                os.link(kept.path, path)
            except OSError:
                return False
            return True

    def _forget(self, uri: str) -> None:
        if (kept := self._known.pop(uri, None)) is not None:
            kept.path.unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_whole(kept: _Kept) -> bool:
    try:
        return _state(kept.path) == kept.state
    except OSError:
        return False
