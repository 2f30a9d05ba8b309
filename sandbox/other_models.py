"""How the stand-in answers in another model's place, so that a change of model can be rehearsed.

There is one classifier behind all of the sandbox's models. In another model's place it is surer before it flags, by an
amount of its own for each. That says nothing about these models: it makes verdicts turn, as a change of model does.
"""

from __future__ import annotations

import hashlib
from functools import cache

from sandbox.stand_in_model import NONE, Judgement

#: Answers as the classifier itself does.
SHIPPED = "anthropic.claude-haiku-4-5-20251001-v1:0"
#: The least confidence at which another model flags lies in between.
_LEAST, _MOST = 0.6, 0.8


@cache
def flags_from(model_id: str) -> float:
    """The confidence from which a model flags; below 0.5 nothing is called a violation anyway."""
    if model_id == SHIPPED:
        return 0.5
    return _LEAST + (_MOST - _LEAST) * hashlib.sha256(model_id.encode()).digest()[0] / 255


def as_model(judgement: Judgement, model_id: str) -> Judgement:
    """What the stand-in says of a comment in the place of this model, given what the classifier says."""
    if judgement.violation and judgement.confidence < flags_from(model_id):
        return Judgement(False, NONE, judgement.confidence, "")
    return judgement
