"""Whether the buckets can be worked in, before a job is paid for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tasks.adapters.storage import Storage, StorageRefused, StoredObject
from tasks.base.errors import ModerationError, StorageUnavailable
from tasks.base.paths import RunPaths
from tasks.watch.preflight import check_reach
from tests import factories


class Closed:
    """A storage with one verb that fails below one root."""

    def __init__(self, storage: Storage, verb: str, root: str, error: type[ModerationError]) -> None:
        self._storage, self._verb, self._root, self._error = storage, verb, root, error

    def _meet(self, verb: str, uri: str) -> None:
        if verb == self._verb and uri.startswith(self._root):
            raise self._error(f"{verb} {uri}: AccessDenied: Access Denied")

    def put(self, uri: str, body: bytes) -> None:
        self._meet("put", uri)
        self._storage.put(uri, body)

    def get(self, uri: str) -> bytes | None:
        self._meet("get", uri)
        return b"another's" if self._verb == "change" else self._storage.get(uri)

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        if self._verb == "ignore If-None-Match":
            self._storage.put(uri, body)
            return True
        return self._storage.put_if_absent(uri, body)

    def put_if_match(self, uri: str, body: bytes, etag: str) -> bool:
        if self._verb == "ignore If-Match":
            self._storage.put(uri, body)
            return True
        return self._storage.put_if_match(uri, body, etag)

    def delete(self, uris: Iterable[str]) -> None:
        for uri in (wanted := list(uris)):
            self._meet("delete", uri)
        self._storage.delete(wanted)

    def list(self, folder: str) -> list[StoredObject]:
        self._meet("list", folder)
        return self._storage.list(folder)


def look(
    root: Path, verb: str = "", closed: str = "", error: type[ModerationError] = StorageRefused
) -> tuple[str, ...]:
    paths = RunPaths(factories.settings(root), factories.RUN_DATE, factories.RUN_ID)
    storage: Any = Closed(factories.local_adapters().storage, verb, f"{root}/{closed}", error)
    return check_reach(storage, paths)


def test_open_roots_are_left_as_they_were(tmp_path: Path) -> None:
    """Nothing to tell, and no probe stays behind."""
    assert look(tmp_path) == ()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("verb", ["put", "get", "delete"])
@pytest.mark.parametrize("root", ["output", "batch"])
def test_a_closed_root_stops_the_night_with_what_to_grant(verb: str, root: str, tmp_path: Path) -> None:
    """The setting, the permissions and the switch are named, beside S3's own words."""
    said = (
        rf"AccessDenied.*nothing was submitted.*s3:DeleteObject below MODERATION_{root.upper()}_URI.*PREFLIGHT_BUCKETS"
    )
    with pytest.raises(StorageRefused, match=said):
        look(tmp_path, verb, root)


def test_comments_that_cannot_be_listed_stop_the_night(tmp_path: Path) -> None:
    """The input is only listed: nothing is written there."""
    with pytest.raises(StorageRefused, match="s3:ListBucket on the bucket of MODERATION_COMMENTS_URI"):
        look(tmp_path, "list", "comments")


@pytest.mark.parametrize(("verb", "root"), [("put", "output"), ("get", "batch"), ("list", "comments")])
def test_a_store_that_does_not_answer_only_warns(verb: str, root: str, tmp_path: Path) -> None:
    """Only a clear refusal stops the night."""
    (warning,) = look(tmp_path, verb, root, StorageUnavailable)
    assert verb in warning


def test_a_probe_that_comes_back_changed_warns(tmp_path: Path) -> None:
    """A store that does not give back what it took is told."""
    assert len(look(tmp_path, "change")) == 2


@pytest.mark.parametrize("header", ["If-None-Match", "If-Match"])
def test_a_store_without_conditional_writes_stops_the_night(header: str, tmp_path: Path) -> None:
    """Lease and ledger rest on them, so nothing is paid for where a store takes no notice; no probe stays behind."""
    with pytest.raises(StorageRefused, match=rf"\({header}\) did not hold: nothing was submitted.*PREFLIGHT_BUCKETS"):
        look(tmp_path, f"ignore {header}")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
