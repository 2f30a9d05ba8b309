"""The README tells the truth where a machine can check it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from sandbox.bedrock.faults import FAULTS
from tasks.base import errors

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_both_commands_are_on_the_first_screen() -> None:
    """What a newcomer types stands in the first twenty lines."""
    first = "\n".join(README.splitlines()[:20])
    assert "make night" in first
    assert "make test" in first


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_is_listed(name: str) -> None:
    """Each fault of the sandbox stands in the README's table."""
    assert f"| `{name}` |" in README


def test_every_stop_is_explained() -> None:
    """Each error that can stop a night has a line on what it means and what to do."""
    stops = {
        name
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.NightStopped) and error is not errors.NightStopped
    }
    section = README[README.index("## When it pages you") :]
    unexplained = {name for name in stops if f"`{name}`" not in section}
    assert unexplained == {"BackfillIncomplete"}, "a backfill names the days and their own reasons"


def test_named_files_exist() -> None:
    """A path that the README names in a table is there."""
    for path in re.findall(r"`((?:tasks|data_contracts|tests|prompts|docs)/[\w/]*(?:\.\w+)?)`", README):
        assert (Path(__file__).parents[2] / path).exists(), path
