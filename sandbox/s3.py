"""A local S3 over real HTTP: moto's server in a thread, and a folder that its buckets are loaded from and saved to.

moto keeps its buckets in memory, one set for the whole process: two servers of one process show the same buckets.
It checks no credentials, and it is right about conditional PutObject. Which account a call expects to own the bucket is
checked by the server around it.

In the folder a key ``a/b.parquet`` of bucket ``x`` is the file ``x/a/b.parquet``. What cannot be a file name is
written with percent signs, reversibly: control characters, ``%`` and ``\\`` as %XX, ``.`` and ``..`` as %2E and %2E%2E,
an empty part as ``%empty``, a part beyond a file name's length as several that end in ``%+``, and a key that is also
the folder of other keys with ``%file`` at its end. No key leaves the folder.
"""

import contextlib
import http.client
import os
import re
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

CREDENTIALS = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox-secret"}
REGION = "ap-northeast-1"


class S3Server:
    """moto's S3 on a bound socket."""

    def __init__(self, listener: socket.socket) -> None:
        from sandbox.keep_alive import KeepAliveServer  # moto: seconds

        host, port = listener.getsockname()[:2]
        self._address = f"{host}:{port}"
        self.url = f"http://{self._address}"
        self._server = KeepAliveServer(listener)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        """Answer calls."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; the buckets stay in the process's memory."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reset(self) -> None:
        """Forget every bucket of this process."""
        connection = http.client.HTTPConnection(self._address, timeout=10)
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
        connection.close()

    def client(self) -> Any:
        """A boto3 client of this server."""
        import boto3
        from botocore.config import Config

        config = Config(
            s3={"addressing_style": "path"},
            proxies={},
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=20,
            # Checksums of whole bodies would be computed and then ignored.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        session = boto3.session.Session(**CREDENTIALS, region_name=REGION)
        return session.client("s3", endpoint_url=self.url, config=config)


_READABLE = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", '
    '"Resource": "arn:aws:s3:::%s/*"}]}'
)


def ensure_buckets(s3: Any, names: Iterable[str]) -> None:
    """Create the buckets that are not there yet."""
    present = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in names:
        if name not in present:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
            # A browser on this machine opens the reports by their links, and has no credentials to sign with.
            s3.put_bucket_policy(Bucket=name, Policy=_READABLE % name)


class DataFolder:
    """A folder with one sub-folder a bucket, kept like the buckets."""

    def __init__(self, folder: Path, s3: Any) -> None:
        self._folder = self.path = folder
        self._s3 = s3
        self._saved: dict[tuple[str, str], str] = {}  # (bucket, key) -> ETag of what the file holds

    def load(self) -> list[str]:
        """Put every file into its bucket; the buckets' names."""
        buckets = sorted(path.name for path in self._folder.iterdir() if path.is_dir() and path.name[0] != ".")
        ensure_buckets(self._s3, buckets)
        for bucket in buckets:
            for path in _files(self._folder / bucket):
                self._put(bucket, path)
        return buckets

    def save(self) -> int:
        """Make the folder like the buckets: changed objects written, deleted ones removed; how many files changed.

        Each file is replaced at once, so that a crash leaves old files or new ones, never half of one.
        """
        buckets = [bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]]
        present: set[tuple[str, str]] = set()
        changed = 0
        for bucket in buckets:
            (self._folder / bucket).mkdir(parents=True, exist_ok=True)
            etags = self._list(bucket)
            present.update((bucket, key) for key in etags)
            paths = dict(zip(etags, file_names(etags), strict=True))
            kept = {self._folder / bucket / path for path in paths.values()}
            for path in list(_files(self._folder / bucket)):
                if path not in kept:
                    path.unlink()
                    changed += 1
            _remove_empty_folders(self._folder / bucket)
            for key, etag in etags.items():
                path = self._folder / bucket / paths[key]
                if self._saved.get((bucket, key)) != etag or not path.is_file():
                    self._get(bucket, key, path)
                    self._saved[bucket, key] = etag
                    changed += 1
        self._saved = {name: etag for name, etag in self._saved.items() if name in present}
        return changed

    def _put(self, bucket: str, path: Path) -> None:
        key = key_of(path.relative_to(self._folder / bucket).as_posix())
        with path.open("rb") as body:
            kind = {"ContentType": "text/html; charset=utf-8"} if path.suffix == ".html" else {}
            self._saved[bucket, key] = self._s3.put_object(Bucket=bucket, Key=key, Body=body, **kind)["ETag"]

    def _get(self, bucket: str, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.parent / f".{os.getpid()}-{threading.get_ident()}.partial"
        body = self._s3.get_object(Bucket=bucket, Key=key)["Body"]
        with partial.open("wb") as file:
            for piece in body.iter_chunks(1 << 20):
                file.write(piece)
        os.replace(partial, path)

    def _list(self, bucket: str) -> dict[str, str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}


_UNSAFE = re.compile(r"[\x00-\x1f\x7f%\\\ud800-\udfff]")
_MAX_PART_BYTES = 200


def file_names(keys: Iterable[str]) -> Iterator[str]:
    """The file name, relative to the bucket's folder, of each of all keys of a bucket."""
    keys = list(keys)
    plain = {key: "/".join(_file_parts(key)) for key in keys}
    folders = {name[:place] for name in plain.values() for place in _slashes(name)}
    for key in keys:
        yield f"{plain[key]}%file" if plain[key] in folders else plain[key]


def key_of(file_name: str) -> str:
    """The key of a file name that ``file_names`` gave; other files are their own key."""
    parts: list[str] = []
    joining = False
    for part in file_name.removesuffix("%file").split("/"):
        text = "" if part == "%empty" else part
        more = text.endswith("%+")
        text = unquote(text.removesuffix("%+"), errors="surrogatepass")
        if joining:
            parts[-1] += text
        else:
            parts.append(text)
        joining = more
    return "/".join(parts)


def _file_parts(key: str) -> Iterator[str]:
    for part in key.split("/"):
        if part in ("", ".", ".."):
            yield part.replace(".", "%2E") or "%empty"
            continue
        text = _UNSAFE.sub(lambda match: "".join(f"%{b:02X}" for b in match[0].encode("utf-8", "surrogatepass")), part)
        # A leading dot would hide the file, and such files are not loaded.
        text = f"%2E{text[1:]}" if text.startswith(".") else text
        while len(text.encode()) > _MAX_PART_BYTES:
            place = _MAX_PART_BYTES // 4
            while "%" in text[place - 2 : place]:
                place -= 1
            yield f"{text[:place]}%+"
            text = text[place:]
        yield text


def _slashes(name: str) -> Iterator[int]:
    return (place for place, letter in enumerate(name) if letter == "/")


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder; hidden ones and links are not S3's."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.rmdir()
