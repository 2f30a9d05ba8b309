"""`make up` as an operator starts and ends it, and Chromium as the operator's browser; nothing leaves 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.operator_site import PATIENCE_MS, ROOT, Up, free_port

SCREENSHOTS = ROOT / "e2e-screenshots"


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
