"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _no_golden_pack() -> Iterator[None]:
    """Nights go without the golden pack, which has tests of its own: the others count what their comments cost."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MODERATION_GOLDEN_PACK", "none")
        yield
