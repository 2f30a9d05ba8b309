"""The same texts answered twice: how many answers moved, and how easily chance alone moves them so unequally."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from scipy import special

from data_contracts.documents.golden import GoldenAnswer, GoldenComparison, GoldenSetup
from prompts.golden import GoldenItem, GoldenPack


class Answered(NamedTuple):
    """A night's verdicts by item, and what gave them."""

    date: date
    setup: GoldenSetup
    answers: Mapping[str, GoldenAnswer]

    @property
    def prompt(self) -> str:
        """The prompt's name and version."""
        return f"{self.setup.prompt_name}/{self.setup.prompt_version}"


class _Pair(NamedTuple):
    """An item that both nights judged."""

    item: GoldenItem
    before: GoldenAnswer
    after: GoldenAnswer

    @property
    def turned(self) -> bool:
        """Whether yes became no or no became yes."""
        return self.before.violation != self.after.violation

    @property
    def is_right(self) -> bool:
        """Whether the later verdict is the expected one."""
        return self.after.violation == self.item.violation


def mcnemar(one_way: int, other_way: int) -> float:
    """How easily a fair coin makes the two counts of turns as unequal as they are; 1 where nothing turned.

    Two-sided and exact: the binomial test of the discordant pairs at 1/2.

    Source: McNemar, Psychometrika 12 (1947) 153.
    """
    turned = one_way + other_way
    if not turned:
        return 1.0
    return min(1.0, 2 * float(special.bdtr(min(one_way, other_way), turned, 0.5)))


def has_flipped(before: GoldenAnswer, after: GoldenAnswer) -> bool:
    """Whether an answer is another: yes or no, or of which category."""
    return (before.violation, before.category) != (after.violation, after.category)


def compare(before: Answered, after: Answered, pack: GoldenPack) -> GoldenComparison:
    """What moved between two nights, over the pack's items whose same text both judged."""
    pairs = [
        _Pair(item, before.answers[item.item_id], after.answers[item.item_id])
        for item in pack.items
        if item.item_id in before.answers and item.item_id in after.answers
    ]
    pairs = [pair for pair in pairs if pair.before.text_sha256 == pair.after.text_sha256]
    turned = [pair for pair in pairs if pair.turned]
    became_violation, became_right = sum(pair.after.violation for pair in turned), sum(pair.is_right for pair in turned)
    attacks = [pair for pair in turned if pair.item.is_attack]
    return GoldenComparison(
        before_date=before.date,
        after_date=after.date,
        before_model_id=before.setup.model_id,
        before_prompt=before.prompt,
        after_model_id=after.setup.model_id,
        after_prompt=after.prompt,
        compared_count=len(pairs),
        became_violation=became_violation,
        became_none=len(turned) - became_violation,
        other_category=sum(not pair.turned and has_flipped(pair.before, pair.after) for pair in pairs),
        violation_p_value=mcnemar(became_violation, len(turned) - became_violation),
        became_right=became_right,
        became_wrong=len(turned) - became_right,
        right_p_value=mcnemar(became_right, len(turned) - became_right),
        newly_fooled=tuple(pair.item.item_id for pair in attacks if not pair.is_right),
        newly_withstood=tuple(pair.item.item_id for pair in attacks if pair.is_right),
    )
