"""A wire that can be cut: an HTTP server between a client and its service, which loses, cuts or replaces answers."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from tasks.adapters.aws import Aws


class Reply(NamedTuple):
    """An answer that the service itself never gave."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


class Asked(NamedTuple):
    """A call that came over the wire."""

    method: str
    path: str
    headers: dict[str, str]


#: `lose`: the call is carried out and its answer lost; `cut`: half of the answer's body comes; `hang`: nothing comes;
#: `break`: half of the call itself arrives, then both ends lose the connection.
Fate = Literal["pass", "lose", "cut", "hang", "break"] | Reply


class OneTry(Aws):
    """Clients that neither repeat a call nor wait long for it."""

    def client(self, service: str, *, attempts: int = 1, read_timeout_s: int = 1) -> Any:
        return super().client(service, attempts=attempts, read_timeout_s=read_timeout_s)

    def object_store_options(self) -> dict[str, str]:
        return super().object_store_options() | {"max_retries": "0"}


class Wire:
    """Passes calls on, but for those whose fate is set: the next one meets the first of `fates`, and so on."""

    def __init__(self, target: str) -> None:
        self.fates: deque[Fate] = deque()
        #: headers of every call, in order
        self.seen: list[dict[str, str]] = []
        #: every call, in order
        self.asked: list[Asked] = []
        self._ended = threading.Event()
        host = urlsplit(target).netloc
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                wire.seen.append({name.lower(): value for name, value in self.headers.items()})
                wire.asked.append(Asked(self.command, self.path, wire.seen[-1]))
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fate = wire.fates.popleft() if wire.fates else "pass"
                if fate == "hang":
                    wire._ended.wait()
                    self.close_connection = True
                elif fate == "break":
                    wire._break_off(self, host, body)
                    self.close_connection = True
                elif isinstance(fate, Reply):
                    self._answer(fate.status, list(fate.headers), fate.body.encode())
                else:
                    connection = http.client.HTTPConnection(host, timeout=20)
                    connection.request(self.command, self.path, body, dict(self.headers))
                    response = connection.getresponse()
                    content = response.read()
                    connection.close()
                    if fate == "lose":
                        self.close_connection = True
                    else:
                        self._answer(response.status, response.getheaders(), content, is_cut=fate == "cut")

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

            def _answer(
                self, status: int, headers: list[tuple[str, str]], content: bytes, *, is_cut: bool = False
            ) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                length = next((value for name, value in headers if name.lower() == "content-length"), len(content))
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if is_cut else content)
                self.close_connection |= is_cut

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @staticmethod
    def _break_off(call: BaseHTTPRequestHandler, host: str, body: bytes) -> None:
        """Send the service the call's head and half of its body, then hang up."""
        name, port = host.split(":")
        head = [f"{call.command} {call.path} HTTP/1.1", *(f"{key}: {value}" for key, value in call.headers.items())]
        with socket.create_connection((name, int(port)), timeout=20) as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode() + body[: len(body) // 2])
            if not body:  # a call without a body is broken off as its answer begins
                connection.recv(1)

    @contextmanager
    def served(self) -> Iterator[Wire]:
        """The wire, until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()
