"""Figures as people read them: counts, shares, dollars, dates."""

from __future__ import annotations

import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

#: What stands where there is no number.
NONE = "–"


def number(value: object) -> float | None:
    """The value if it is a finite number."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def count(value: float | None) -> str:
    """A count with thousands separators."""
    return NONE if number(value) is None else f"{value:,.0f}"


def p_value(probability: float) -> str:
    """A p-value to two digits, as far down as anybody cares."""
    return "< 0.001" if probability < 0.001 else f"{probability:.2g}"


def percent(fraction: float | None) -> str:
    """A fraction as percent: two decimals below ten percent, where they matter, else one; none for nothing and all."""
    if number(fraction) is None or fraction is None:
        return NONE
    return f"{fraction:.0%}" if fraction in (0, 1) else f"{fraction:.{2 if abs(fraction) < 0.1 else 1}%}"


def dollars(usd: float | None) -> str:
    """An amount for people; an unknown one says so, and a tiny one does not look like nothing."""
    if number(usd) is None or usd is None:
        return "unknown"
    if usd and abs(usd) < 0.0001:
        return "under $0.0001"
    return f"{'-' if usd < 0 else ''}${abs(usd):,.{4 if 0 < abs(usd) < 1 else 2}f}"


def per_thousand(cost: float | None, comment_count: int) -> float | None:
    """Dollars per 1,000 comments; None if the cost is unknown or there were none."""
    return None if cost is None or not comment_count else 1000 * cost / comment_count


def long_date(day: str) -> str:
    """A date with its weekday, which explains many a number."""
    return f"{date.fromisoformat(day):%A %-d %B %Y}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """A time to the minute on the clock of a zone, which is named: everything that people read has the same clock."""
    local = at.astimezone(zone)
    name = local.tzname() or ""
    return f"{local:%Y-%m-%d %H:%M} {name if name.isalpha() else zone.key}"
