"""The page on loopback, from the first request to Ctrl-C."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import uvicorn

from tasks.base.errors import WrongUsage
from tasks.base.settings import Language
from tasks.labels.reviewer.app import create_app
from tasks.labels.reviewer.desk import Desk
from tasks.labels.reviewer.guard import Guard

#: Never another: what is shown here is for one person at this machine.
HOST = "127.0.0.1"


class LoopbackServer:
    """The page of one rater, bound to its port.

    Attributes:
        link: opens the page once, in one browser.
    """

    def __init__(
        self, desk: Desk, language: Language, rater: str, complain: Callable[[str], None], port: int = 0
    ) -> None:
        """`port` 0 is any free one.

        Raises:
            WrongUsage: if the port is taken or may not be used.
        """
        self._socket = socket.socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((HOST, port))
            self._socket.listen(64)  # the link works from now on: who is early waits
        except OSError as error:
            self._socket.close()
            raise WrongUsage(f"port {port} of {HOST} cannot be used: {error.strerror}") from None
        guard = Guard(create_app(desk, language, rater, complain), self._socket.getsockname()[1])
        self.link = guard.link
        config = uvicorn.Config(
            guard,
            # Requests are nobody's business, and an error's text could hold what was typed.
            access_log=False,
            log_config=None,
            log_level=logging.CRITICAL,
            http="h11",
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Answer until Ctrl-C or SIGTERM, which is raised again at the end."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.should_exit = True
