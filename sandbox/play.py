"""Plays nights as plain function calls, without Prefect's runs: for the sandbox, tests below Prefect, benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date, datetime

from data_contracts.documents.summary import Night
from flows.night import NightOptions, judge_day
from tasks.base.settings import Settings
from tasks.base.steps import PlainSteps, Steps


def play_night(
    settings: Settings,
    run_date: date,
    run_id: str,
    now: Callable[[], datetime],
    *,
    epoch: int = 0,
    report: Callable[[str, object, float], None] = lambda *_: None,
    step: Steps | None = None,
) -> Night | None:
    """Play one night to its end; None if it was published already. Raises what the stages raise.

    `step` runs the stages in another way than once and reported, as Prefect's retries would.
    """
    step = step or PlainSteps(time.monotonic, report)
    return judge_day(settings, run_date, run_id, step, now, NightOptions(epoch))


def play_history(
    settings: Settings, days: Iterable[date], now: Callable[[], datetime], report: Callable[[Night], None]
) -> list[Night]:
    """Play several nights, oldest first, since each is measured against those before it."""
    nights = []
    for day in days:
        night = play_night(settings, day, f"history-{day}", now)
        if night is not None:
            nights.append(night)
            report(night)
    return nights
