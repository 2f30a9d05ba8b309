"""The form of one language's sentences, which `incident_text` and `problem_text` fill in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tasks.base.ports import Severity
from tasks.measure.metric_rules import Group


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
        reasons: patterns of English reasons in the metrics table, and how they are said; the rest stays as it is.
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
    reasons: tuple[tuple[str, str], ...]
    phrases: Mapping[str, str]

    def reason(self, text: str) -> str:
        """A reason from the metrics table in this language; its parts are apart by semicolons."""
        return self.phrases["between_reasons"].join(map(self._part, text.split("; ")))

    def _part(self, text: str) -> str:
        for pattern, said in self.reasons:
            if found := re.fullmatch(pattern, text):
                return found.expand(said)
        return text


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
