"""Every error says what it means and what to do."""

from __future__ import annotations

import pytest

from tasks.adapters.stores.object_store import StorageRefused
from tasks.base.advice import ADVICE, OF_COMMANDS, OF_NIGHTS, UNEXPECTED, find_advice, runbook_place
from tasks.base.errors import ModerationError


def leaves(error: type[BaseException]) -> set[str]:
    """The names of the errors that are raised: those without one below them."""
    below = error.__subclasses__()
    return set[str]().union(*map(leaves, below)) if below else {error.__name__}


def test_every_error_has_advice() -> None:
    """No error of ours ends a run without a word on what to do."""
    assert StorageRefused.__name__ in leaves(ModerationError), "errors of the adapters count"
    assert leaves(ModerationError) - set(ADVICE) == set()
    assert not set(OF_NIGHTS) & set(OF_COMMANDS)


@pytest.mark.parametrize("name", ["", *ADVICE])
def test_advice_reads_as_sentences(name: str) -> None:
    """What it means is a sentence; what to do follows upon "Do: " and ends as one."""
    advice = find_advice(name)
    assert advice.means[0].isupper()
    assert advice.do[0].islower() or advice.do.startswith("MODERATION_")
    assert advice.means.endswith(".")
    assert advice.do.endswith(".")


def test_an_error_that_nobody_foresaw() -> None:
    """It has advice and a place in the runbook all the same."""
    assert find_advice("KeyError") is UNEXPECTED
    assert runbook_place("KeyError") == "docs/runbook.md#an-unexpected-error"
    assert runbook_place("OverBudget") == "docs/runbook.md#overbudget"
    assert runbook_place("OverBudget", "ja") == "docs/runbook.ja.md#overbudget"
