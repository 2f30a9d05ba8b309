"""The guideline of a prompt, cut into what holds for all categories and what holds for each.

The prompt is written for a model, and people judge by the same words. Any prompt can be cut: where a category has no
part of its own, the whole guideline stands beside it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from prompts import Prompt

NO_VIOLATION = "none"

_GUIDELINE = re.compile(r"<guideline>\s*(.*?)\s*</guideline>", re.DOTALL)
#: What may stand before a category's name: a heading's marks, a list's, a number.
_BEFORE = r"^[ \t]*(?:#{1,6}[ \t]*|[-*+][ \t]+|\d+[.)][ \t]*)?"


class Guideline(NamedTuple):
    """The words that a rater judges by.

    Attributes:
        general: what holds for every category.
        parts: what holds for a category, its name left out.
        whole: all of it, as it is written.
    """

    general: str
    parts: dict[str, str]
    whole: str

    def beside(self, category: str) -> str:
        """What to show beside a category."""
        return self.parts.get(category) or (self.general if category == NO_VIOLATION else self.whole)


def read_guideline(prompt: Prompt) -> Guideline:
    """Cut the guideline of a prompt: what stands in its `<guideline>`, or all that the system part says."""
    found = _GUIDELINE.search(prompt.system)
    whole = found[1] if found else prompt.system.strip()
    general: list[str] = []
    parts: dict[str, list[str]] = {}
    current = general
    under_heading = False
    for line in whole.splitlines():
        start = _start_of_part(line, prompt.categories)
        if start is not None:
            category, rest, under_heading = start
            current = parts.setdefault(category, [])
            current += [rest] if rest else []
            continue
        # What has a heading goes on to the next one; what has none is one paragraph.
        if line.startswith("#") if under_heading else not line.strip():
            current = general
        current.append(line)
    return Guideline(_tidy(general), {name: text for name, lines in parts.items() if (text := _tidy(lines))}, whole)


def _start_of_part(line: str, categories: tuple[str, ...]) -> tuple[str, str, bool] | None:
    """The category that a line begins the part of, what the line says of it, and whether it is a heading."""
    names = "|".join(re.escape(name) for name in categories)
    found = re.match(rf"{_BEFORE}[*_`\"']*({names})[*_`\"']*[ \t]*(?:[:：—–-][*_]*[ \t]*(.*))?$", line, re.IGNORECASE)
    if found is None:
        return None
    is_heading = line.lstrip().startswith("#")
    if found[2] is None and not is_heading:
        return None
    by_name = {name.casefold(): name for name in categories}
    return by_name[found[1].casefold()], (found[2] or "").strip(), is_heading


def _tidy(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
