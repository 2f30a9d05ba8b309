"""An alert over a real apprise URL to a real local receiver."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from tasks.adapters.alerts import AppriseChannel
from tasks.ports import AlertMessage, AlertUndelivered

#: apprise's mail plug-in imports a module that Python 3.13 drops; apprise itself does without it there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

BODY = 'malformed answers: 20.0%, limit 5.0%\n  for example comments k-1, k-2\n日本語 <b>&amp; "quotes"'


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
        """Its apprise URL, with a password."""
        return SecretStr(f"json://operator:hunter2@127.0.0.1:{self.server.server_port}/alerts")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that listens."""
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.mark.parametrize(("is_failure", "kind"), [(True, "failure"), (False, "warning")])
def test_delivered_as_it_is(receiver: Receiver, is_failure: bool, kind: str) -> None:
    """Title and body arrive unchanged, with their severity."""
    AppriseChannel(receiver.url, 1).send(AlertMessage(title="nightly: degraded", body=BODY, is_failure=is_failure))
    (request,) = receiver.requests
    assert (request["title"], request["message"], request["type"]) == ("nightly: degraded", BODY, kind)


def test_refusal_is_reported(receiver: Receiver) -> None:
    """A receiver that answers 500 has not taken the alert; the error names the channel, never its password."""
    receiver.status = 500
    with pytest.raises(AlertUndelivered, match=r"json \(alert URL 2\)") as caught:
        AppriseChannel(receiver.url, 2).send(AlertMessage(title="t", body="b", is_failure=True))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["nosuch://hunter2@host", "hunter2", "json://"], ids=["schema", "no URL", "no host"])
def test_url_that_apprise_does_not_know(url: str) -> None:
    """A URL that apprise cannot use is an error of that channel alone, and its name shows no secret."""
    channel = AppriseChannel(SecretStr(url), 3)
    with pytest.raises(AlertUndelivered) as caught:
        channel.send(AlertMessage(title="t", body="b", is_failure=True))
    assert "alert URL 3" in str(caught.value)
