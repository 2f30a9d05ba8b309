"""A stand-in for a judge of explanations: it goes by rote, and by position where it does not know.

It knows the explanations that the sandbox's own classifier gives, and calls any other one by its looks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import prompts
from sandbox.stand_in_model import EXPLANATIONS

_TITLES = "CATEGORY|RULE|COMMENT|EXPLANATION|FIRST|SECOND"
_SECTIONS = re.compile(rf"^({_TITLES})\n(.*?)(?=\n\n(?:{_TITLES})\n|\Z)", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"\(([a-z]+)\) (.*)", re.DOTALL)
_MOST_WORDS = 20


def judge(prompt_text: str) -> str | None:
    """The reply's JSON text; None where the prompt is no question of the judge's."""
    parts = dict(_SECTIONS.findall(prompts.unescape(prompt_text)))
    if {"CATEGORY", "COMMENT", "EXPLANATION"} <= parts.keys():
        return json.dumps(_criteria(parts))
    if {"COMMENT", "FIRST", "SECOND"} <= parts.keys():
        return json.dumps({"better": _better(parts)})
    return None


def _criteria(parts: Mapping[str, str]) -> dict[str, bool]:
    words, category = parts["EXPLANATION"], parts["CATEGORY"]
    is_known = words == EXPLANATIONS.get(category)
    return {
        "names_rule": is_known or len(words.split()) >= 5,
        "fits_category": is_known or category in words.lower(),
        "quotes_nothing": words.lower() not in parts["COMMENT"].lower(),
        "adds_no_fact": not re.search(r"\d", words),
        "language_and_length": words.isascii() and len(words.split()) <= _MOST_WORDS,
    }


def _better(parts: Mapping[str, str]) -> str:
    """The one that it knows; of two that it knows or does not know, the one that it saw first."""
    known = {}
    for name in ("FIRST", "SECOND"):
        shown = _SHOWN.fullmatch(parts[name])
        known[name] = shown is not None and EXPLANATIONS.get(shown[1]) == shown[2]
    if known["FIRST"] == known["SECOND"]:
        return "first"
    return "first" if known["FIRST"] else "second"
