"""How the stand-in reads several comments at once: less carefully, the more there are and the later one stands.

So it is said of models: several questions in one prompt are answered worse than each by itself, more so with more of
them, and the same one otherwise in another place. By how much is made up here; what a real model loses has to be
measured (`python -m flows evaluate run NAME --candidate policy=packed`).
Source: Lin et al., "BatchPrompt", arXiv 2309.00384; Cheng et al., "Batch Prompting", arXiv 2301.08721.
"""

from __future__ import annotations

import hashlib
import re

from sandbox.stand_in_model import EXPLANATIONS, NONE, Judgement

_COMMENT = re.compile(r'<comment id="(s\d\d)">\n?([^<>]*?)\n?</comment>')

#: Confidence by which a comment's judgement may shift for each further comment beside it.
_SHIFT = 0.012
#: What harsh words are taken for where it errs to the other side.
_HARSH = "harassment"


def read_pack(prompt_text: str) -> dict[str, str]:
    """The comments of a prompt that asks about several, by their places; none in any other."""
    found = _COMMENT.findall(prompt_text)
    return {slot: text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for slot, text in found}


def beside_others(judgement: Judgement, comment: str, place: int, size: int) -> Judgement:
    """What the stand-in says of a comment in a pack, given what it says of it alone.

    Args:
        place: of the comment, from 0.
        size: comments of the pack.
    """
    digest = hashlib.sha256(f"{size} {place} {comment}".encode("utf-8", "surrogatepass")).digest()
    shift = _SHIFT * (size - 1) * (0.5 + place / size) * digest[0] / 255
    if judgement.violation and judgement.confidence < 0.5 + shift:
        return Judgement(False, NONE, judgement.confidence, "")
    if not judgement.violation and judgement.confidence < 0.5 + shift / 2:
        return Judgement(True, _HARSH, judgement.confidence, EXPLANATIONS[_HARSH])
    return judgement
