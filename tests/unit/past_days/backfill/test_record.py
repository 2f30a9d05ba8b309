"""What a backfill remembers of itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tasks import adapters
from tasks.past_days.backfill.record import BackfillRecord, Begun, DayProgress, load_record, settle_begun, store_record
from tasks.past_days.backfill.request import BackfillRequest
from tests.measured_nights import DAY, NOW, settings_in

REQUEST = BackfillRequest(start_date=DAY, end_date=DAY, mode="all", prompt_version="v1", model_id="m", reason="why")
NEW = BackfillRecord(id=REQUEST.id, request=REQUEST)


def ended(outcome: str, cost_usd: float | None = 1.5) -> DayProgress:
    return DayProgress.model_validate({"outcome": outcome, "cost_usd": cost_usd, "note": "", "ended_at": NOW})


def begun(run_id: str, booked_usd: float) -> Begun:
    return Begun(run_id=run_id, epoch=3, booked_usd=booked_usd)


def test_a_day_that_is_begun_again_is_charged_from_the_first_time() -> None:
    """What was booked before the first try stays the mark; the stop of an earlier try is forgotten."""
    record = NEW.with_begun(DAY, begun("first", 2.0)).with_day(DAY, ended("stopped"))
    again = record.with_begun(DAY, begun("second", 9.0))
    assert (again.begun[DAY].run_id, again.begun[DAY].booked_usd) == ("second", 2.0)
    assert again.under_way == [DAY]


@pytest.mark.parametrize(("outcome", "is_done"), [("published", True), ("unchanged", True), ("stopped", False)])
def test_a_day_that_stopped_is_not_done(outcome: str, is_done: bool) -> None:
    """Going on takes the days that stopped, and no other."""
    assert (DAY in NEW.with_day(DAY, ended(outcome)).done) is is_done


def test_unknown_costs_are_left_out_of_the_sum() -> None:
    """What is spent is what is known."""
    record = NEW.with_day(DAY, ended("published")).with_day(date(2026, 11, 20), ended("published", None))
    assert record.spent_usd == 1.5


def test_a_record_survives_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same request finds it, and a day in which the process died counts as stopped."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    settings = settings_in(tmp_path)
    storage = adapters.connect(settings).storage
    assert load_record(storage, settings, REQUEST) == NEW
    store_record(storage, settings, NEW.with_begun(DAY, begun("first", 0.0)))
    found = settle_begun(settings, storage, load_record(storage, settings, REQUEST), NOW)
    assert found.begun[DAY].epoch == 3
    assert found.days[DAY].outcome == "stopped"
