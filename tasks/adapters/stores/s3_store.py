"""Objects in S3."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlencode, urlsplit

from botocore.exceptions import ClientError

from tasks.adapters.aws import Aws, error_code, error_text, is_transient_error, translated
from tasks.adapters.stores.kept_files import KeptFiles
from tasks.adapters.stores.object_store import Protection, StorageRefused, StoredObject, Versioned, changed
from tasks.adapters.stores.pieces import read_pieces
from tasks.adapters.stores.ranged_object import Part, RangedObject
from tasks.base.errors import StorageUnavailable

_NOT_FOUND = {"404", "NoSuchKey", "NotFound"}
_PRECONDITION = {"412", "PreconditionFailed"}
#: The object is still the one whose etag was sent.
_NOT_MODIFIED = {"304", "NotModified"}
#: What S3 says to a range of an object that has no byte.
_NO_RANGE = {"416", "InvalidRange"}
#: Bytes that are read at least where an open object is read on.
_BLOCK_BYTES = 1 << 20
#: Another write of the key was under way: neither a yes nor a no. Source: Amazon S3 API Reference, "PutObject"
#: (IfMatch, IfNoneMatch): on a 409 the upload is to be tried again.
_CONFLICT = "ConditionalRequestConflict"
#: Waits between the tries; an object of ours is written in some tenths of a second.
_CONFLICT_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)
#: S3's own limit for DeleteObjects.
_DELETE_BATCH = 1000


class S3Store:
    """S3 through boto3."""

    def __init__(self, aws: Aws, ours: Mapping[str, Protection], kept: KeptFiles) -> None:
        self._s3 = aws.s3
        self._ours = ours
        self._kept = kept

    def _at(self, bucket: str) -> dict[str, str]:
        """Where a call goes: S3 refuses it if one of our buckets is not of the account that we expect."""
        owner = self._ours.get(bucket, Protection()).owner
        return {"Bucket": bucket, "ExpectedBucketOwner": owner} if owner else {"Bucket": bucket}

    def _into(self, bucket: str) -> dict[str, str]:
        """Where a write goes, and with what key it is encrypted."""
        key = self._ours.get(bucket, Protection()).kms_key_id
        return self._at(bucket) | ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {})

    def list(self, folder: str, after: str = "") -> list[StoredObject]:
        """See ObjectStore."""
        bucket, key = _split(folder)
        prefix = f"{key}/" if key else ""
        start = {"StartAfter": prefix + after} if after else {}
        with translated(f"list {folder}", StorageUnavailable, StorageRefused):
            pages = self._s3.get_paginator("list_objects_v2").paginate(**self._at(bucket), Prefix=prefix, **start)
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
        with _reading(uri):
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
        known = None if etag else self._kept.etag(uri)
        condition = {"IfMatch": f'"{etag}"'} if etag else {"IfNoneMatch": f'"{known}"'} if known else {}
        with _reading(uri):
            try:
                answer = self._s3.get_object(**self._at(bucket), Key=key, **condition)
            except ClientError as error:
                if error_code(error) in _NOT_FOUND | _PRECONDITION:
                    raise changed(uri) from None
                if known is None or error_code(error) not in _NOT_MODIFIED:
                    raise
                if self._kept.take(uri, known, path):
                    return
                answer = self._s3.get_object(**self._at(bucket), Key=key)
            path.unlink(missing_ok=True)  # another name of the same file may be kept
            with path.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(1 << 20):
                    file.write(chunk)
        self._kept.keep(uri, answer["ETag"].strip('"'), path)

    def open(self, uri: str) -> BinaryIO:
        """See ObjectStore."""
        return io.BufferedReader(RangedObject(self._pinned(uri)), _BLOCK_BYTES)

    def pieces(self, uri: str) -> Iterator[bytes]:
        """See ObjectStore."""
        return read_pieces(self._pinned(uri))

    def _pinned(self, uri: str) -> Callable[[str], Part]:
        """What reads ranges of an object, all of the one that the first call met."""
        etags: list[str] = []

        def get(span: str) -> Part:
            part, etag = self._part(uri, span, *etags)
            etags[:] = [etag] if etag else []
            return part

        return get

    def ends(self, uri: str, count: int) -> tuple[bytes, bytes]:
        """See ObjectStore."""
        first, etag = self._part(uri, f"bytes=0-{count - 1}")
        last, _ = self._part(uri, f"bytes=-{count}", etag)
        return first.body, last.body

    def _part(self, uri: str, span: str, etag: str = "") -> tuple[Part, str]:
        """A range of an object, and the etag of the object that it is of."""
        bucket, key = _split(uri)
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        with _reading(uri):
            try:
                answer = self._s3.get_object(**self._at(bucket), Key=key, Range=span, **condition)
                body: bytes = answer["Body"].read()
            except ClientError as error:
                if error_code(error) in _NO_RANGE:
                    return Part(b"", 0), ""
                if error_code(error) in _NOT_FOUND | _PRECONDITION:
                    raise changed(uri) from None
                raise
        size = str(answer.get("ContentRange", "")).rpartition("/")[2]
        return Part(body, int(size) if size.isdigit() else len(body)), answer["ETag"].strip('"')

    def put(self, uri: str, body: bytes) -> None:
        """See ObjectStore."""
        bucket, key = _split(uri)
        with translated(f"write {uri}", StorageUnavailable, StorageRefused):
            self._s3.put_object(**self._into(bucket), Key=key, Body=body, **_type_of(key))

    def put_if_absent(self, uri: str, body: bytes) -> bool:
        """See ObjectStore."""
        bucket, key = _split(uri)
        with translated(f"write {uri}", StorageUnavailable, StorageRefused):
            try:
                self._put_on_condition(bucket, key, body, None)
            except ClientError as error:
                if error_code(error) not in _PRECONDITION:
                    raise
                present = self.get(uri)
                if present is None:  # it was there a moment ago, and somebody has deleted it since
                    raise StorageUnavailable(f"write {uri}: {error_text(error)}") from None
                # A retry inside botocore may have met our own first write, whose answer was lost.
                return present == body
        return True

    def get_versioned(self, uri: str) -> Versioned | None:
        """See ObjectStore; the age is S3's answer time minus S3's write time, so no clock of ours is in it."""
        bucket, key = _split(uri)
        with _reading(uri):
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
                self._put_on_condition(bucket, key, body, etag)
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
            answer = self._s3.put_object(**self._into(bucket), Key=key, Body=file)
        self._kept.keep(uri, answer["ETag"].strip('"'), path)

    def send_if_match(self, path: Path, uri: str, etag: str | None) -> bool:
        """See ObjectStore."""
        bucket, key = _split(uri)
        with translated(f"write {uri}", StorageUnavailable, StorageRefused), path.open("rb") as file:
            try:
                self._put_on_condition(bucket, key, file, etag)
            except ClientError as error:
                if error_code(error) not in _PRECONDITION | _NOT_FOUND:
                    raise
                return False
        return True

    def _put_on_condition(self, bucket: str, key: str, body: bytes | BinaryIO, etag: str | None) -> None:
        """Write if the object has this etag, with None if there is none; S3's conflict is tried again, as S3 asks for.

        The same condition is sent again: where the other write came through, S3 answers that it does not hold.

        Raises:
            StorageUnavailable: if other writes of the key are under way at every try.
            ClientError: as S3 answers; a precondition that does not hold among them.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}
        for wait_s in (*_CONFLICT_WAITS_S, None):
            if not isinstance(body, bytes):
                body.seek(0)
            try:
                self._s3.put_object(**self._into(bucket), Key=key, Body=body, **condition)
            except ClientError as error:
                if error_code(error) != _CONFLICT:
                    raise
                if wait_s is None:
                    raise StorageUnavailable(f"write s3://{bucket}/{key}: {error_text(error)}") from None
                time.sleep(wait_s)
            else:
                return

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

    def presigned(self, uri: str, seconds: int) -> str:
        """See ObjectStore."""
        bucket, key = _split(uri)
        call = {"Params": {**self._at(bucket), "Key": key}, "ExpiresIn": seconds}
        return str(self._s3.generate_presigned_url("get_object", **call))

    def web_link(self, uri: str) -> str:
        """See ObjectStore."""
        bucket, key = _split(uri)
        meta = self._s3.meta
        host = urlsplit(meta.endpoint_url).hostname or ""
        if not host.endswith((".amazonaws.com", ".amazonaws.com.cn")):  # another S3: the sandbox's own
            return f"{meta.endpoint_url}/{bucket}/{quote(key)}"
        where = urlencode({"region": meta.region_name, "prefix": key})
        return f"https://{meta.region_name}.console.aws.amazon.com/s3/object/{bucket}?{where}"

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


@contextmanager
def _reading(uri: str) -> Iterator[None]:
    """S3's refusals of a read with the object and, where it is not the permission to read it, what helps."""
    with translated(f"read {uri}", StorageUnavailable, StorageRefused):
        try:
            yield
        except ClientError as error:
            cure = _cure(error)
            if cure is None:
                raise
            raise StorageRefused(f"read {uri}: {error_text(error)}: {cure}") from None


def _cure(error: ClientError) -> str | None:
    if error_code(error) == "InvalidObjectState":
        return (
            "the object is archived; restore it (aws s3api restore-object), or copy it to a storage class that can be "
            "read at once, and run the day again"
        )
    text = error_text(error).lower()
    if "kms" in text and not is_transient_error(error):
        return "the object is encrypted with a KMS key that may not be used; grant kms:Decrypt on it, or enable the key"
    return None


#: What a browser does with an object is said by its type; S3's own default is to save it.
_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json"}


def _type_of(key: str) -> dict[str, str]:
    content_type = _TYPES.get(key[key.rfind(".") :])
    return {"ContentType": content_type} if content_type else {}


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
