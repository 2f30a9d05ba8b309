"""Calls a URL that rings when it is not called: silence is what a dead scheduler, worker or machine leaves.

The signals are those of healthchecks.io (https://healthchecks.io/docs/http_api/): URL/start, URL, URL/fail. The URL is
a secret, is told to nobody and reaches no log; what goes wrong with it never fails what it watches.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

Signal = Literal["start", "success", "fail"]

#: Seconds that one try may take, and tries.
TIMEOUT_S = 5.0
TRIES = 2


def signal_url(url: str, signal: Signal) -> str:
    """Where a signal goes: its name is appended to the path, before a query."""
    if signal == "success":
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{signal}"))


def send_heartbeat(url: SecretStr | None, signal: Signal) -> str:
    """Call the URL, at most TRIES times; what came of it in a few words that do not hold the URL. It never raises."""
    if url is None:
        return "no URL is set"
    fault = ""
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(signal_url(url.get_secret_value(), signal), timeout=TIMEOUT_S) as answer:  # noqa: S310  the settings allow http(s) alone
                answer.read(1024)
        except urllib.error.HTTPError as error:
            fault = f"HTTP {error.code}"
            error.close()
        except Exception as error:  # urllib's texts may repeat the URL
            fault = type(error).__name__
        else:
            return f"{signal} delivered"
    return f"{signal} not delivered: {fault}"


@contextmanager
def heartbeat(url: SecretStr | None, report: Callable[[str], None]) -> Iterator[None]:
    """Signal the start of the block and how it ended, a cancellation included; nothing if there is no URL."""
    if url is None:
        yield
        return
    report(f"heartbeat: {send_heartbeat(url, 'start')}")
    try:
        yield
    except BaseException:
        report(f"heartbeat: {send_heartbeat(url, 'fail')}")
        raise
    report(f"heartbeat: {send_heartbeat(url, 'success')}")
