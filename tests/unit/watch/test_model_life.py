"""When a model's end is news, how urgent it is, and that each channel hears of each step once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tasks.alerts.words.endings import ENDING_ADVICE, ENDING_LEADS, ENDING_TITLES
from tasks.base.paths import RunPaths
from tasks.base.ports import Lifecycle, Severity
from tasks.watch.model_life import Ending, describe_ending, ending_message, find_ending, tell_ending
from tests import factories
from tests.fakes import FakeAlerts, FakeClock

TODAY = date(2026, 11, 20)


def ending(days: int | None, *, is_legacy: bool = True) -> Ending | None:
    ends_at = None if days is None else datetime(2026, 11, 20, tzinfo=UTC) + timedelta(days)
    return find_ending(Lifecycle(is_legacy=is_legacy, ends_at=ends_at), TODAY)


@pytest.mark.parametrize(
    ("days", "is_legacy", "step", "severity"),
    [
        pytest.param(None, False, None, None, id="active"),
        pytest.param(200, False, None, None, id="active-with-a-date"),
        pytest.param(61, False, None, None, id="61-days"),
        pytest.param(60, False, "60", "ticket", id="60-days"),
        pytest.param(31, True, "60", "ticket", id="31-days"),
        pytest.param(30, True, "30", "ticket", id="30-days"),
        pytest.param(15, True, "30", "ticket", id="15-days"),
        pytest.param(14, True, "14", "page", id="14-days"),
        pytest.param(1, True, "14", "page", id="tomorrow"),
        pytest.param(0, True, "ended", "page", id="today"),
        pytest.param(-5, True, "ended", "page", id="days-ago"),
        pytest.param(None, True, "legacy", "ticket", id="legacy-without-a-date"),
        pytest.param(200, True, "legacy", "ticket", id="legacy-far-off"),
    ],
)
def test_an_end_is_news_step_by_step(days: int | None, is_legacy: bool, step: str | None, severity: str | None) -> None:
    """Legacy, then 60, 30 and 14 days before the end, then the end; somebody is paged from 14 days on."""
    found = ending(days, is_legacy=is_legacy)
    assert (found and found.step, found and found.severity) == (step, severity)


def test_the_last_days_are_each_told_once(tmp_path: Path) -> None:
    """Night after night a channel hears of each step once; one that wants no tickets hears of the last alone."""
    paths = RunPaths(factories.settings(tmp_path), factories.RUN_DATE, factories.RUN_ID)
    everything, pages = FakeAlerts(), FakeAlerts()
    pages.name, pages.severities = "pager", frozenset({Severity.PAGE})
    for days in (70, 60, 59, 31, 30, 29, 14, 13, 1, 0, -1):
        found = ending(days)
        assert found is not None
        outside = replace(factories.local_adapters(), alerts=(everything, pages), clock=FakeClock())
        tell_ending(found, paths, factories.MODEL_ID, outside, factories.NOW)
    titles = [message.title.partition(f"{factories.MODEL_ID} ")[2] for message in everything.messages]
    dates = [TODAY + timedelta(days) for days in (70, 60, 30, 14)]
    assert titles == [*(f"ends on {day}" for day in dates), "has ended"]
    assert [message.severity for message in pages.messages] == ["page", "page"]


def test_a_channel_that_fails_is_told_the_next_night(tmp_path: Path) -> None:
    """What was not delivered is not remembered as told."""
    paths, found = RunPaths(factories.settings(tmp_path), factories.RUN_DATE, factories.RUN_ID), ending(30)
    assert found is not None
    channel = FakeAlerts(undelivered=3)
    outside = replace(factories.local_adapters(), alerts=(channel,), clock=FakeClock())
    for expected in (0, 1, 1):
        tell_ending(found, paths, factories.MODEL_ID, outside, factories.NOW)
        assert len(channel.messages) == expected


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("days", [None, 51, -1])
def test_the_alert_says_what_to_do(days: int | None, language: str, tmp_path: Path) -> None:
    """Model, date and the successor's evaluation, in both languages; the subject for what takes no other letters."""
    found, settings = ending(days), factories.settings(tmp_path, language=language)
    assert found is not None
    message = ending_message(found, factories.MODEL_ID, RunPaths(settings, factories.RUN_DATE, factories.RUN_ID))
    assert factories.MODEL_ID in message.title
    assert message.ascii_title.isascii()
    assert "MODERATION_MODEL_ID" in message.body
    assert ": python -m flows evaluate successors --candidate model=SUCCESSOR" in message.body
    if days is not None:
        assert str(found.ends_on) in message.body
        assert str(found.ends_on) in describe_ending(found, factories.MODEL_ID)
    assert "{" not in message.title + message.body


def test_both_languages_tell_every_end() -> None:
    """No sentence of one language lacks in the other."""
    for texts in (ENDING_TITLES, ENDING_LEADS, ENDING_ADVICE):
        assert {frozenset(words) for words in texts.values()} == {frozenset({"legacy", "ending", "ended"})}
        assert set(texts) == {"en", "ja"}
