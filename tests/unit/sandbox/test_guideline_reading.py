"""The stand-in under another guideline: a change of prompt changes verdicts, and the shipped prompt changes none."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import prompts
from sandbox.days import sample_day
from sandbox.guideline_reading import read_guideline, shipped_guideline, under_guideline
from sandbox.stand_in_model import Judgement, StandInModel

PROMPT = prompts.load("comment_review", "v1").system


@pytest.fixture(scope="module")
def judgements() -> list[Judgement]:
    """What the stand-in says of a sample day under the shipped guideline."""
    texts = [text for text in sample_day(date(2026, 11, 16)).comments["text"] if text]
    return StandInModel.load(Path(".sandbox")).judge(texts)


def flipped(judgements: list[Judgement], guideline: str | None) -> float:
    """Share of the day's verdicts that another guideline changes."""
    changed = [under_guideline(judgement, guideline).violation != judgement.violation for judgement in judgements]
    return sum(changed) / len(changed)


def test_the_shipped_guideline_changes_nothing(judgements: list[Judgement]) -> None:
    """Nor does a prompt without one."""
    assert read_guideline(PROMPT) == shipped_guideline()
    for guideline in (shipped_guideline(), None):
        assert [under_guideline(judgement, guideline) for judgement in judgements] == judgements


def test_another_guideline_flips_some_and_a_sweeping_one_too_many(judgements: list[Judgement]) -> None:
    """A backfill in mode stale_prompt can be rehearsed: one that goes through, and one that is held for a person."""
    careful = shipped_guideline() + "\nIf in doubt, say none."
    assert 0 < flipped(judgements, careful) < 0.05
    sweeping = shipped_guideline().split("Allowed:")[0]
    assert flipped(judgements, sweeping) > 0.05


def test_what_is_no_longer_forbidden_is_flagged_less() -> None:
    """Also when only its words change; a sure judgement of it stays."""
    without = "\n".join(line for line in shipped_guideline().splitlines() if not line.startswith("spam:"))
    unsure, sure = (Judgement(True, "spam", confidence, "Advertises.") for confidence in (0.8, 0.95))
    assert not under_guideline(unsure, without).violation
    assert under_guideline(sure, without) == sure
    assert under_guideline(unsure, shipped_guideline() + "\nBe brief.") == unsure
