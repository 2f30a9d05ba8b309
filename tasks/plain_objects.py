"""A day's tables as one plain object each, for readers without Delta."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tasks.adapters.storage import Storage
from tasks.errors import StorageUnavailable


def send_plain(storage: Storage, path: Path, uri: str, still_ours: Callable[[], None]) -> None:
    """Replace a plain object, unless another run has had the day since.

    Whoever takes the day before the check is met by it, and what he writes after it is met by the etag from before it.

    Raises:
        LeaseLost: as `still_ours` says.
        StorageUnavailable: if the object was replaced meanwhile: the stage's next try asks whose day it is.
    """
    folder, _, _ = uri.rpartition("/")
    etag = next((item.etag for item in storage.list(folder) if item.uri == uri), None)
    still_ours()
    if not storage.send_if_match(path, uri, etag):
        raise StorageUnavailable(f"write {uri}: it was replaced meanwhile")
