"""The Japanese pages are kept equal to the English ones in all that a machine can compare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAIRS = [
    (str(path.relative_to(ROOT)).replace(".ja.md", ".md"), str(path.relative_to(ROOT)))
    for path in sorted([*ROOT.glob("*.ja.md"), *ROOT.glob("docs/*.ja.md")])
]
COMMAND = re.compile(r"(make|export|prefect|python|\.venv/bin/\S+|[A-Za-z]+=|\[Service\]|\d+ \*) ?.*")


def read(name: str) -> str:
    """A page's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def split(text: str) -> tuple[str, list[str]]:
    """A page without its code blocks, and the blocks."""
    parts = re.split(r"^ *```.*$", text, flags=re.MULTILINE)
    return "\n".join(parts[::2]), parts[1::2]


def commands(block: str) -> list[str]:
    """What a block has people type or write into a file: its lines without what a comment says."""
    lines = [re.sub(r"\s+#.*", "", line.strip()) for line in block.splitlines()]
    return [line for line in lines if COMMAND.fullmatch(line)]


def headings(text: str) -> list[str]:
    """The levels of a page's headings, in order."""
    return re.findall(r"^(#+) ", split(text)[0], flags=re.MULTILINE)


def targets(text: str) -> set[str]:
    """What a page links to, whichever language it is in: files without anchors, and addresses outside."""
    found = {target.split("#")[0].replace(".ja.md", ".md") for target in re.findall(r"\]\(([^)\s]+)\)", text)}
    return found - {"", "README.md", "operations.md", "runbook.md"}


def first_cells(text: str) -> list[set[str]]:
    """The names in code in each table row's first cell, in order."""
    rows = re.findall(r"^\|(.+?)\|", split(text)[0], flags=re.MULTILINE)
    return [names for row in rows if (names := set(re.findall(r"`[^`]+`", row)))]


@pytest.mark.parametrize(("english", "japanese"), PAIRS)
def test_both_pages_have_the_same_parts(english: str, japanese: str) -> None:
    """Headings, rows and rooms, commands and links are the same, so that a change of one page shows in the other."""
    one, other = read(english), read(japanese)
    assert headings(other) == headings(one)
    assert first_cells(other) == first_cells(one)
    assert [commands(block) for block in split(other)[1]] == [commands(block) for block in split(one)[1]]
    for block, said in zip(split(one)[1], split(other)[1], strict=True):
        assert said == block or re.search("[ぁ-んァ-ヶ一-龠]", said), "what is not translated is the same"
    assert targets(other) == targets(one)
    for mark in (r"^\|", r"^ *- ", r"^\d+\. "):
        counts = [len(re.findall(mark, split(text)[0], flags=re.MULTILINE)) for text in (one, other)]
        assert counts[0] == counts[1], mark


@pytest.mark.parametrize(("english", "japanese"), PAIRS)
def test_a_japanese_page_names_the_same_things(english: str, japanese: str) -> None:
    """Settings, files and commands in code of the English page stand in the Japanese one as well."""
    named = r"`(MODERATION_\w+|(?:\w+/)+[\w.]+|python -m flows \w+[\w -]*)`"
    one, other = (set(re.findall(named, split(read(name))[0])) for name in (english, japanese))
    assert one == other


@pytest.mark.parametrize(("english", "japanese"), PAIRS)
def test_each_page_leads_to_the_other(english: str, japanese: str) -> None:
    """A reader of one language finds the page in the other at its head."""
    assert Path(japanese).name in "\n".join(read(english).splitlines()[:6])
    assert Path(english).name in "\n".join(read(japanese).splitlines()[:6])


@pytest.mark.parametrize("japanese", [japanese for _, japanese in PAIRS])
def test_a_japanese_page_is_in_japanese(japanese: str) -> None:
    """No paragraph was left in English."""
    text = re.sub(r"<!--.*?-->|\]\([^)]*\)|`[^`]*`|https?://\S+", "", split(read(japanese))[0])
    for line in text.splitlines():
        assert not re.search(r"(?:[A-Za-z']+ ){7}", line), line
