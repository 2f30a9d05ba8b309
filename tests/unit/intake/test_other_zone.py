"""Folders that are cut by another time zone than the day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.intake.other_zone import find_other_day
from tasks.intake.row_rules import day_bounds

DAY = date(2026, 11, 19)
LIMIT = 0.05


def checked(zone: str, times: list[datetime | None], reason: str | None = None) -> pl.LazyFrame:
    """Rows as they are checked for the day of a zone; with a reason, every fifth is rejected for that instead."""
    day = day_bounds(DAY, ZoneInfo(zone))
    outside = [None if at is not None and day.start <= at < day.end else "outside_day" for at in times]
    reasons = [reason if reason and not number % 5 else found for number, found in enumerate(outside)]
    schema = pl.Schema({"posted_at": pl.Datetime("us", "UTC"), "reason": pl.String()})
    return pl.LazyFrame({"posted_at": times, "reason": reasons}, schema=schema)


def every_5_minutes(offset: timedelta) -> list[datetime | None]:
    """A day that was cut by an offset."""
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) - offset
    return [midnight + timedelta(minutes=5 * number) for number in range(288)]


@pytest.mark.parametrize(
    ("zone", "hours", "name", "found"),
    [
        pytest.param("Asia/Tokyo", 0, "UTC", "UTC", id="utc-for-tokyo"),
        pytest.param("America/New_York", 0, "UTC", "UTC", id="utc-for-new-york"),
        pytest.param("UTC", 9, "UTC+09:00", "Etc/GMT-9", id="tokyo-for-utc"),
        pytest.param("Asia/Tokyo", -5, "UTC-05:00", "Etc/GMT+5", id="new-york-for-tokyo"),
        pytest.param("Asia/Tokyo", 5.5, "UTC+05:30", None, id="india-for-tokyo"),
        pytest.param("Asia/Tokyo", 5.75, "UTC+05:45", None, id="nepal-for-tokyo"),
    ],
)
def test_the_offset_is_found(zone: str, hours: float, name: str, found: str | None) -> None:
    """Folders that are cut by another offset are told from broken ones, with the zone that is to be set."""
    times = every_5_minutes(timedelta(hours=hours))
    other = find_other_day(checked(zone, times), DAY, LIMIT)
    assert other is not None
    assert (other.name, other.zone, other.found_count) == (name, found, other.outside_count)
    if found is not None:
        assert find_other_day(checked(found, times), DAY, LIMIT) is None, "with that zone nothing lies outside"


def test_rows_that_other_reasons_reject_do_not_count() -> None:
    """They say nothing of the zone."""
    other = find_other_day(checked("Asia/Tokyo", every_5_minutes(timedelta()), "null_text"), DAY, LIMIT)
    assert other is not None
    assert other.name == "UTC"


@pytest.mark.parametrize(
    "times",
    [
        pytest.param([], id="none"),
        pytest.param([None] * 20, id="no-times"),
        pytest.param([at - timedelta(days=1) for at in every_5_minutes(timedelta(hours=9)) if at], id="day-before"),
        pytest.param([datetime(1970, 1, 1, tzinfo=UTC)] * 20 + every_5_minutes(timedelta(hours=9)), id="long-ago"),
        pytest.param([datetime(2026, 11, 18, 12, tzinfo=UTC) + timedelta(hours=n) for n in range(60)], id="three-days"),
    ],
)
def test_what_no_zone_explains_is_no_zones_fault(times: list[datetime | None]) -> None:
    """A wrong day's folder, rows without a time or of long ago: the zone is not to blame."""
    assert find_other_day(checked("Asia/Tokyo", times), DAY, LIMIT) is None


@given(st.lists(st.datetimes(timezones=st.just(UTC)), max_size=20), st.sampled_from(["UTC", "Asia/Tokyo"]))
def test_whatever_comes_there_is_an_answer(times: list[datetime], zone: str) -> None:
    """And what it blames holds: by the other day more than half of the rows outside lie inside."""
    other = find_other_day(checked(zone, list(times)), DAY, LIMIT)
    if other is not None:
        assert 2 * other.found_count > other.outside_count
