"""A stand-in model whose accuracy really depends on marked parts of the guideline, to try optimisers on.

A comment says by one word of which kind it is. Most kinds are judged rightly only under a guideline that has the kind's
phrase in it, so that a rule gained or lost is a figure gained or lost; all other words of a guideline only cost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sandbox import stand_in_model
from sandbox.stand_in_model import EXPLANATIONS, NONE
from sandbox.stand_ins import explanation_judge
from sandbox.stand_ins.reflectors import HELP, reflect


class Kind(NamedTuple):
    """A kind of comment.

    Attributes:
        word: that says so.
        category: what it is, in truth.
        phrase: without which a guideline leads to the wrong verdict; None: it is always judged rightly.
        mistaken: the category that it is given then.
    """

    word: str
    category: str
    phrase: str | None = None
    mistaken: str = NONE


#: The shipped guideline has every phrase but that of the last kind.
KINDS = (
    Kind("plainspam", "spam"),
    Kind("m4sked", "spam", "masked spellings"),
    Kind("codeword", "spam", "coupon codes"),
    Kind("reported", NONE, "quoting abuse", "harassment"),
    Kind("vouchr", "fraud", "refund vouchers"),
)


class Judgement(NamedTuple):
    """What it says of a comment, and the kind that it saw."""

    violation: bool
    category: str
    confidence: float
    explanation: str
    kind: Kind | None = None


class MarkedMind:
    """See `sandbox.bedrock.inference.Mind`, `Reading` and `Replying`.

    Args:
        reflector: which of `sandbox.stand_ins.reflectors` answers when it is asked about its guideline.
    """

    def __init__(self, reflector: str = "helps") -> None:
        self._reflector = reflector

    def read_comment(self, prompt_text: str) -> str | None:
        """See Mind."""
        return stand_in_model.read_comment(prompt_text)

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """See Mind; the kind's truth, which the guideline may still spoil."""
        return [_judgement(next((kind for kind in KINDS if kind.word in text), None)) for text in texts]

    def under_guideline(self, judgement: Any, prompt_text: str) -> Judgement:
        """See Reading."""
        kind: Kind | None = judgement.kind
        if kind is None or kind.phrase is None or kind.phrase in prompt_text:
            return Judgement(*judgement)
        return _of_category(kind.mistaken)

    def answer(self, judgement: Any) -> str:
        """See Mind."""
        fields = ("violation", "category", "confidence", "explanation")
        return json.dumps({name: getattr(judgement, name) for name in fields})

    def rewrite(self, text: str) -> str:
        """See Rewriting; it brings the rule that helps."""
        return f"{text}\n{HELP}"

    def reply(self, prompt_text: str) -> str | None:
        """See Replying."""
        return reflect(prompt_text, self._reflector) or explanation_judge.judge(prompt_text)


def _judgement(kind: Kind | None) -> Judgement:
    return _of_category(NONE if kind is None else kind.category)._replace(kind=kind)


def _of_category(category: str) -> Judgement:
    is_violation = category != NONE
    return Judgement(is_violation, category, 0.9, EXPLANATIONS[category] if is_violation else "")
