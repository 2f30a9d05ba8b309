"""Stand-ins for a model that reflects on a guideline: one helps, one harms, one copies what it was shown.

They read the optimiser's question and answer its object. What they know is what the stand-in of `marked_mind` judges
by; nothing of it says how well a real model reflects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import prompts

_TITLES = "ROUND|CATEGORIES|PRESENT GUIDELINE|MISTAKES|TRIED BEFORE"
_SECTIONS = re.compile(rf"^({_TITLES})\n(.*?)(?=\n\n(?:{_TITLES})\n|\Z)", re.MULTILINE | re.DOTALL)
_MISTAKE = re.compile(r"^[0-9]+\. It is .*?, and was judged .*?: (.*)$", re.MULTILINE)

#: The rule that the helping one adds, and the rule that the harming one takes away.
HELP = "Offers of refund vouchers in return for money or data are fraud."
HARM = "Judge masked spellings"
#: What the harming one writes instead, to be heard.
_HARMFUL = "Take every unusual spelling for a slip of the pen."


def read_question(prompt_text: str) -> Mapping[str, str] | None:
    """The parts of the optimiser's question; None if this is none."""
    parts = dict(_SECTIONS.findall(prompts.unescape(prompt_text)))
    return parts if "PRESENT GUIDELINE" in parts and "MISTAKES" in parts else None


def helps(parts: Mapping[str, str]) -> str:
    """The guideline and one rule more, if it lacks it; else without its longest line that names no category."""
    guideline = parts["PRESENT GUIDELINE"]
    if HELP not in guideline:
        return f"{guideline}\n{HELP}"
    return guideline.replace("Do not guess facts that are not in the comment.", "").strip()


def harms(parts: Mapping[str, str]) -> str:
    """The guideline with a rule turned round."""
    lines = parts["PRESENT GUIDELINE"].split("\n")
    return "\n".join(_HARMFUL if line.startswith(HARM) else line for line in lines)


def copies(parts: Mapping[str, str]) -> str:
    """The guideline and every text that it was shown, as if they were rules."""
    shown = "\n".join(f'Such as "{text}" is a violation.' for text in _MISTAKE.findall(parts["MISTAKES"]))
    return f"{parts['PRESENT GUIDELINE']}\n{HELP}\n{shown}"


REFLECTORS: Mapping[str, Callable[[Mapping[str, str]], str]] = {"helps": helps, "harms": harms, "copies": copies}


def reflect(prompt_text: str, reflector: str) -> str | None:
    """The reply's JSON text; None where the prompt is not the optimiser's question."""
    parts = read_question(prompt_text)
    if parts is None:
        return None
    guideline = REFLECTORS[reflector](parts)
    return json.dumps({"guideline": guideline, "why": f"the stand-in that {reflector}"}, ensure_ascii=False)
