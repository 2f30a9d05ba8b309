"""Plays nights by calling the stages as plain functions, in the order of `flows/nightly.py`, without Prefect's runs.

For the sandbox's history, for tests below Prefect and for benchmarks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import ParamSpec, TypeVar

from data_contracts.documents.summary import Night
from tasks.alerts.send_alerts import send_alerts
from tasks.base.settings import Settings
from tasks.base.steps import Steps
from tasks.batch.build_batch import build_batch
from tasks.batch.read_quotas import read_quotas
from tasks.batch.try_canary import try_canary
from tasks.intake.check_expectations import check_expectations
from tasks.intake.deduplicate import deduplicate
from tasks.intake.ingest import ingest
from tasks.intake.validate import validate
from tasks.jobs.ask_on_demand import ask_on_demand
from tasks.jobs.collect_answers import collect_answers
from tasks.jobs.poll_batch import poll_batch
from tasks.jobs.stop_jobs import stopped_on
from tasks.jobs.submit_batch import submit_batch
from tasks.labels.measure_accuracy import measure_accuracy
from tasks.labels.remeasure_late_labels import remeasure_late_labels
from tasks.ledger.lease import held
from tasks.ledger.run_records import clear_scratch
from tasks.measure.measure_drift import measure_drift
from tasks.reports.close_night import close_night
from tasks.verdicts.compare_verdicts import compare_verdicts
from tasks.verdicts.find_published import find_published
from tasks.verdicts.merge_verdicts import merge_verdicts
from tasks.verdicts.publish import publish
from tasks.watch.preflight import preflight
from tasks.watch.tell_late_input import tell_late_input

P = ParamSpec("P")
R = TypeVar("R")


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
    step = step or Steps(time.monotonic, report)
    try:
        with held(settings, run_date, run_id), stopped_on((KeyboardInterrupt,), settings, run_date, now):
            return _play(settings, run_date, run_id, epoch, step, now)
    finally:
        clear_scratch(settings, run_date, run_id)


def _play(
    settings: Settings, run_date: date, run_id: str, epoch: int, step: Steps, now: Callable[[], datetime]
) -> Night | None:
    plan = step(ingest.fn, settings, run_date, run_id, now(), epoch)
    if step(find_published.fn, settings, plan):
        return None
    step(preflight.fn, settings, plan, now())
    validation = step(validate.fn, settings, plan)
    step(check_expectations.fn, settings, plan)
    step(deduplicate.fn, settings, plan)
    quotas = step(read_quotas.fn, settings, plan)
    while True:
        batch = step(build_batch.fn, settings, plan, now(), quotas)
        step(try_canary.fn, settings, plan, batch, now())
        if not step(submit_batch.fn, settings, plan, batch.shards, now(), quotas).live_keys:
            break
        step(ask_on_demand.fn, settings, plan, now)
        polled = step(poll_batch.fn, settings, plan, now, quotas)
        step(collect_answers.fn, settings, plan, now())
        if polled.is_late:
            break
    verdicts = step(merge_verdicts.fn, settings, plan, now())
    step(compare_verdicts.fn, settings, plan)
    books = step(publish.fn, settings, plan)
    step(measure_drift.fn, settings, plan, now())
    step(measure_accuracy.fn, settings, run_date, run_id, run_id, now())
    step(remeasure_late_labels.fn, settings, run_date, run_id, now())
    alerts = step(send_alerts.fn, settings, run_date, run_id, now())
    night = step(close_night.fn, settings, plan, validation, verdicts, books, alerts, step.seconds, now())
    step(tell_late_input.fn, settings, now())
    return night


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
