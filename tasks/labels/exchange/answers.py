"""From a row of a file to an answer: what each cell must say, and what a spreadsheet may have made of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from data_contracts.tables.labels import LabelSource
from tasks.base.ports import CLOCK_SKEW
from tasks.base.safe_text import brief, inert
from tasks.labels.truth import NO_CATEGORY

_DAY = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]0?0:00(?::00)?)?")
#: A time as spreadsheets in Japan show it, up to the hour.
_SHOWN = re.compile(r"\A(\d{4})[-/](\d\d?)[-/](\d\d?)(?:[T ](\d\d?):)?")
_MOST_LABELER_CHARS = 100
#: Spreadsheets begin with 1900, and take an empty cell for its first day.
_FIRST_YEAR = 2000
#: What a row without a request may say of how it came.
SOURCES = (LabelSource.OVERTURN, LabelSource.PLANTED)


class Answer(NamedTuple):
    """What a rater said of a comment.

    Attributes:
        labeled_at: None if the row does not say.
        source: what the row itself says of how it came; None if it does not.
    """

    run_date: date
    comment_id: str
    labeler: str
    violation: bool
    category: str
    labeled_at: datetime | None
    source: LabelSource | None


class Rules(NamedTuple):
    """What answers are held against: the prompt's categories, the zone of times without one, the time that it is."""

    categories: Collection[str]
    zone: ZoneInfo
    now: datetime


def read_answer(values: Mapping[str, Any], rules: Rules) -> Answer | None:
    """A row's answer; None if the rater has left it open.

    Raises:
        ValueError: with what is wrong with it.
    """
    violation = _violation(values.get("violation"))
    told = _text(values.get("category")).casefold()
    if violation is None:
        if not told:
            return None
        raise ValueError(f"category is {brief(told, 40)}, and violation is empty")
    labeler = _text(values.get("labeler"))
    if not labeler:
        raise ValueError("labeler is empty")
    if len(labeler) > _MOST_LABELER_CHARS or inert(labeler) != labeler:
        raise ValueError(f"labeler is longer than {_MOST_LABELER_CHARS} characters, or has some that cannot be seen")
    return Answer(
        run_date=_day(values.get("date")),
        comment_id=_id(values.get("comment_id")),
        labeler=labeler,
        violation=violation,
        category=_category(told, violation, rules.categories),
        labeled_at=_moment(values.get("labeled_at"), rules),
        source=_source(_text(values.get("source")).casefold()),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _violation(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    told = _text(value).casefold()
    if told and told not in ("true", "false"):
        raise ValueError(f"violation is {brief(told, 40)}: write true or false")
    return told == "true" if told else None


def _category(told: str, violation: bool, categories: Collection[str]) -> str:
    if not told and not violation:
        return NO_CATEGORY
    if not told:
        raise ValueError("category is empty, and violation is true")
    if told not in categories:
        raise ValueError(f"category is {brief(told, 40)}, which is none of {', '.join(categories)}")
    if violation == (told == NO_CATEGORY):
        raise ValueError(f"violation is {str(violation).lower()}, and category is {told}")
    return told


def _id(value: Any) -> str:
    """A comment's id to the letter; a number is one that a program has made of it."""
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("comment_id is empty" if value in (None, "") else f"comment_id is no text: {brief(value, 40)}")


def _day(value: Any) -> date:
    """A day as it was written, or as a spreadsheet in Japan shows it; which number is the month must be plain."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if match := _DAY.fullmatch(_text(value)):
        try:
            return date(*map(int, match.groups()))
        except ValueError:
            pass
    raise ValueError(f"date is {brief(value, 40) or 'empty'}: write it as 2026-11-19")


def _moment(value: Any, rules: Rules) -> datetime | None:
    """When it was answered; a time without a zone is one of the settings' zone.

    One that is to come is refused: no correction would ever count against it.
    """
    if isinstance(value, datetime):
        told = value
    elif not (text := _text(value)):
        return None
    else:
        try:
            told = datetime.fromisoformat(_SHOWN.sub(_as_iso, text))
        except ValueError:
            raise ValueError(f"labeled_at is {brief(text, 40)}: write it as 2026-11-20T09:30:00+09:00") from None
    if told.year < _FIRST_YEAR:
        raise ValueError(f"labeled_at is of the year {told.year}")
    told = (told if told.tzinfo else told.replace(tzinfo=rules.zone)).astimezone(UTC)
    if told > rules.now + CLOCK_SKEW:
        raise ValueError(f"labeled_at is {told.isoformat()}, which is to come")
    return told


def _as_iso(found: re.Match[str]) -> str:
    year, month, day, hour = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}:" if hour else "")


def _source(told: str) -> LabelSource | None:
    if not told:
        return None
    if told not in set(LabelSource):
        raise ValueError(f"source is {brief(told, 40)}, which is none of {', '.join(SOURCES)}")
    return LabelSource(told)
