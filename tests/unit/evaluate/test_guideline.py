"""The guideline of a prompt, what may be cut out of it, and what it must not repeat."""

from __future__ import annotations

import pytest

import prompts
from tasks.evaluate.optimise.copying import Copied
from tasks.evaluate.optimise.guideline import cuts, read_guideline, with_guideline

FIRST = prompts.load("comment_review", "v1")


def test_round_trip() -> None:
    """A guideline that is put back is the same prompt to the byte, hash included."""
    assert with_guideline(FIRST, read_guideline(FIRST), "v1").sha256 == FIRST.sha256


def test_cuts_are_shorter_and_keep_every_category() -> None:
    """Each cut drops one part; no category's line goes, and no leftover sign stays behind."""
    guideline = read_guideline(FIRST)
    found = cuts(guideline, FIRST.categories)
    assert len(found) > 25
    assert [cut.saved_count for cut in found] == sorted((cut.saved_count for cut in found), reverse=True)
    for cut in found:
        assert all(f"{name}:" in cut.guideline for name in FIRST.categories if name != "none")
        assert not any(rest in cut.guideline for rest in (",)", "(,", ", ,", ". .", "  ", ':"'))
    assert len({cut.guideline for cut in found}) == len(found)


@pytest.mark.parametrize(
    ("guideline", "text", "is_copied"),
    [
        pytest.param("Say: you will never see it again, fool", "You will never see it again!", True, id="whole"),
        pytest.param("a b c d e f g h", "zero A, b c d E f g h nine", True, id="eight words"),
        pytest.param("a b c d e f g", "zero a b c d e f g h nine", False, id="seven words"),
        pytest.param("the item came late", "item came late", False, id="common speech"),
        pytest.param("「店長を殴りに行くから待ってろ」", "店長を殴りに行くから待ってろ", True, id="Japanese"),
        pytest.param("例：金返せこの野郎", "金返せこの野郎", True, id="short Japanese"),
        pytest.param("商品が届くのが遅い", "商品が届くのが早かったので満足", False, id="other Japanese"),
    ],
)
def test_copying(guideline: str, text: str, *, is_copied: bool) -> None:
    """Eight words or twelve letters in a row, or a whole short text, are a copy; common speech is not."""
    assert (guideline in Copied([text], "")) is is_copied


def test_what_the_guideline_had_is_no_copy() -> None:
    """An example that stood in the first guideline may stay, though a comment repeats it."""
    own = 'harassment: "the driver is a worthless idiot"'
    assert own not in Copied(["The driver is a worthless idiot."], own)
    assert own in Copied(["The driver is a worthless idiot."], "harassment: insults")
