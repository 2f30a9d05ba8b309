"""S3 and a Bedrock that answers at once, in a process of their own: what is measured does not pay for them.

A client asks Bedrock through a local socket, and is told how long it took; S3 is moto over HTTP, where each request is
counted and may be delayed.
"""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.nights.answers import answer_line, bad_lines
from benchmarks.nights.days import RUN_DATE, Kind, write_day

COMMENTS, OUTPUT, BATCH = "moderation-input", "moderation-output", "moderation-batch"
#: What stands around the comment in every line of the shipped prompt.
BETWEEN = (b"<comment>\\n", b"\\n</comment>")
_ACCOUNT = "123456789012"
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")


class Day(NamedTuple):
    """What is served.

    Attributes:
        rows: comments of the day.
        kind: what they say.
        is_bad: whether Bedrock answers badly.
        delay_ms: what each request to S3 waits.
    """

    rows: int
    kind: Kind = "plain"
    is_bad: bool = False
    delay_ms: float = 0.0


class Moved(NamedTuple):
    """What S3 was asked for: requests by method, bytes in and out."""

    requests: dict[str, int]
    bytes_in: int
    bytes_out: int


class Served:
    """A client's side of the process."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._connection = Client(address)

    def answer(self, input_uri: str, output_uri: str) -> float:
        """Have a job's input answered; the seconds that it took."""
        return float(self._ask("answer", input_uri, output_uri))

    def moved(self) -> Moved:
        """What was moved since this was asked last."""
        found = self._ask("moved")
        return Moved(*found)

    def clear(self) -> None:
        """Forget what was written, and how often S3 was asked."""
        self._ask("clear")

    def _ask(self, *words: str) -> Any:
        self._connection.send(words)
        return self._connection.recv()


@contextmanager
def serving(day: Day, folder: Path) -> Iterator[Served]:
    """The process, with the day's comments in its S3, until the block ends; the environment points at it."""
    ready, told = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(day, folder, told), daemon=True)
    process.start()
    os.environ.update(ready.recv())
    try:
        yield Served(str(folder / "socket"))
    finally:
        process.terminate()
        process.join()


def _serve(day: Day, folder: Path, ready: Connection) -> None:
    os.environ["TMPDIR"] = str(folder)  # moto's large objects
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request otherwise
    from sandbox.s3 import CREDENTIALS, REGION, S3Server, ensure_buckets

    listener = socket.create_server(("127.0.0.1", 0))
    s3 = S3Server(listener)
    counted = _Counted(s3._server.app, day.delay_ms)
    s3._server.app = counted
    s3.start()
    client = s3.client()
    ensure_buckets(client, (COMMENTS, OUTPUT, BATCH))
    for path in write_day(folder / "day", day.rows, day.kind):
        client.upload_file(str(path), COMMENTS, f"comments/date={RUN_DATE}/{path.name}")
        path.unlink()
    asks = Listener(str(folder / "socket"))
    ready.send(
        {
            "AWS_ENDPOINT_URL_S3": s3.url,
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "NO_PROXY": "127.0.0.1",
        }
    )
    while True:
        threading.Thread(target=_talk, args=(asks.accept(), day, counted, client), daemon=True).start()


def _talk(connection: Connection, day: Day, counted: _Counted, client: Any) -> None:
    while True:
        try:
            verb, *words = connection.recv()
        except EOFError:
            return
        if verb == "answer":
            begun = time.monotonic()
            _answer(words[0], words[1], day.is_bad)
            connection.send(time.monotonic() - begun)
        elif verb == "moved":
            connection.send(counted.take())
        else:
            for bucket in (OUTPUT, BATCH):
                for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                    for item in page.get("Contents", ()):
                        client.delete_object(Bucket=bucket, Key=item["Key"])
            counted.take()
            connection.send(None)


def _answer(input_uri: str, output_uri: str, is_bad: bool) -> None:
    """Write a job's output beside its input, through moto's own store and not over HTTP."""
    from moto.s3.models import s3_backends

    store = s3_backends[_ACCOUNT]["aws"]
    source, target = (uri.removeprefix("s3://").split("/", 1) for uri in (input_uri, output_uri))
    found = store.get_object(source[0], source[1])
    lines = found.value.splitlines(keepends=True) if found else []
    if is_bad:
        answered = [said for line in lines for said in bad_lines(line, BETWEEN)]
        answered.sort(key=lambda line: hashlib.blake2b(line, digest_size=8).digest())
    else:
        answered = [answer_line(line, BETWEEN) for line in lines]
    store.put_object(target[0], target[1], b"".join(answered))


class _Counted:
    """moto's application with its requests counted and delayed, and ranges that do not read the whole object."""

    def __init__(self, application: Any, delay_ms: float) -> None:
        self._application, self._delay_s = application, delay_ms / 1000
        self._requests, self._moved = Counter[str](), [0, 0]

    def take(self) -> tuple[dict[str, int], int, int]:
        """What was asked for since the last time."""
        found = dict(self._requests), self._moved[0], self._moved[1]
        self._requests, self._moved = Counter[str](), [0, 0]
        return found

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self._requests[environ["REQUEST_METHOD"]] += 1
        self._moved[0] += int(environ.get("CONTENT_LENGTH") or 0)
        if self._delay_s:
            time.sleep(self._delay_s)
        body = _ranged(environ, start_response) or list(self._application(environ, start_response))
        self._moved[1] += sum(map(len, body))
        return body


def _ranged(environ: dict[str, Any], start_response: Any) -> list[bytes] | None:
    """A range of an object; None for what is none, or is no plain one. moto itself copies the object each time."""
    from moto.s3.models import s3_backends

    span = _RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    if span is None or environ["REQUEST_METHOD"] != "GET":
        return None
    found = s3_backends[_ACCOUNT]["aws"].get_object(bucket, key)
    wanted = environ.get("HTTP_IF_MATCH")
    if found is None or (wanted and wanted != found.etag) or int(span[1]) >= found.contentsize:
        return None
    with found.lock:
        found._value_buffer.seek(int(span[1]))
        body = found._value_buffer.read(int(span[2]) - int(span[1]) + 1)
    last = int(span[1]) + len(body) - 1
    headers = [("ETag", found.etag), ("Content-Range", f"bytes {span[1]}-{last}/{found.contentsize}")]
    start_response("206 Partial Content", [*headers, ("Content-Type", "binary/octet-stream")])
    return [body]
