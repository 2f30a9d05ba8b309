"""A backfill that is cut off, in whatever order server, worker and run die, keeps no other backfill from its turn."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.operator_site import Up, wait_for

#: How the command line of each process is known.
COMMANDS = {"server": ("server start",), "worker": ("worker start",), "run": ("prefect.engine", "flow-run execute")}
#: Each dies first once, and last once.
ORDERS = (("server", "worker", "run"), ("run", "server", "worker"), ("worker", "run", "server"))


def kill(up: Up, role: str) -> None:
    """End every process of a role, as a power cut would."""
    for pid, command in up.children().items():
        if any(part in command for part in COMMANDS[role]):
            os.kill(pid, signal.SIGKILL)


def is_said(up: Up, after: int, words: str) -> bool:
    """Whether it has printed these words after so many characters."""
    return words in up.said[after:]


def test_no_order_of_deaths_blocks_the_next_backfill(start_up: Callable[..., Up], tmp_path: Path) -> None:
    """Each next backfill gets in by itself and asks about its plan; the server and the worker are there again."""
    up = start_up(tmp_path).wait_until_ready()
    day = str(datetime.now(ZoneInfo("Asia/Tokyo")).date() - timedelta(days=3))

    def start(reason: str) -> str:
        run_id = up.start_run("backfill", start_date=day, end_date=day, reason=reason)
        up.wait_for_state(run_id, "Paused")
        return run_id

    start("before any of them")
    for order in ORDERS:
        said = len(up.said)
        for role in order:
            kill(up, role)
        wait_for("the server answers again", partial(is_said, up, said, "answers again"))
        start(f"after {order}")
    assert "Traceback" not in up.said
    up.interrupt()
    assert up.children() == {}
    assert "Traceback" not in up.said
