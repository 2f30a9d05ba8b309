"""Serves moto's S3 over connections that stay open: its own server closes each after one answer.

A connection and a thread for every request cost a small night more than what S3 does for it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.exceptions import InternalServerError
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app

#: Whose all buckets are.
ACCOUNT = "123456789012"

logger = logging.getLogger(__name__)


class KeepAliveServer(ThreadedWSGIServer):
    """moto's S3 on a bound socket; a thread for each connection, which answers one request after another."""

    def __init__(self, listener: socket.socket) -> None:
        self._connections: set[Any] = set()
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, _s3_first(), KeepAliveHandler, fd=listener.fileno())

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection."""
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Answer no more: neither new connections nor those that are open; an answer under way still goes out."""
        super().server_close()
        for connection in list(self._connections):
            with suppress(OSError):  # closed meanwhile
                connection.shutdown(socket.SHUT_RD)


class KeepAliveHandler(MotoRequestHandler):
    """Reads each request whole and tells each answer's length, so that the next request can follow."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer's head and body leave together ...
    disable_nagle_algorithm = True  # ... and at once

    def handle_expect_100(self) -> bool:
        """Let the client send its body."""
        may_send = super().handle_expect_100()
        self.wfile.flush()
        return may_send

    def run_wsgi(self) -> None:
        """Answer one request."""
        self.environ = environ = self.make_environ()
        is_chunked = environ.get("wsgi.input_terminated")
        source = environ["wsgi.input"] if is_chunked else self.rfile
        length = -1 if is_chunked else int(self.headers.get("Content-Length") or 0)
        environ["wsgi.input"] = BytesIO(source.read(length))
        try:
            pieces, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except Exception:
            logger.exception("%s %s failed", self.command, self.path)
            pieces, status, headers = run_wsgi_app(InternalServerError(), environ, buffered=True)
        self._send(b"".join(pieces), status, headers)

    def _send(self, body: bytes, status: str, headers: Iterable[tuple[str, str]]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        names = set()
        for name, value in headers:
            self.send_header(name, value)
            names.add(name.lower())
        if "content-length" not in names and code not in ("204", "304"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


def _s3_first() -> Any:
    """moto's application, without its search for the service that is meant: here all but all requests are S3's.

    A call that expects its bucket to be another account's is denied, which moto does not look at.
    Source: Amazon S3 User Guide, "Verifying bucket ownership with bucket owner condition".
    """
    s3, any_service = create_backend_app("s3"), DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", ACCOUNT) != ACCOUNT:
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
        is_s3 = "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")
        return (s3 if is_s3 else any_service)(environ, start_response)

    return application
