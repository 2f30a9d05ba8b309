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

from flows.nightly import nightly
from sandbox.days import sample_day
from sandbox.serve import Sandbox, running
from tests.prefect_site import RUN_DATE, Published, Site, open_site


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """The URL of a Prefect server with an empty database."""
    quiet = {PREFECT_SERVER_ANALYTICS_ENABLED: False, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(quiet), prefect_test_harness(server_startup_timeout=180):
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the model's stand-in is kept once it is trained, which takes seconds."""
    return tmp_path_factory.mktemp("stand-in")


@pytest.fixture(scope="session")
def served(stand_in: Path) -> Iterator[Sandbox]:
    """A sandbox whose jobs end as soon as their records are judged."""
    with running(job_seconds=0.0, cache_dir=stand_in) as sandbox:
        yield sandbox


@pytest.fixture
def site(served: Sandbox, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    """An empty site whose environment points at the sandbox."""
    return open_site(served, monkeypatch)


@pytest.fixture(scope="module")
def published(served: Sandbox, prefect_server: str) -> Iterator[Published]:
    """A clean night that was played once, for the tests of a file that only look at it."""
    with pytest.MonkeyPatch.context() as environment:
        site, day = open_site(served, environment), sample_day(RUN_DATE)
        site.put_day(day)
        night = nightly(run_date=RUN_DATE)
        assert night is not None
        yield Published(site, day, night)
