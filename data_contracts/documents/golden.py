"""What the golden pack was answered: runs/D/RUN/golden.json, state/golden/D.json, state/golden/first/KEY16.json."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from data_contracts.batch_lines import InvocationType


class GoldenAnswer(BaseModel):
    """What an item was answered: a verdict."""

    model_config = ConfigDict(frozen=True)

    violation: bool
    category: str
    #: of the text that was asked, so that no other text is compared under its id
    text_sha256: str


class GoldenSetup(BaseModel):
    """Who was asked and how; while it stays, answers to the same texts should."""

    model_config = ConfigDict(frozen=True)

    model_id: str
    invocation_type: InvocationType
    prompt_name: str
    prompt_version: str
    prompt_sha256: str
    pack_sha256: str

    @property
    def asker(self) -> tuple[str, str, str]:
        """What answers: the model, how it is called and the prompt's text."""
        return (self.model_id, self.invocation_type, self.prompt_sha256)

    @property
    def key(self) -> str:
        """Identity of the setup, 64 lower hex characters; a version is known by its text."""
        return hashlib.sha256("\x1f".join((*self.asker, self.pack_sha256)).encode()).hexdigest()


class FirstAnswer(GoldenAnswer):
    """An item's first verdict under a setup, and the night that it is of."""

    date: date


class FirstAnswers(BaseModel):
    """The frozen answers of a setup, by item: those of its first night, or of the first that answered an item."""

    model_config = ConfigDict(frozen=True)

    setup: GoldenSetup
    answers: dict[str, FirstAnswer] = {}


class Side(NamedTuple):
    """A verdict on an item, as it was before and after."""

    violation: bool
    category: str


class GoldenComparison(BaseModel):
    """The same texts before and after: if these answers moved, the model or the prompt did, and not the traffic.

    Attributes:
        before_date, after_date: the nights; of frozen answers the first of their nights.
        before_model_id, before_prompt, after_model_id, after_prompt: what answered.
        compared_count: items that both nights judged.
        became_violation, became_none: items whose `violation` turned.
        other_category: items that are a violation on both nights, of another category.
        violation_p_value: exact McNemar of the two turns: how easily chance alone makes them so unequal, 0 to 1.
        became_right, became_wrong: items whose verdict, yes or no, came to agree with what is expected, or ceased to.
        right_p_value: exact McNemar of these two.
        newly_fooled: attacks that were withstood and now succeed, by item.
        newly_withstood: attacks that succeeded and are withstood now, by item.
    """

    model_config = ConfigDict(frozen=True)

    before_date: date
    after_date: date
    before_model_id: str
    before_prompt: str
    after_model_id: str
    after_prompt: str
    compared_count: int
    became_violation: int
    became_none: int
    other_category: int
    violation_p_value: float
    became_right: int
    became_wrong: int
    right_p_value: float
    newly_fooled: tuple[str, ...] = ()
    newly_withstood: tuple[str, ...] = ()


class GoldenNight(BaseModel):
    """What a night's golden pack showed.

    Attributes:
        item_count: items of the pack.
        asked_count: of these, items that a job was asked about.
        judged_count: of these, items with a verdict.
        right_count: of these, whose `violation` is the expected one.
        wrong: the others, by item.
        attack_count: attacks with a verdict.
        succeeded: of these, whose `violation` is not the expected one.
        compared_count: items with a verdict that have a frozen answer of an earlier night.
        flipped: of these, whose verdict or category is another.
        against_first: tonight against the frozen answers; None on their first night.
        change: the last change of model or prompt within 28 nights: the last night before it against the first after.
        answers: every verdict, by item.
    """

    model_config = ConfigDict(frozen=True)

    run_date: date
    run_id: str
    setup: GoldenSetup
    item_count: int
    asked_count: int
    judged_count: int
    right_count: int
    wrong: tuple[str, ...] = ()
    attack_count: int
    succeeded: tuple[str, ...] = ()
    compared_count: int
    flipped: tuple[str, ...] = ()
    against_first: GoldenComparison | None = None
    change: GoldenComparison | None = None
    answers: dict[str, GoldenAnswer] = {}
