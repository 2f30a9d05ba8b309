"""What a night publishes is fixed row for row, however it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden_night import GOLDEN, facts, played


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[str]]]:
    """The facts of the night, played once."""
    with played(tmp_path_factory.mktemp("night")) as (night, bedrock, output_folder):
        yield facts(night, bedrock, output_folder)


@pytest.mark.parametrize("name", ["requests", "verdicts", "rejected", "books"])
def test_a_night_publishes_what_is_on_file(name: str, found: dict[str, list[str]]) -> None:
    """Hostile texts, repeats and every kind of bad line: the same requests, verdicts, rejected rows and books."""
    assert found[name] == Path(GOLDEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()
