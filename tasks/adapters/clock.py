"""The machine's own clock."""

from __future__ import annotations

import threading
import time


class SystemClock:
    """See `tasks.base.ports.Clock`."""

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        time.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """See Clock."""
        return event.wait(seconds)
