"""What an operator starts: `make up` as a process, and how long to wait for it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sandbox.serve import Sandbox

ROOT = Path(__file__).parents[1]


#: Patience with a loaded machine; what is waited for ends a wait at once.
START_S, RUN_S, PATIENCE_MS = 240.0, 300.0, 60_000


T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], within_s: float = RUN_S) -> T:
    """What `look` finds, as soon as it finds something."""
    limit = time.monotonic() + within_s
    while time.monotonic() < limit:
        if (found := look()) is not None and found is not False:
            return found
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {within_s:g} seconds")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


#: The states of a run that published: what was measured is another matter.
PUBLISHED = ("Completed", "Partial", "Degraded")


class Up:
    """A `make up`, with folders of its own."""

    def __init__(self, folder: Path, port: int, environment: dict[str, str]) -> None:
        self.home, self.data, self.port = folder / "prefect", folder / "data", port
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / f"up-{len(list(folder.glob('up-*.log')))}.log"
        # As in a shell of an operator who has set nothing: no API of the tests' own.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PREFECT_", "MODERATION_", "AWS_", "MAKE"))
        }
        options = f"--home {self.home} --data {self.data} --job-seconds 1"
        with self._log.open("wb") as log:
            # -o: the environment is there, whatever its files' times say.
            self.process = subprocess.Popen(
                ["make", "-o", ".venv/.made", "up", f"PORT={port}", f"UP={options}"],
                cwd=ROOT,
                env=kept | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """All that it printed."""
        return self._log.read_text(encoding="utf-8")

    def wait_until_ready(self) -> Up:
        """Wait for its greeting."""
        wait_for("make up is ready", lambda: "Ctrl-C ends everything." in self.said or self.process.poll(), START_S)
        assert self.process.poll() is None, self.said
        return self

    def interrupt(self) -> None:
        """Ctrl-C, which a terminal sends to make and all that it started; returns when all have ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)

    def children(self) -> dict[int, str]:
        """The processes that it started, and those that these started: id and command."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                is_ours = f"={self.home}|".encode() in (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if is_ours and command:
                found[int(entry.name)] = command
        return found

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call of the Prefect server's REST API; asked again while SQLite is too busy to answer."""
        return wait_for(f"an answer to {path}", lambda: self._answer(path, body), within_s=120)

    def _answer(self, path: str, body: dict[str, Any] | None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/api{path}", data, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return json.load(answer)
        except TimeoutError:
            return None
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return None
            raise

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by its name."""
        found: dict[str, Any] = self.api(f"/deployments/name/{name}/{name}")
        return found

    def run(self, run_id: str) -> dict[str, Any]:
        """A flow run."""
        found: dict[str, Any] = self.api(f"/flow_runs/{run_id}")
        return found

    def start_run(self, name: str, **parameters: object) -> str:
        """Start a deployment's flow; the run's id."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.api(f"/deployments/{self.deployment(name)['id']}/create_flow_run", body)["id"])

    def wait_for_state(self, run_id: str, *names: str) -> str:
        """Wait until a run is in one of these states; fail with its message if it ends in another."""

        def look() -> str | None:
            state = self.run(run_id)["state"]
            if state["name"] in names:
                return str(state["name"])
            assert state["type"] not in ("FAILED", "CANCELLED", "COMPLETED"), state
            return None

        return wait_for(f"run {run_id} is {' or '.join(names)}", look)

    def wait_until_submitted(self, run_id: str, sandbox: Sandbox, jobs: int) -> None:
        """Wait until a run has given Bedrock its job, the `jobs`-th of the sandbox."""

        def look() -> bool:
            state = self.run(run_id)["state"]
            assert state["type"] not in ("FAILED", "CRASHED", "COMPLETED"), state
            return len(list(sandbox.bedrock.store)) == jobs

        wait_for(f"run {run_id} has a job", look)
