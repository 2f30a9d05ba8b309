"""The form of one language's sentences, which `incident_text` and `problem_text` fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.base.ports import Severity
from tasks.measure.detect.rules import Group


@dataclass(frozen=True)
class Words:
    """The sentences of one language.

    Attributes:
        titles: by occasion; `one` instead of `opening` for a single measure.
        leads: the first sentence, by the same keys.
        severities: how soon to look.
        groups: in a title.
        headings: above a group's lines.
        advice: what to do about a degraded group.
        metrics: what a metric is called.
        stopped: what to do about a night that an error stopped; an unexpected one is `""`.
        reasons: why a metric is degraded, by reason code; the row's numbers go into it.
        phrases: the parts of lines.
    """

    titles: Mapping[str, str]
    leads: Mapping[str, str]
    severities: Mapping[Severity, str]
    groups: Mapping[Group, str]
    headings: Mapping[Group, str]
    advice: Mapping[Group, str]
    metrics: Mapping[str, str]
    stopped: Mapping[str, str]
    reasons: Mapping[str, str]
    phrases: Mapping[str, str]

    def metric(self, name: str) -> str:
        """What a metric is called; one that is not known here by its name."""
        return self.metrics.get(name, name.replace("_", " "))


@dataclass(frozen=True)
class NoticeWords:
    """The sentences of one language.

    Attributes:
        titles: by watcher and occasion: `wrong`, `more`, `still`, `over` or `dropped`.
        headings: above what is new, still so, over, or no longer looked at.
        problems: by kind; the facts of a problem go into it.
        advice: what to do, by kind.
        phrases: the parts of lines.
    """

    titles: Mapping[str, Mapping[str, str]]
    headings: Mapping[str, str]
    problems: Mapping[str, str]
    advice: Mapping[str, str]
    phrases: Mapping[str, str]
