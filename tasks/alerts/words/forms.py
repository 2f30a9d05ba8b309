"""The form of one language's sentences, which `message`, `metric_text` and `problem_text` fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.base.ports import Severity
from tasks.measure.detect.rules import Group


@dataclass(frozen=True)
class Words:
    """The sentences of one language.

    Attributes:
        titles: by occasion: a move that is told, or `dropped`.
        leads: the first sentence about degraded metrics, by group; `blind` where labels do not come.
        occasions: why the message comes, where it is not the first.
        severities: how soon to look.
        groups: in a title.
        advice: what to do about a degraded group.
        metrics: what a metric is called.
        stopped: what to do about a night that an error stopped; an unexpected one is `""`.
        reasons: why a metric is degraded, by reason code; the row's numbers go into it.
        silences: what a title says of a metric without a value, by reason code.
        phrases: the parts of lines.
    """

    titles: Mapping[str, str]
    leads: Mapping[str, str]
    occasions: Mapping[str, str]
    severities: Mapping[Severity, str]
    groups: Mapping[Group, str]
    advice: Mapping[Group, str]
    metrics: Mapping[str, str]
    stopped: Mapping[str, str]
    reasons: Mapping[str, str]
    silences: Mapping[str, str]
    phrases: Mapping[str, str]

    def metric(self, name: str) -> str:
        """What a metric is called; one that is not known here by its name."""
        return self.metrics.get(name, name.replace("_", " "))


@dataclass(frozen=True)
class NoticeWords:
    """What a language says of problems that are no metric.

    Attributes:
        heads: in a title, by kind.
        problems: by kind; the facts of a problem go into it.
        ends: that it is over, by kind; for kinds without a sentence of their own `""`.
        advice: what to do, by kind.
    """

    heads: Mapping[str, str]
    problems: Mapping[str, str]
    ends: Mapping[str, str]
    advice: Mapping[str, str]
