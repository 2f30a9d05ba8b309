"""The text within <guideline>: read, replaced, cut into what may be dropped. All else of a prompt stays as it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import prompts
from prompts import Prompt, PromptFileError
from prompts.golden import NONE

OPENING, CLOSING = "<guideline>", "</guideline>"

_TAGS = re.compile(r"</?(?:guideline|comments?)\b|\{\{comments?\}\}")
_EXAMPLE = re.compile(r'"[^"\n]+"')
_EXCEPTION = re.compile(r"\s*\bNot: [^\n]*")
#: What is left between the pieces of a sentence when an example goes, and what should stand there.
_LEFTOVERS = (
    (re.compile(r"[ \t]{2,}"), " "),
    (re.compile(r" +([.,;:)])"), r"\1"),
    (re.compile(r"\([,;]\s*"), "("),
    (re.compile(r"[,;]\)"), ")"),
    (re.compile(r"\(\s*[,;]?\s*\)"), ""),
    (re.compile(r"[,:;]+\."), "."),
    (re.compile(r",(?:\s*,)+"), ","),
    (re.compile(r"([.:]) ?[,.]"), r"\1"),
    (re.compile(r"[:,]\s*$", re.MULTILINE), "."),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
    (re.compile(r"\n{3,}"), "\n\n"),
)


class GuidelineUnfit(ValueError):
    """A text cannot stand within <guideline>; the message says why."""


class Cut(NamedTuple):
    """A guideline without one of its parts.

    Attributes:
        guideline: what is left.
        saved_count: characters that it is shorter by.
        what: what was dropped, in words.
    """

    guideline: str
    saved_count: int
    what: str


def read_guideline(prompt: Prompt) -> str:
    """What stands within the prompt's <guideline>.

    Raises:
        GuidelineUnfit: if it has none, or several.
    """
    inner = re.findall(rf"{OPENING}(.*?){CLOSING}", prompt.system, re.DOTALL)
    if len(inner) != 1 or prompt.system.count(OPENING) != 1 or prompt.system.count(CLOSING) != 1:
        raise GuidelineUnfit(f"{prompt.id}/{prompt.version} needs exactly one {OPENING} in its system part")
    return str(inner[0]).strip("\n")


def with_guideline(prompt: Prompt, guideline: str, version: str) -> Prompt:
    """The prompt with another guideline under another version, and not a byte changed beside.

    Raises:
        GuidelineUnfit: if the text is empty, has a tag of the prompt's own in it, or could not be written to a file.
    """
    if not guideline.strip():
        raise GuidelineUnfit("it is empty")
    if _TAGS.search(guideline):
        raise GuidelineUnfit("it holds a tag or a mark of the prompt itself")
    start = prompt.system.index(OPENING) + len(OPENING)
    end = prompt.system.index(CLOSING)
    system = f"{prompt.system[:start]}\n{guideline.strip()}\n{prompt.system[end:]}"
    changed = prompt.model_copy(update={"system": system, "version": version, "notes": ""})
    # A copy keeps what was computed of the original: only a new one has a hash of its own.
    draft = Prompt(**changed.model_dump())
    try:
        prompts.render(draft)
    except PromptFileError as error:
        raise GuidelineUnfit(str(error)) from None
    return draft


def next_version(name: str) -> str:
    """The version that the catalog's next one of a prompt will be."""
    numbers = [int(version[1:]) for prompt, version in prompts.versions() if prompt == name]
    return f"v{max(numbers, default=0) + 1}"


def lost_names(guideline: str, before: str, categories: Collection[str]) -> list[str]:
    """Categories that a guideline does not name any more, which the one before did."""
    rules = [name for name in categories if name != NONE]
    return [name for name in rules if _names(before, name) and not _names(guideline, name)]


def cuts(guideline: str, categories: Collection[str]) -> list[Cut]:
    """The guideline without one line, one exception or one example, each in turn; the largest saving first."""
    found: dict[str, Cut] = {}
    for start, end, what in _parts(guideline, categories):
        rest = _tidy(guideline[:start] + guideline[end:])
        if rest.strip() and len(rest) < len(guideline):
            found.setdefault(rest, Cut(rest, len(guideline) - len(rest), what))
    return sorted(found.values(), key=lambda cut: (-cut.saved_count, cut.what, cut.guideline))


def _parts(guideline: str, categories: Collection[str]) -> Iterator[tuple[int, int, str]]:
    start = 0
    for line in guideline.split("\n"):
        end, name = start + len(line), line.partition(":")[0].strip()
        if name in categories:
            if exception := _EXCEPTION.search(line):
                yield start + exception.start(), start + exception.end(), f"the exception of {name}"
        elif line.strip():
            yield start, min(end + 1, len(guideline)), f"the line {_brief(line)}"
        for example in _EXAMPLE.finditer(line):
            if example[0].strip('"') not in categories:
                yield start + example.start(), start + example.end(), f"the example {_brief(example[0])}"
        start = end + 1


def _brief(text: str) -> str:
    words = text.strip('"')
    return words if len(words) <= 30 else f"{words[:30].strip()} ..."


def _tidy(text: str) -> str:
    for pattern, instead in _LEFTOVERS:
        text = pattern.sub(instead, text)
    return text.strip()


def _names(guideline: str, category: str) -> bool:
    return re.search(rf"\b{re.escape(category)}\b", guideline) is not None
