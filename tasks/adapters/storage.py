"""Objects in S3, or files below an absolute path: the same verbs for both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from tasks.adapters.aws import Aws
from tasks.adapters.stores.file_store import FileStore
from tasks.adapters.stores.kept_files import KeptFiles
from tasks.adapters.stores.object_store import ObjectStore, Protection, StorageRefused, StoredObject, Versioned
from tasks.adapters.stores.remembered import Remembered
from tasks.adapters.stores.s3_store import S3Store

__all__ = [
    "FileStore",
    "ObjectStore",
    "Protection",
    "S3Store",
    "Storage",
    "StorageRefused",
    "StoredObject",
    "Versioned",
]

#: Small objects that are read at a time.
_READERS = 8

_remembered = Remembered()
_kept = KeptFiles()


def keeping_files(folders: Sequence[str]) -> AbstractContextManager[None]:
    """Keep local copies of the objects that this process sends to and fetches from these folders, until the block ends.

    They are what `fetch` gives as long as the store says that the objects are the same; they may hold comments' texts.
    """
    return _kept.keeping(folders)


class Storage:
    """Whole objects wherever their URI says: `s3://bucket/key` or an absolute path."""

    def __init__(
        self, aws: Aws, ours: Mapping[str, Protection] | None = None, remembered: Remembered = _remembered
    ) -> None:
        """`ours` names the buckets that are this project's, and how they are protected.

        `remembered` is what the process read last; whoever plays several processes in one gives each its own.
        """
        self._s3 = S3Store(aws, ours or {}, _kept)
        self._files = FileStore()
        self._remembered = remembered

    def _store(self, uri: str) -> ObjectStore:
        return self._s3 if uri.startswith("s3://") else self._files

    def list(self, folder: str, after: str = "") -> list[StoredObject]:
        """See ObjectStore."""
        return self._store(folder).list(folder, after)

    def get(self, uri: str) -> bytes | None:
        """See ObjectStore."""
        return self._store(uri).get(uri)

    def read_listed(self, items: Sequence[StoredObject]) -> tuple[bytes | None, ...]:
        """The bytes of small objects that were listed, in order; None for one that is gone by now.

        The process remembers them, so no object with a comment's text is read so: one that the listing shows unchanged
        is not asked for again.
        """

        def read_one(item: StoredObject) -> bytes | None:
            if (body := self._remembered.get(item.uri, item.etag)) is not None:
                return body
            version = self.get_versioned(item.uri)
            if version is None:
                return None
            self._remembered.put(item.uri, version.etag, version.body)
            return version.body

        unknown = sum(self._remembered.get(item.uri, item.etag) is None for item in items)
        if unknown <= 1:  # threads would cost more than they save
            return tuple(map(read_one, items))
        with ThreadPoolExecutor(_READERS) as readers:
            return tuple(readers.map(read_one, items))

    def fetch(self, uri: str, path: Path, etag: str | None = None) -> None:
        """See ObjectStore."""
        self._store(uri).fetch(uri, path, etag)

    def fetch_all(self, pairs: Sequence[tuple[str, Path]]) -> None:
        """Download several objects, some at a time; raises what `fetch` raises for the first of them that fails."""
        if len(pairs) <= 1:
            for uri, path in pairs:
                self.fetch(uri, path)
            return
        with ThreadPoolExecutor(_READERS) as readers:
            for fetched in [readers.submit(self.fetch, uri, path) for uri, path in pairs]:
                fetched.result()

    def open(self, uri: str) -> BinaryIO:
        """See ObjectStore."""
        return self._store(uri).open(uri)

    def pieces(self, uri: str) -> Iterator[bytes]:
        """See ObjectStore."""
        return self._store(uri).pieces(uri)

    def ends(self, uri: str, count: int) -> tuple[bytes, bytes]:
        """See ObjectStore."""
        return self._store(uri).ends(uri, count)

    def put(self, uri: str, body: bytes) -> None:
        """See ObjectStore."""
        self._store(uri).put(uri, body)

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        """See ObjectStore."""
        return self._store(uri).put_if_absent(uri, body)

    def get_versioned(self, uri: str) -> Versioned | None:
        """See ObjectStore."""
        return self._store(uri).get_versioned(uri)

    def put_if_match(self, uri: str, body: bytes, etag: str) -> bool:
        """See ObjectStore."""
        return self._store(uri).put_if_match(uri, body, etag)

    def send(self, path: Path, uri: str) -> None:
        """See ObjectStore."""
        self._store(uri).send(path, uri)

    def send_if_match(self, path: Path, uri: str, etag: str | None) -> bool:
        """See ObjectStore."""
        return self._store(uri).send_if_match(path, uri, etag)

    def delete(self, uris: Iterable[str]) -> None:
        """See ObjectStore."""
        wanted = list(uris)
        self._s3.delete(uri for uri in wanted if uri.startswith("s3://"))
        self._files.delete(uri for uri in wanted if not uri.startswith("s3://"))

    def presigned(self, uri: str, seconds: int) -> str:
        """See ObjectStore."""
        return self._store(uri).presigned(uri, seconds)

    def web_link(self, uri: str) -> str:
        """See ObjectStore."""
        return self._store(uri).web_link(uri)

    def keeps_versions(self, folder: str) -> bool:
        """See ObjectStore."""
        return self._store(folder).keeps_versions(folder)

    def now(self, folder: str) -> datetime:
        """See ObjectStore."""
        return self._store(folder).now(folder)
