"""The heartbeat URL is called at the start and at the end of what it watches, and never fails it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr

from tasks.adapters.channels import heartbeat as module
from tasks.adapters.channels.heartbeat import heartbeat, send_heartbeat, signal_url

TOKEN = "0123-secret-token"


class Receiver:
    """A local HTTP server that keeps the paths it was called at."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                receiver.paths.append(self.path)
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = SecretStr(f"http://127.0.0.1:{self.server.server_port}/ping/{TOKEN}")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that is served until the test ends."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://hc.example/UUID", "https://hc.example/UUID/fail", id="plain"),
        pytest.param("https://hc.example/UUID/", "https://hc.example/UUID/fail", id="final-slash"),
        pytest.param("https://hc.example/UUID?create=1", "https://hc.example/UUID/fail?create=1", id="query"),
    ],
)
def test_where_a_signal_goes(url: str, expected: str) -> None:
    """The signal is the last part of the path; success is the URL itself."""
    assert signal_url(url, "fail") == expected
    assert signal_url(url, "success") == url


def test_a_good_end_and_a_bad_one(receiver: Receiver) -> None:
    """Start and success, or start and fail; the error goes on."""
    told: list[str] = []
    with heartbeat(receiver.url, told.append):
        pass
    with pytest.raises(KeyboardInterrupt), heartbeat(receiver.url, told.append):
        raise KeyboardInterrupt
    base = f"/ping/{TOKEN}"
    assert receiver.paths == [f"{base}/start", base, f"{base}/start", f"{base}/fail"]
    assert told == [f"heartbeat: {signal} delivered" for signal in ("start", "success", "start", "fail")]


def test_a_failed_call_is_tried_once_more(receiver: Receiver) -> None:
    """One 500 is got over; two are reported by their number."""
    receiver.answers = [500]
    assert send_heartbeat(receiver.url, "success") == "success delivered"
    receiver.answers = [503, 503]
    assert send_heartbeat(receiver.url, "success") == "success not delivered: HTTP 503"
    assert len(receiver.paths) == 4


def test_an_unreachable_url_fails_nothing_and_is_not_repeated(receiver: Receiver) -> None:
    """What goes wrong is told by its kind: no text of it can hold the URL."""
    nowhere = SecretStr(f"http://127.0.0.1:1/{TOKEN}")
    told: list[str] = []
    with heartbeat(nowhere, told.append):
        pass
    assert told == ["heartbeat: start not delivered: URLError", "heartbeat: success not delivered: URLError"]
    assert TOKEN not in "".join([*told, send_heartbeat(SecretStr(f"http://[{TOKEN}"), "fail")])


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and never answers costs no more than the time limit of each try."""
    monkeypatch.setattr(module, "TIMEOUT_S", 0.05)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(5)
        url = SecretStr(f"http://127.0.0.1:{mute.getsockname()[1]}/{TOKEN}")
        assert send_heartbeat(url, "success").startswith("success not delivered: ")


def test_without_a_url_nothing_is_said(receiver: Receiver) -> None:
    """No setting, no call, no log line."""
    told: list[str] = []
    with heartbeat(None, told.append):
        pass
    assert told == receiver.paths == []
