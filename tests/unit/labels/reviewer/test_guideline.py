"""A rater reads the part of the guideline that belongs to the category, of whatever prompt."""

from __future__ import annotations

import pytest

import prompts
from prompts import Prompt
from tasks.labels.reviewer.guideline import read_guideline

SHIPPED = prompts.load("comment_review", "v1")


def prompt(system: str, *categories: str) -> Prompt:
    """A prompt with this system part."""
    return SHIPPED.model_copy(update={"system": system, "categories": (*categories, "none")})


@pytest.mark.parametrize(("name", "version"), prompts.versions())
def test_every_category_of_the_catalog_has_a_part(name: str, version: str) -> None:
    """Each shipped prompt shows words of its own beside each category."""
    shipped = prompts.load(name, version)
    found = read_guideline(shipped)
    for category in shipped.categories:
        if category != "none":
            assert found.parts[category]
            assert len(found.beside(category)) < len(found.whole) / 2
    assert "<guideline>" not in found.whole
    assert found.beside("none") == found.general


def test_the_shipped_guideline_is_cut_at_its_paragraphs() -> None:
    """A part holds its examples and no other category's; what holds for all stands apart."""
    found = read_guideline(SHIPPED)
    assert found.parts["spam"].startswith("advertises or repeats for gain")
    assert found.parts["spam"].endswith("Not: naming another shop to compare.")
    assert found.parts["fraud"].endswith("accusing a seller of fraud.")
    assert found.general.startswith("A comment is a violation only if")
    assert "Judge masked spellings" in found.general
    assert "JSON" not in found.whole


@pytest.mark.parametrize(
    "system",
    [
        pytest.param(
            "Be fair.\n\n## spam\n\nLinks.\n\nNot: names.\n\n## Fraud\nLies.\n\n## Rest\nBe kind.", id="headings"
        ),
        pytest.param("Be fair.\n- **spam**: Links.\n  Not: names.\n- **fraud** - Lies.\n\nBe kind.", id="list"),
        pytest.param("Be fair.\n1. spam：Links.\nNot: names.\n2. fraud: Lies.\n\nBe kind.", id="numbers"),
    ],
)
def test_other_forms_are_cut_too(system: str) -> None:
    """Headings, lists and numbered lists begin a part."""
    found = read_guideline(prompt(system, "spam", "fraud"))
    assert found.parts["spam"].startswith("Links.")
    assert found.parts["spam"].endswith("Not: names.")
    assert found.parts["fraud"] == "Lies."
    assert found.general.startswith("Be fair.")
    assert found.general.endswith("Be kind.")


def test_a_guideline_without_parts_stands_whole_beside_each_category() -> None:
    """A prompt that can not be cut leaves nobody without words; a category in mid-sentence begins no part."""
    text = "Everything that is spam is bad.\nspam is when somebody sells."
    found = read_guideline(prompt(text, "spam"))
    assert found.parts == {}
    assert found.beside("spam") == text
    assert found.beside("none") == text
