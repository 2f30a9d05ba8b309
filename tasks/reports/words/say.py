"""Says things in the language of the setting LANGUAGE: texts of the page, sentences from codes, figures, dates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from functools import cache

from markupsafe import Markup

from data_contracts.documents.trust import Said
from data_contracts.tables.metrics import Kind, MetricRow
from tasks.alerts.words import WORDS
from tasks.base.figures import NONE, count, dollars, long_date, number, percent
from tasks.base.safe_text import brief
from tasks.reports.words.english import ENGLISH
from tasks.reports.words.forms import ReportWords
from tasks.reports.words.japanese import JAPANESE

#: By the setting LANGUAGE.
LANGUAGES: Mapping[str, ReportWords] = {"en": ENGLISH, "ja": JAPANESE}
_WEEKDAYS = "月火水木金土日"
#: Facts of a sentence that are shares, and those that are counts; all others are words.
_SHARES = frozenset({"share", "value", "baseline", "low", "high"})
_COUNTS = frozenset({"count", "valid", "lacking", "n", "days"})


class Say:
    """One language.

    Args:
        language: a value of the setting LANGUAGE.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.words = LANGUAGES[language]

    def __call__(self, text: str, **facts: object) -> Markup:
        """A text of the page with its facts, which are escaped."""
        return Markup(self.words.page.get(text, text)).format(**facts)

    def plain(self, text: str, **facts: object) -> str:
        """The same where nothing is to be escaped."""
        return self.words.page.get(text, text).format(**facts)

    def metric(self, name: str) -> str:
        """What people call a metric."""
        return self.words.typical.get(name) or WORDS[self.language].metric(name)

    def reason(self, said: Said) -> str:
        """Why a night can be trusted or not."""
        return self._filled(self.words.reasons[said.code], said)

    def step(self, said: Said) -> str:
        """What to do."""
        return self._filled(self.words.steps[said.code], said)

    def _filled(self, text: str, said: Said) -> str:
        metric = str(said.facts.get("metric") or "")
        return text.format_map({name: self._fact(name, value, metric) for name, value in said.facts.items()})

    def _fact(self, name: str, value: float | int | str | None, metric: str) -> str:
        if name == "metric":
            return self.metric(metric)
        if name == "what":
            return self.words.versions[str(value)]
        if isinstance(value, str):
            return brief(value, 120)
        if name in _COUNTS:
            return count(value)
        if name in _SHARES and metric not in self.words.typical:
            return percent(value)
        return NONE if value is None else f"{value:,.1f}"

    def why(self, row: MetricRow) -> str:
        """Why a measurement says what it says, in this language where it has a code for it."""
        words = WORDS[self.language]
        if self.language == "en" or row.reason_code is None:
            return row.reason or ""
        if row.reason_code in self.words.codes:
            return next(text for code, text in self.words.codes.items() if code == row.reason_code)
        if row.reason_code not in words.reasons:
            return row.reason or ""
        numbers = {"x": row.x, "n": row.n, "evidence_limit": row.evidence_limit}
        facts = {name: count(value) for name, value in numbers.items()}
        facts["statistic"] = NONE if row.statistic is None else f"{abs(row.statistic):,.0f}"
        return words.reasons[row.reason_code].format_map(facts)

    def dollars(self, usd: float | None) -> str:
        """An amount; an unknown one says so."""
        return self.plain("unknown") if number(usd) is None else dollars(usd)

    def amount(self, value: float | None, row: MetricRow, *, signed: bool = False) -> str:
        """A value of a metric's own kind; a signed one is a change: of a share in percentage points.

        A mean of ln(1 + x) is told as the x that it stands for, and its change in percent.
        """
        if number(value) is None or value is None:
            return NONE
        if row.metric in self.words.typical:
            return f"{math.expm1(value):+.1%}" if signed else f"{math.expm1(value):,.1f}"
        sign = ("+" if value >= 0 else "-") if signed else ""
        size = abs(value) if signed else value
        if row.kind == Kind.RATE:
            return self.plain("{points} points", points=f"{sign}{100 * size:.2f}") if signed else percent(size)
        if row.metric.endswith("_usd"):
            return sign + dollars(size)
        return f"{sign}{size:,.3f}" if row.kind == Kind.MEAN else f"{sign}{size:,.0f}"

    def interval(self, row: MetricRow) -> str:
        """Both ends of a row's 95 % interval."""
        if number(row.ci_low) is None or number(row.ci_high) is None:
            return NONE
        return self.plain("{low} to {high}", low=self.amount(row.ci_low, row), high=self.amount(row.ci_high, row))

    def between(self, low: float | None, high: float | None) -> str:
        """Both ends of an interval of a share."""
        if number(low) is None or number(high) is None:
            return NONE
        return self.plain("{low} to {high}", low=percent(low), high=percent(high))

    def duration(self, seconds: float | None) -> str:
        """Seconds as people say them."""
        if number(seconds) is None or seconds is None:
            return NONE
        hours, minutes = divmod(round(seconds / 60), 60)
        if hours:
            return self.plain("{hours} h {minutes:02d} min", hours=hours, minutes=minutes)
        if seconds >= 60:
            return self.plain("{minutes:.1f} min", minutes=seconds / 60)
        return self.plain("{seconds:.1f} s", seconds=seconds)

    def long_date(self, day: str) -> str:
        """A date with its weekday, which explains many a number."""
        if self.language == "ja":
            given = date.fromisoformat(day)
            return f"{given.year}年{given.month}月{given.day}日({_WEEKDAYS[given.weekday()]})"
        return long_date(day)


@cache
def say_in(language: str) -> Say:
    """The sayer of a language."""
    return Say(language)
