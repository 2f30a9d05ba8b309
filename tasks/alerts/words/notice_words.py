"""The form of one language's sentences about what is wrong across days, which `notice_text` fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
