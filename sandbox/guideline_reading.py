"""How the stand-in takes a guideline that is not the shipped one, so that a change of prompt can be rehearsed.

The classifier itself reads comments alone. What it says under the shipped guideline stays as it is, byte for byte;
under another one it is surer before it flags, flags less of what the guideline no longer forbids in the same words, and
flags more where nothing is said to be allowed.
"""

from __future__ import annotations

import re
from functools import cache

import prompts
from sandbox.stand_in_model import EXPLANATIONS, NONE, Judgement

_GUIDELINE = re.compile(r"<guideline>\n?(.*?)\n?</guideline>", re.DOTALL)
_CATEGORY = re.compile(r"^([a-z_]+): (.*)$", re.MULTILINE)
_ALLOWED = "Allowed:"
#: Confidence below which another guideline changes a judgement, and that below which a changed category does.
_UNSURE, _UNSURE_OF_CHANGED = 0.7, 0.9
#: What is read into harsh words that nothing allows, and how surely.
_HARSH, _HARSH_CONFIDENCE = "harassment", 0.55


def read_guideline(prompt_text: str) -> str | None:
    """The guideline of a prompt; None where it has none."""
    match = _GUIDELINE.search(prompt_text)
    return match[1] if match else None


@cache
def shipped_guideline() -> str:
    """The first version's."""
    return read_guideline(prompts.load("comment_review", "v1").system) or ""


def under_guideline(judgement: Judgement, guideline: str | None) -> Judgement:
    """What the stand-in says of a comment under this guideline, given what it says under the shipped one."""
    if guideline is None or guideline == shipped_guideline():
        return judgement
    if judgement.violation:
        is_same = _categories(guideline).get(judgement.category) == _categories(shipped_guideline())[judgement.category]
        is_flagged = judgement.confidence >= (_UNSURE if is_same else _UNSURE_OF_CHANGED)
        return judgement if is_flagged else Judgement(False, NONE, judgement.confidence, "")
    if _ALLOWED not in guideline and judgement.confidence < _UNSURE and _HARSH in _categories(guideline):
        return Judgement(True, _HARSH, _HARSH_CONFIDENCE, EXPLANATIONS[_HARSH])
    return judgement


@cache
def _categories(guideline: str) -> dict[str, str]:
    return dict(_CATEGORY.findall(guideline))
