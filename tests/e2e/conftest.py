"""`make up` as an operator starts and ends it, and Chromium as the operator's browser; nothing leaves 127.0.0.1."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from sandbox.serve import Sandbox

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "e2e-screenshots"
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


@pytest.fixture(scope="module")
def start_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Up]]:
    """Start a `make up`; at the end of the tests it has ended, whatever happened."""
    started: list[Up] = []

    def start(folder: Path | None = None, port: int | None = None, **environment: str) -> Up:
        started.append(Up(folder or tmp_path_factory.mktemp("up"), port or free_port(), environment))
        return started[-1]

    yield start
    for up in started:
        up.interrupt()
        for pid in up.children():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's Chromium, or the one that CHROMIUM names."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("there is no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    return path


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    """A page whose browser can look up no name but 127.0.0.1; asking for another host fails the test."""
    strangers: set[str] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1200})
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("request", lambda request: strangers.add(request.url) if _is_strange(request.url) else None)
        yield page
        browser.close()
    assert not strangers


def _is_strange(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "file:", "data:", "blob:", "about:"))


@pytest.fixture
def screenshot(page: Page) -> Callable[[str], None]:
    """Keep what the page shows as e2e-screenshots/NAME.png, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)

    def take(name: str) -> None:
        page.wait_for_timeout(1500)  # panels slide in, charts are drawn
        page.screenshot(path=str(SCREENSHOTS / f"{name}.png"), full_page=True)

    return take
