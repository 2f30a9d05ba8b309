"""`make up` with nothing set: it starts, says what is in the way, survives a kill, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from tests.operator_site import PUBLISHED, Up, wait_for


def up_process(up: Up) -> int:
    """The id of `python -m sandbox up` below make."""
    return int((up.home / "up.lock").read_text())


def test_make_up_starts_goes_on_and_ends_cleanly(start_up: Callable[..., Up], tmp_path: Path) -> None:
    """Killed at any time it starts again and goes on; after Ctrl-C nothing runs, everything is saved."""
    first = start_up(tmp_path, MODERATION_LANGUAGE="ja").wait_until_ready()
    environment = first.home / "environment"
    assert "export MODERATION_LANGUAGE=ja\n" in environment.read_text(), "another shell has the same settings"
    assert environment.stat().st_mode & 0o077 == 0
    assert f"Prefect's UI:  {first.url}" in first.said
    assert "sample days" in first.said
    assert {item["name"] for item in first.api("/deployments/filter", {})} == {
        "nightly", "backfill", "remeasure", "watchdog", "restore", "snooze", "evaluate", "recalibrate"
    }  # fmt: skip

    second = start_up(tmp_path, first.port)
    assert second.process.wait(120) != 0
    assert "it is up already" in second.said

    os.kill(up_process(first), signal.SIGKILL)
    first.process.wait(60)
    assert first.children(), "the server and the worker live on"

    again = start_up(tmp_path, first.port)
    wait_for("the leftovers are ended", lambda: "of an earlier `make up` were still there" in again.said, 120)
    again.wait_until_ready()
    run_id = again.start_run("watchdog", is_quiet=True)
    again.wait_for_state(run_id, "Failed", *PUBLISHED)
    again.interrupt()
    assert again.children() == {}
    assert "Traceback" not in again.said
    assert again.said.rstrip().splitlines()[-1].startswith(("ended;", "make: "))
    assert "ended; the next `make up` goes on from here" in again.said
    assert len(list((again.data / "moderation-input" / "comments").iterdir())) == 15


def test_a_port_in_use_is_one_clear_line(start_up: Callable[..., Up]) -> None:
    """The line names the port and how to take another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        up = start_up(port=port)
        assert up.process.wait(120) != 0
    assert f"up: port {port} is not free for the Prefect server" in up.said
    assert "make up PORT=" in up.said
    assert "Traceback" not in up.said
