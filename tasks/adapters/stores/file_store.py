"""Files below absolute paths, in the place of objects."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from tasks.adapters.stores.object_store import StoredObject, Versioned, changed
from tasks.adapters.stores.pieces import PIECE_BYTES

#: Names of files that are still being written.
_PARTIAL = ".partial-"
_COMPARE_AND_SWAP = threading.Lock()


class FileStore:
    """Files below absolute paths, for tests and for looking at a night without S3."""

    def list(self, folder: str, after: str = "") -> list[StoredObject]:
        """See ObjectStore."""
        first = f"{Path(folder)}/{after}".encode()
        paths = sorted(Path(folder).rglob("*"), key=lambda path: str(path).encode())
        files = (path for path in paths if path.is_file() and not path.name.startswith(_PARTIAL))
        return [self._describe(path) for path in files if str(path).encode() > first]

    def get(self, uri: str) -> bytes | None:
        """See ObjectStore."""
        try:
            return Path(uri).read_bytes()
        except FileNotFoundError:
            return None

    def fetch(self, uri: str, path: Path, etag: str | None = None) -> None:
        """See ObjectStore."""
        source = Path(uri)
        if not source.is_file() or (etag and self._describe(source).etag != etag):
            raise changed(uri)
        shutil.copyfile(source, path)

    def open(self, uri: str) -> BinaryIO:
        """See ObjectStore."""
        try:
            return Path(uri).open("rb")
        except FileNotFoundError:
            raise changed(uri) from None

    def pieces(self, uri: str) -> Iterator[bytes]:
        """See ObjectStore; an open file stays the one that it was."""
        with self.open(uri) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def ends(self, uri: str, count: int) -> tuple[bytes, bytes]:
        """See ObjectStore."""
        with self.open(uri) as file:
            first = file.read(count)
            file.seek(max(file.seek(0, os.SEEK_END) - count, 0))
            return first, file.read(count)

    def put(self, uri: str, body: bytes) -> None:
        """See ObjectStore."""
        with tempfile.NamedTemporaryFile(dir=self._folder(uri), prefix=_PARTIAL, delete=False) as file:
            file.write(body)
        os.replace(file.name, uri)

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        """See ObjectStore."""
        with tempfile.NamedTemporaryFile(dir=self._folder(uri), prefix=_PARTIAL) as file:
            file.write(body)
            file.flush()
            try:
                os.link(file.name, uri)
            except FileExistsError:
                return False
        return True

    def get_versioned(self, uri: str) -> Versioned | None:
        """See ObjectStore."""
        path = Path(uri)
        if not path.is_file():
            return None
        age_s = time.time() - path.stat().st_mtime
        return Versioned(path.read_bytes(), self._describe(path).etag, age_s)

    def put_if_match(self, uri: str, body: bytes, etag: str) -> bool:
        """See ObjectStore; good within one process, which is all that files are for."""
        with _COMPARE_AND_SWAP:
            present = self.get_versioned(uri)
            if present is None or present.etag != etag:
                return False
            self.put(uri, body)
        return True

    def send(self, path: Path, uri: str) -> None:
        """See ObjectStore."""
        with tempfile.NamedTemporaryFile(dir=self._folder(uri), prefix=_PARTIAL, delete=False) as file:
            file.close()
            shutil.copyfile(path, file.name)
        os.replace(file.name, uri)

    def send_if_match(self, path: Path, uri: str, etag: str | None) -> bool:
        """See ObjectStore; good within one process."""
        with _COMPARE_AND_SWAP:
            there = Path(uri)
            if (self._describe(there).etag if there.is_file() else None) != etag:
                return False
            self.send(path, uri)
        return True

    def delete(self, uris: Iterable[str]) -> None:
        """See ObjectStore."""
        for uri in uris:
            Path(uri).unlink(missing_ok=True)

    def presigned(self, uri: str, seconds: int) -> str:
        """See ObjectStore; a file takes no signature."""
        return self.web_link(uri)

    def web_link(self, uri: str) -> str:
        """See ObjectStore."""
        return Path(uri).as_uri()

    def keeps_versions(self, folder: str) -> bool:
        """See ObjectStore."""
        return False

    def now(self, folder: str) -> datetime:
        """See ObjectStore."""
        return datetime.fromtimestamp(time.time(), UTC)

    @staticmethod
    def _describe(path: Path) -> StoredObject:
        stat = path.stat()
        with path.open("rb") as file:
            etag = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return StoredObject(str(path), etag, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    @staticmethod
    def _folder(uri: str) -> Path:
        folder = Path(uri).parent
        folder.mkdir(parents=True, exist_ok=True)
        return folder
