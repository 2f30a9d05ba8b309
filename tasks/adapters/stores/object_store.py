"""What a store of whole objects does, and what it shows of them; the docstrings are the contract of every store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from tasks.base.errors import InputChanged, NightStopped


class StorageRefused(NightStopped):
    """S3 refused for a reason that stays: no such bucket, no permission."""


class StoredObject(NamedTuple):
    """An object as a listing shows it."""

    uri: str
    etag: str
    size_bytes: int
    modified_at: datetime


class Versioned(NamedTuple):
    """An object with what a conditional write needs: its etag, and its age in seconds by the store's own clock."""

    body: bytes
    etag: str
    age_s: float


class ObjectStore(Protocol):
    """Whole objects by URI. Writes are one PutObject: a reader sees the old object or the new one."""

    def list(self, folder: str, after: str = "") -> list[StoredObject]:
        """Every object below the folder, in order of key; of those, what comes after the key `after` below it."""
        ...

    def get(self, uri: str) -> bytes | None:
        """The object's bytes, or None if there is no such object."""
        ...

    def fetch(self, uri: str, path: Path, etag: str | None = None) -> None:
        """Download to a local file; InputChanged if the object is gone or its etag is another."""
        ...

    def open(self, uri: str) -> BinaryIO:
        """Open for random reading: a Parquet footer without the rest.

        InputChanged, here or while it is read, if there is no such object or it was replaced; whatever else S3 says to
        a read is told with the object's URI.
        """
        ...

    def pieces(self, uri: str) -> Iterator[bytes]:
        """Its bytes in order, some tens of megabytes at a time, the next on their way while these are in use.

        InputChanged at the first if there is no such object, at a later one if it was replaced meanwhile.
        """
        ...

    def ends(self, uri: str, count: int) -> tuple[bytes, bytes]:
        """Its first and its last bytes, so many of each; InputChanged if there is no such object."""
        ...

    def put(self, uri: str, body: bytes) -> None:
        """Create or replace."""
        ...

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        """Create, and say whether it was us; False if it was there already."""
        ...

    def get_versioned(self, uri: str) -> Versioned | None:
        """The object with its etag and age, or None if there is no such object."""
        ...

    def put_if_match(self, uri: str, body: bytes, etag: str) -> bool:
        """Replace the object if it is still the one with this etag, and say whether it was."""
        ...

    def send(self, path: Path, uri: str) -> None:
        """Create or replace from a local file that is complete."""
        ...

    def send_if_match(self, path: Path, uri: str, etag: str | None) -> bool:
        """Send, if the object is still the one with this etag, or with None still absent; say whether it was.

        False too where a retry has met its own first write: who is told so looks at the object again.
        """
        ...

    def delete(self, uris: Iterable[str]) -> None:
        """Delete; an object that is not there is no error."""
        ...

    def presigned(self, uri: str, seconds: int) -> str:
        """A link by which anybody reads the object for so long, or until the caller's own credentials end."""
        ...

    def web_link(self, uri: str) -> str:
        """Where whoever may read the object can open it: S3's console, another S3 itself, or a file."""
        ...

    def keeps_versions(self, folder: str) -> bool:
        """Whether what is replaced or deleted there stays behind as an old version."""
        ...

    def now(self, folder: str) -> datetime:
        """The time by the clock that dates `modified_at`."""
        ...


class Protection(NamedTuple):
    """How a bucket of ours is protected: the account that must own it, the KMS key that writes are encrypted with."""

    owner: str | None = None
    kms_key_id: str | None = None


def changed(uri: str) -> InputChanged:
    """That an object is no longer the one that was planned, to be raised."""
    return InputChanged(f"{uri} was replaced or deleted while the night ran: run the day again")
