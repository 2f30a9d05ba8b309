"""Local receivers of alerts: HTTP and SNS."""

from __future__ import annotations

import json
import socketserver
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
from pydantic import SecretStr

from sandbox.s3 import CREDENTIALS
from tasks.base.ports import AlertMessage, Severity

BODY = 'malformed answers: 20.0%, limit 5.0%\n  for example comments k-1, k-2\n日本語 <b>&amp; "quotes"'


SECRET = "hunter2-s3cret"


def message(**changes: Any) -> AlertMessage:
    """An alert."""
    title = "nightly 2026-11-19: 1 measure degraded"
    given = {"title": title, "ascii_title": title, "body": BODY, "severity": Severity.PAGE}
    return AlertMessage(**(given | changes))


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[None]:
    """The server answers until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Receiver:
    """A web hook: what it was sent, and the status that it answers with."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                receiver.requests.append(json.loads(self.rfile.read(length)))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> SecretStr:
        """Its apprise URL, with a password and a token in its path."""
        return SecretStr(f"json://operator:{SECRET}@127.0.0.1:{self.server.server_port}/alerts/{SECRET}")


class Topic:
    """A topic in a region of its own, and the queue that is subscribed to it."""

    def __init__(self, url: str) -> None:
        region, name = "eu-west-1", f"alerts-{uuid.uuid4().hex[:8]}"
        session = boto3.session.Session(**CREDENTIALS, region_name=region)
        self._sqs = session.client("sqs", endpoint_url=url)
        self._sns = session.client("sns", endpoint_url=url)
        self.arn: str = self._sns.create_topic(Name=name)["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        self._sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def received(self) -> dict[str, Any]:
        """The only notification that arrived."""
        (found,) = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)["Messages"]
        notification: dict[str, Any] = json.loads(found["Body"])
        return notification
