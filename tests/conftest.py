"""What all tests share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

# Prefect, Great Expectations, botocore and the tests themselves leave a million objects that live as long as the
# process: Python's collector would look through them again and again.
gc.set_threshold(100_000, 20, 20)


def pytest_collection_finish() -> None:
    """Keep the collector from what is there now: it stays until the end."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let it look again: DuckDB calls leaked what is still frozen when the process ends."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _no_golden_pack() -> Iterator[None]:
    """Nights go without the golden pack, which has tests of its own: the others count what their comments cost."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MODERATION_GOLDEN_PACK", "none")
        yield
