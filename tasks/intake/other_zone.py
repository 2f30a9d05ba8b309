"""Whether a day's rows lie outside it because upstream cuts its folders by another time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import polars as pl

from data_contracts.tables.comments import Reason

#: Every time zone's offset is a multiple of it, from -12:00 to +14:00.
_STEP = timedelta(minutes=15)
_FIRST, _LAST = timedelta(hours=-12), timedelta(hours=14)


class OtherDay(NamedTuple):
    """The same date by another offset from UTC, which more of the rows lie in.

    Attributes:
        offset: east of UTC is positive.
        found_count: rows outside the day as it is set that lie in this one.
        outside_count: rows outside the day as it is set that have a time.
    """

    offset: timedelta
    found_count: int
    outside_count: int

    @property
    def name(self) -> str:
        """As people write it: UTC, UTC+05:30."""
        minutes = round(self.offset.total_seconds() / 60)
        return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes else "UTC"

    @property
    def zone(self) -> str | None:
        """The IANA zone of the offset, all year round; None where there is none."""
        hours = self.offset / timedelta(hours=1)
        if hours == 0:
            return "UTC"
        # The signs of these names are POSIX's: west is positive.
        return f"Etc/GMT{'-' if hours > 0 else '+'}{abs(int(hours))}" if hours == int(hours) else None


def find_other_day(checked: pl.LazyFrame, run_date: date, max_rejected_fraction: float) -> OtherDay | None:
    """The offset by which upstream seems to cut its folders; None if no offset explains the rows.

    It explains them if most of the rows outside the day lie in its day, and so many of all rows that the night would
    not stop. Of offsets that explain as much UTC comes first, then whole hours, then the smallest.

    Columns: posted_at (timestamp, UTC) and reason are read; rows that other reasons reject are left out.
    """
    midnight = datetime.combine(run_date, time(), UTC)
    posted_at, is_outside = pl.col("posted_at"), pl.col("reason") == Reason.OUTSIDE_DAY.value
    # Far away times are one group: there may be as many of them as rows.
    is_near = posted_at.is_between(midnight - timedelta(days=2), midnight + timedelta(days=2))
    times = (
        checked.filter(posted_at.is_not_null() & (pl.col("reason").is_null() | is_outside))
        .group_by(pl.when(is_near).then(posted_at.dt.truncate("15m")).alias("at"))
        .agg(is_outside.sum().alias("outside"), pl.len().alias("all"))
        .collect(engine="streaming")
    )
    outside_count, row_count = int(times["outside"].sum()), int(times["all"].sum())
    best, best_count = None, 0
    for offset in _offsets():
        start = midnight - offset
        inside = times.filter((pl.col("at") >= start) & (pl.col("at") < start + timedelta(days=1)))
        if int(inside["all"].sum()) > best_count:
            best_count = int(inside["all"].sum())
            best = OtherDay(offset, int(inside["outside"].sum()), outside_count)
    if best is None or 2 * best.found_count <= outside_count:
        return None
    return best if (row_count - best_count) / row_count <= max_rejected_fraction else None


def _offsets() -> Iterator[timedelta]:
    """All offsets that there may be, the likeliest first."""
    count = (_LAST - _FIRST) // _STEP + 1
    offsets = [_FIRST + number * _STEP for number in range(count)]
    yield from sorted(offsets, key=lambda offset: (offset % timedelta(hours=1) != timedelta(), abs(offset), offset))
