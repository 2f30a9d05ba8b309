"""Whole nights through Prefect: one test server and one sandbox for the session, a clean sandbox for each night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from sandbox.serve import Sandbox, running
from tests.prefect_site import Site


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """The URL of a Prefect server with an empty database."""
    quiet = {PREFECT_SERVER_ANALYTICS_ENABLED: False, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(quiet), prefect_test_harness(server_startup_timeout=180):
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose jobs end as soon as their records are judged."""
    with running(job_seconds=0.0, cache_dir=tmp_path_factory.mktemp("stand-in")) as sandbox:
        yield sandbox


@pytest.fixture
def site(served: Sandbox, prefect_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """An empty site whose environment points at the sandbox."""
    served.reset()
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODERATION_TIMEZONE", "Asia/Tokyo")
    return Site(served)
