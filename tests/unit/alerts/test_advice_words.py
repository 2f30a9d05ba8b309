"""What is said about an error in another language than English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.alerts.words import ADVICE_WORDS, WORDS
from tasks.base.advice import ADVICE, OF_NIGHTS, runbook_place

ROOT = Path(__file__).parents[3]
#: What a person types or sets, as it stands in an advice.
NAMED = re.compile(
    r"MODERATION_[A-Z_]+[A-Z]|PREFECT_[A-Z_]+[A-Z]|python -m flows [a-z]+|--[a-z][a-z-]+|\w+\.(?:json|html)"
)


def test_every_error_has_japanese_advice() -> None:
    """No error lacks one, and none is left of an error that is gone."""
    assert set(ADVICE_WORDS["ja"]) == set(ADVICE_WORDS["en"]) == {*ADVICE, ""}


@pytest.mark.parametrize("name", ["", *ADVICE])
def test_japanese_advice_says_the_same(name: str) -> None:
    """It names the settings and commands that the English one names, in Japanese sentences."""
    english, japanese = ADVICE_WORDS["en"][name], ADVICE_WORDS["ja"][name]
    assert set(NAMED.findall(str(english))) <= set(NAMED.findall(str(japanese)))
    assert japanese.means.endswith("。")
    assert re.search("[ぁ-ん]", japanese.do)


@pytest.mark.parametrize("name", ["", *OF_NIGHTS])
def test_the_alert_says_what_the_runbook_says(name: str) -> None:
    """Whoever reads the Japanese alert finds its words again at the place that it names."""
    page, _, anchor = runbook_place(name, "ja").partition("#")
    _, _, section = (ROOT / page).read_text(encoding="utf-8").partition(f"### {name or anchor}\n")
    advice = ADVICE_WORDS["ja"][name]
    assert section.lstrip().startswith(advice.means)
    assert f"**対応:** {advice.do}" in section.split("\n### ")[0]
    assert WORDS["ja"].stopped[name] == f"{advice.means}対応: {advice.do}"
