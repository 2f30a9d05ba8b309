"""Keeps a table quick that many small commits were made to: few files, and no needless checkpoints."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from tasks.adapters.lake import Lake
from tasks.adapters.storage import Storage

#: Checkpoints that stay: the newest, and the one that somebody may be about to open.
_KEPT_CHECKPOINTS = 2


class Size(NamedTuple):
    """How large a table is to those who open it: files of its present version, objects and bytes of its log."""

    file_count: int
    log_count: int
    log_bytes: int


def measure_table(lake: Lake, storage: Storage, uri: str) -> Size:
    """How large the table is now."""
    log = storage.list(f"{uri}/_delta_log")
    return Size(len(lake.live_files(uri)), len(log), sum(item.size_bytes for item in log))


def tidy_table(lake: Lake, storage: Storage, uri: str, before: date) -> None:
    """Make one file of each day before this one, then delete the checkpoints that a newer one has made needless.

    Each checkpoint names every file of the table once more, so they are most of the log. Commits stay, all of them:
    they are what earlier versions are read from. Repeating it is harmless, and writers may go on meanwhile.
    """
    if not lake.live_files(uri):
        return
    lake.compact(uri, before)
    lake.checkpoint(uri)
    log = storage.list(f"{uri}/_delta_log")
    checkpoints = sorted(item.uri for item in log if ".checkpoint." in item.uri)
    storage.delete(checkpoints[:-_KEPT_CHECKPOINTS])
