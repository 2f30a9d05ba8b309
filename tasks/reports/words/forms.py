"""The form of one language's sentences, which `say` fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from data_contracts.documents.trust import Answer
from data_contracts.tables.metrics import ReasonCode


@dataclass(frozen=True)
class ReportWords:
    """The sentences of one language.

    Attributes:
        answers: whether verdicts can be trusted, in a word or two.
        reasons: why, by the code of `trust`.
        steps: what to do, by code.
        versions: what a change is of: prompt or model.
        states: how a day stands in the overview.
        groups: where something is not as it should be.
        labels: what an accuracy was measured on.
        codes: why a measurement says what it says; a code that is not here is told by the row itself.
        typical: what a mean of ln(1 + x) is shown as, by metric.
        page: the page's texts, by their English.
    """

    answers: Mapping[Answer, str]
    reasons: Mapping[str, str]
    steps: Mapping[str, str]
    versions: Mapping[str, str]
    states: Mapping[str, str]
    groups: Mapping[str, str]
    labels: Mapping[str, str]
    codes: Mapping[ReasonCode, str]
    typical: Mapping[str, str]
    page: Mapping[str, str]
