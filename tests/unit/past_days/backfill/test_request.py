"""What a backfill may be asked for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tasks.base.errors import WrongUsage
from tasks.past_days.backfill.request import BackfillRequest, check_request

TODAY = date(2026, 11, 20)
YESTERDAY = TODAY - timedelta(days=1)


def request(**changes: Any) -> BackfillRequest:
    """A request, with changes."""
    fields: dict[str, Any] = {"start_date": YESTERDAY, "end_date": YESTERDAY, "mode": "all", "prompt_version": "v1"}
    return BackfillRequest(**(fields | {"model_id": "m", "reason": "why"} | changes))


@pytest.mark.parametrize(
    ("start", "end", "reason", "named"),
    [
        pytest.param(
            YESTERDAY, TODAY, "r", "2026-11-20 is today; the last day that is complete is 2026-11-19", id="today"
        ),
        pytest.param(YESTERDAY, TODAY + timedelta(days=3), "r", "2026-11-23 is in the future", id="future"),
        pytest.param(YESTERDAY, date(2026, 11, 1), "r", "2026-11-01 lies before start_date 2026-11-19", id="reversed"),
        pytest.param(
            date(2026, 8, 1), YESTERDAY, "r", "111 days, more than MODERATION_BACKFILL_MAX_DAYS=92", id="long"
        ),
        pytest.param(YESTERDAY, YESTERDAY, "", "reason is empty", id="no-reason"),
        pytest.param(YESTERDAY, YESTERDAY, "x" * 501, "501 characters", id="long-reason"),
    ],
)
def test_what_cannot_be_done_is_refused(start: date, end: date, reason: str, named: str) -> None:
    """Today, the future, a reversed or long range and an empty reason are refused by name."""
    with pytest.raises(WrongUsage, match=named):
        check_request(start, end, reason, TODAY, 92)


def test_yesterday_and_the_longest_range_are_fine() -> None:
    """Exactly the allowed number of days up to yesterday passes."""
    check_request(YESTERDAY - timedelta(days=91), YESTERDAY, "new guideline", TODAY, 92)


@pytest.mark.parametrize(
    "change", [{"reason": "other"}, {"mode": "missing"}, {"prompt_version": "v2"}, {"model_id": "n"}]
)
def test_equal_parameters_are_one_backfill(change: dict[str, Any]) -> None:
    """The id is that of all parameters, the reason included."""
    assert request().id == request().id != request(**change).id


def test_days_come_oldest_first() -> None:
    """Both ends are included."""
    days = request(start_date=date(2026, 10, 30), end_date=date(2026, 11, 1)).days
    assert days == [date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1)]
