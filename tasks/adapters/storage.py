"""Objects in S3, or files below an absolute path: the same six verbs for both."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from botocore.exceptions import ClientError

from tasks.adapters.aws import Aws, error_code, error_text, translated
from tasks.errors import InputChanged, NightStopped, StorageUnavailable

_NOT_FOUND = {"404", "NoSuchKey", "NotFound"}
_PRECONDITION = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
#: S3's own limit for DeleteObjects.
_DELETE_BATCH = 1000
#: Names of files that are still being written.
_PARTIAL = ".partial-"
_COMPARE_AND_SWAP = threading.Lock()


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

    def list(self, folder: str) -> list[StoredObject]:
        """Every object below the folder, in order of key."""
        ...

    def get(self, uri: str) -> bytes | None:
        """The object's bytes, or None if there is no such object."""
        ...

    def fetch(self, uri: str, path: Path, etag: str | None = None) -> None:
        """Download to a local file; InputChanged if the object is gone or its etag is another."""
        ...

    def open(self, uri: str) -> BinaryIO:
        """Open for random reading: a Parquet footer without the rest; InputChanged if there is no such object."""
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

    def delete(self, uris: Iterable[str]) -> None:
        """Delete; an object that is not there is no error."""
        ...

    def keeps_versions(self, folder: str) -> bool:
        """Whether what is replaced or deleted there stays behind as an old version."""
        ...

    def now(self, folder: str) -> datetime:
        """The time by the clock that `modified_at` is told by."""
        ...


class Protection(NamedTuple):
    """How a bucket of ours is protected: the account that must own it, the KMS key that writes are encrypted with."""

    owner: str | None = None
    kms_key_id: str | None = None


class S3Store:
    """S3 through boto3."""

    def __init__(self, aws: Aws, ours: Mapping[str, Protection]) -> None:
        self._aws = aws
        self._s3 = aws.s3
        self._ours = ours

    def _at(self, bucket: str) -> dict[str, str]:
        """Where a call goes: S3 refuses it if one of our buckets is not of the account that we expect."""
        owner = self._ours.get(bucket, Protection()).owner
        return {"Bucket": bucket, "ExpectedBucketOwner": owner} if owner else {"Bucket": bucket}

    def _into(self, bucket: str) -> dict[str, str]:
        """Where a write goes, and with what key it is encrypted."""
        key = self._ours.get(bucket, Protection()).kms_key_id
        return self._at(bucket) | ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {})

    def list(self, folder: str) -> list[StoredObject]:
        """See ObjectStore."""
        bucket, key = _split(folder)
        with translated(f"list {folder}", StorageUnavailable, StorageRefused):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                **self._at(bucket), Prefix=f"{key}/" if key else ""
            )
            return [
                StoredObject(
                    f"s3://{bucket}/{item['Key']}", item["ETag"].strip('"'), item["Size"], item["LastModified"]
                )
                for page in pages
                for item in page.get("Contents", ())
            ]

    def get(self, uri: str) -> bytes | None:
        """See ObjectStore."""
        bucket, key = _split(uri)
        with translated(f"read {uri}", StorageUnavailable, StorageRefused):
            try:
                body: bytes = self._s3.get_object(**self._at(bucket), Key=key)["Body"].read()
            except ClientError as error:
                if error_code(error) in _NOT_FOUND:
                    return None
                raise
        return body

    def fetch(self, uri: str, path: Path, etag: str | None = None) -> None:
        """See ObjectStore."""
        bucket, key = _split(uri)
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        with translated(f"read {uri}", StorageUnavailable, StorageRefused):
            try:
                body = self._s3.get_object(**self._at(bucket), Key=key, **condition)["Body"]
            except ClientError as error:
                if error_code(error) in _NOT_FOUND | _PRECONDITION:
                    raise _changed(uri) from None
                raise
            with path.open("wb") as file:
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)

    def open(self, uri: str) -> BinaryIO:
        """See ObjectStore."""
        with translated(f"read {uri}", StorageUnavailable, StorageRefused):
            try:
                return cast("BinaryIO", self._aws.s3_filesystem.open(uri, "rb", block_size=1 << 20))
            except FileNotFoundError:  # s3fs has words of its own for S3's errors
                raise _changed(uri) from None
            except PermissionError as error:
                raise StorageRefused(f"read {uri}: {error_text(error)}") from None
            except OSError as error:
                raise StorageUnavailable(f"read {uri}: {error_text(error)}") from None

    def put(self, uri: str, body: bytes) -> None:
        """See ObjectStore."""
        bucket, key = _split(uri)
        with translated(f"write {uri}", StorageUnavailable, StorageRefused):
            self._s3.put_object(**self._into(bucket), Key=key, Body=body)

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        """See ObjectStore."""
        bucket, key = _split(uri)
        with translated(f"write {uri}", StorageUnavailable, StorageRefused):
            try:
                self._s3.put_object(**self._into(bucket), Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) not in _PRECONDITION:
                    raise
                found = self.get(uri)
                if found is None:  # another write was under way, and has not come through
                    raise StorageUnavailable(f"write {uri}: {error_text(error)}") from None
                # A retry inside botocore may have met our own first write, whose answer was lost.
                return found == body
        return True

    def get_versioned(self, uri: str) -> Versioned | None:
        """See ObjectStore; the age is S3's answer time minus S3's write time, so no clock of ours is in it."""
        bucket, key = _split(uri)
        with translated(f"read {uri}", StorageUnavailable, StorageRefused):
            try:
                answer = self._s3.get_object(**self._at(bucket), Key=key)
                body: bytes = answer["Body"].read()
            except ClientError as error:
                if error_code(error) in _NOT_FOUND:
                    return None
                raise
        answered_at = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return Versioned(body, answer["ETag"].strip('"'), (answered_at - answer["LastModified"]).total_seconds())

    def put_if_match(self, uri: str, body: bytes, etag: str) -> bool:
        """See ObjectStore."""
        bucket, key = _split(uri)
        with translated(f"write {uri}", StorageUnavailable, StorageRefused):
            try:
                self._s3.put_object(**self._into(bucket), Key=key, Body=body, IfMatch=f'"{etag}"')
            except ClientError as error:
                if error_code(error) not in _PRECONDITION | _NOT_FOUND:
                    raise
                # A retry inside botocore may have met our own first write, whose answer was lost.
                return self.get(uri) == body
        return True

    def send(self, path: Path, uri: str) -> None:
        """See ObjectStore."""
        bucket, key = _split(uri)
        with translated(f"write {uri}", StorageUnavailable, StorageRefused), path.open("rb") as file:
            self._s3.put_object(**self._into(bucket), Key=key, Body=file)

    def delete(self, uris: Iterable[str]) -> None:
        """See ObjectStore."""
        by_bucket: dict[str, list[str]] = {}
        for bucket, key in map(_split, uris):
            by_bucket.setdefault(bucket, []).append(key)
        for bucket, keys in by_bucket.items():
            for start in range(0, len(keys), _DELETE_BATCH):
                batch = [{"Key": key} for key in keys[start : start + _DELETE_BATCH]]
                with translated(f"delete below s3://{bucket}", StorageUnavailable, StorageRefused):
                    answer = self._s3.delete_objects(**self._at(bucket), Delete={"Objects": batch, "Quiet": True})
                if kept := answer.get("Errors"):  # each key has an answer of its own
                    first = kept[0]
                    raise StorageRefused(
                        f"delete below s3://{bucket}: {len(kept)} objects stay, the first is {first.get('Key')}: "
                        f"{first.get('Code')}: {first.get('Message')}"
                    )

    def keeps_versions(self, folder: str) -> bool:
        """See ObjectStore."""
        bucket, _ = _split(folder)
        with translated(f"look at the versioning of s3://{bucket}", StorageUnavailable, StorageRefused):
            return "Status" in self._s3.get_bucket_versioning(**self._at(bucket))

    def now(self, folder: str) -> datetime:
        """See ObjectStore; a listing of one key, which needs no permission that `list` does not."""
        bucket, key = _split(folder)
        with translated(f"list {folder}", StorageUnavailable, StorageRefused):
            answer = self._s3.list_objects_v2(**self._at(bucket), Prefix=f"{key}/", MaxKeys=1)
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


class FileStore:
    """Files below absolute paths, for tests and for looking at a night without S3."""

    def list(self, folder: str) -> list[StoredObject]:
        """See ObjectStore."""
        paths = sorted(Path(folder).rglob("*"), key=lambda path: str(path).encode())
        return [self._describe(path) for path in paths if path.is_file() and not path.name.startswith(_PARTIAL)]

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
            raise _changed(uri)
        shutil.copyfile(source, path)

    def open(self, uri: str) -> BinaryIO:
        """See ObjectStore."""
        try:
            return Path(uri).open("rb")
        except FileNotFoundError:
            raise _changed(uri) from None

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
            found = self.get_versioned(uri)
            if found is None or found.etag != etag:
                return False
            self.put(uri, body)
        return True

    def send(self, path: Path, uri: str) -> None:
        """See ObjectStore."""
        with tempfile.NamedTemporaryFile(dir=self._folder(uri), prefix=_PARTIAL, delete=False) as file:
            file.close()
            shutil.copyfile(path, file.name)
        os.replace(file.name, uri)

    def delete(self, uris: Iterable[str]) -> None:
        """See ObjectStore."""
        for uri in uris:
            Path(uri).unlink(missing_ok=True)

    def keeps_versions(self, folder: str) -> bool:
        """See ObjectStore."""
        return False

    def now(self, folder: str) -> datetime:
        """See ObjectStore."""
        return datetime.fromtimestamp(time.time(), UTC)

    @staticmethod
    def _describe(path: Path) -> StoredObject:
        stat = path.stat()
        etag = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        return StoredObject(str(path), etag, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    @staticmethod
    def _folder(uri: str) -> Path:
        folder = Path(uri).parent
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Storage:
    """Whole objects wherever their URI says: `s3://bucket/key` or an absolute path."""

    def __init__(self, aws: Aws, ours: Mapping[str, Protection] | None = None) -> None:
        """`ours` names the buckets that are this project's, and how they are protected."""
        self._s3 = S3Store(aws, ours or {})
        self._files = FileStore()

    def _store(self, uri: str) -> ObjectStore:
        return self._s3 if uri.startswith("s3://") else self._files

    def list(self, folder: str) -> list[StoredObject]:
        """See ObjectStore."""
        return self._store(folder).list(folder)

    def get(self, uri: str) -> bytes | None:
        """See ObjectStore."""
        return self._store(uri).get(uri)

    def fetch(self, uri: str, path: Path, etag: str | None = None) -> None:
        """See ObjectStore."""
        self._store(uri).fetch(uri, path, etag)

    def open(self, uri: str) -> BinaryIO:
        """See ObjectStore."""
        return self._store(uri).open(uri)

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

    def delete(self, uris: Iterable[str]) -> None:
        """See ObjectStore."""
        wanted = list(uris)
        self._s3.delete(uri for uri in wanted if uri.startswith("s3://"))
        self._files.delete(uri for uri in wanted if not uri.startswith("s3://"))

    def keeps_versions(self, folder: str) -> bool:
        """See ObjectStore."""
        return self._store(folder).keeps_versions(folder)

    def now(self, folder: str) -> datetime:
        """See ObjectStore."""
        return self._store(folder).now(folder)


def _changed(uri: str) -> InputChanged:
    return InputChanged(f"{uri} was replaced or deleted while the night ran: run the day again")


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
