"""A backfill's plan and the night that carries it out say the same of a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import polars as pl
import pytest

from data_contracts.documents.summary import Night
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.settings import Settings
from tasks.past_days.backfill.plan_backfill import PlannedDay, plan_backfill
from tasks.past_days.backfill.record import BackfillRecord
from tasks.past_days.backfill.request import BackfillMode, BackfillRequest

pytestmark = pytest.mark.usefixtures("without_expectations")

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


@pytest.fixture
def settings(sandbox: Sandbox, folders: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load(on_demand_per_s=10_000, **folders)


def put(settings: Settings, day: date, count: int, files: int = 2) -> None:
    """A day of comments in several files: some rows break the contract, some repeat others."""
    comments = sample_day(day).comments.head(count)
    for number in range(files):
        body = BytesIO()
        comments.filter(pl.int_range(pl.len()) % files == number).write_parquet(body)
        adapters.connect(settings).storage.put(f"{settings.comments_uri}/date={day}/{number}.parquet", body.getvalue())


def plan(settings: Settings, day: date, mode: BackfillMode = "missing") -> PlannedDay:
    request = BackfillRequest(
        start_date=day,
        end_date=day,
        mode=mode,
        prompt_version=settings.prompt_version,
        model_id=settings.model_id,
        reason="a test",
    )
    record = BackfillRecord(id=request.id, request=request)
    (planned,) = plan_backfill.fn(settings, request, record, NOW).days
    return planned


def play(settings: Settings, day: date) -> Night:
    night = play_night(settings, day, f"run-{day}", lambda: NOW)
    assert night is not None
    return night


def check_same(planned: PlannedDay, night: Night) -> None:
    """A token a figure for what was rounded up apart, and the dollars of as many."""
    asked = [entry["record_count"] for entry in night.jobs if entry["mode"] != "canary"]
    assert [planned.record_count] == asked
    assert abs(planned.input_tokens - night.estimated_input_tokens) <= 2
    assert abs(planned.output_tokens - night.estimated_output_tokens) <= 2
    assert planned.cost_usd == pytest.approx(night.estimated_cost_usd, abs=2e-5)


@pytest.mark.parametrize("count_tokens", [False, True])
def test_the_plan_estimates_what_the_night_estimates(count_tokens: bool, settings: Settings) -> None:
    """By constants or Bedrock's count at first, then by what the night before used; repeats and bad rows left out."""
    settings = settings.model_copy(update={"count_tokens": count_tokens})
    for number, source in enumerate(("count_tokens",) * 2 if count_tokens else ("constants", "learnt")):
        day = DAY + timedelta(number)
        put(settings, day, 150)
        planned = plan(settings, day)
        assert planned.comment_count == 150 > planned.record_count
        night = play(settings, day)
        assert night.estimate_source == source
        check_same(planned, night)


def test_few_comments_are_planned_at_the_price_of_single_calls(settings: Settings) -> None:
    """No job and no canary, as in the night."""
    put(settings, DAY, 40)
    planned = plan(settings, DAY)
    assert planned.job_count == 0
    check_same(planned, play(settings, DAY))
