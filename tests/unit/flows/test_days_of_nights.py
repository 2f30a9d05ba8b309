"""Which days a night takes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.night import check_is_over
from tasks.base.errors import WrongUsage
from tests.measured_nights import settings_in


@pytest.mark.parametrize(
    ("zone", "now", "last_over"),
    [
        pytest.param("Asia/Tokyo", datetime(2026, 11, 19, 14, 59, tzinfo=UTC), date(2026, 11, 18), id="before"),
        pytest.param("Asia/Tokyo", datetime(2026, 11, 19, 15, 0, tzinfo=UTC), date(2026, 11, 19), id="at"),
        pytest.param("UTC", datetime(2026, 11, 19, 23, 59, tzinfo=UTC), date(2026, 11, 18), id="utc"),
        pytest.param("America/New_York", datetime(2026, 11, 20, 4, tzinfo=UTC), date(2026, 11, 18), id="new-york"),
    ],
)
def test_a_day_is_over_by_the_settings_clock(zone: str, now: datetime, last_over: date) -> None:
    """Today and every later day are refused, and the line names the last day that can be judged."""
    settings = settings_in(Path("/data"), timezone=zone)
    check_is_over(settings, last_over, now)
    check_is_over(settings, date(2020, 1, 1), now)
    for day, named in ((last_over.replace(day=last_over.day + 1), "today"), (date(9999, 12, 31), "in the future")):
        with pytest.raises(WrongUsage, match=f"^{day} is {named} in {zone}; the last day that is over is {last_over}$"):
            check_is_over(settings, day, now)
