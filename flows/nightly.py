"""The nightly flow: one day of comments, judged, published, measured.

A crash at any line is harmless: whatever was paid for is in the ledger, and the next run of the day goes on from it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.runtime import flow_run

from tasks.ask_on_demand import ask_on_demand
from tasks.build_batch import build_batch
from tasks.check_expectations import check_expectations
from tasks.close_night import Night, clear_scratch, close_night, find_published
from tasks.collect_answers import collect_answers
from tasks.deduplicate import deduplicate
from tasks.describe import describe_failure, describe_night, describe_progress, describe_step
from tasks.expire_batch_files import expire_batch_files
from tasks.ingest import ingest
from tasks.lease import held
from tasks.measure_accuracy import measure_accuracy
from tasks.measure_drift import measure_drift
from tasks.merge_verdicts import merge_verdicts
from tasks.poll_batch import Progress, poll_batch
from tasks.publish import publish
from tasks.remeasure_late_labels import remeasure_late_labels
from tasks.send_alerts import alert_stopped_night, send_alerts
from tasks.settings import Settings
from tasks.steps import Steps
from tasks.submit_batch import submit_batch
from tasks.validate import validate


@flow(name="nightly", flow_run_name="nightly-{run_date}", persist_result=False)
def nightly(run_date: date | None = None, epoch: int = 0, is_quiet: bool = False) -> Night | None:
    """Judge one day of comments and publish a verdict for each.

    Args:
        run_date: The local day whose comments are judged. Empty: the day before the scheduled start.
        epoch: Leave it at 0. A higher number judges, and pays for, the whole day again.
        is_quiet: Measure, but alert nobody: for a backfill of old days.
    """
    settings = Settings.load()
    started = flow_run.scheduled_start_time or datetime.now(UTC)
    run_date = run_date or started.astimezone(settings.zone).date() - timedelta(days=1)
    run_id = f"{started:%Y%m%dT%H%M%S}-{str(flow_run.id)[:8]}"
    return judge_day(settings, run_date, run_id, NightOptions(epoch, is_quiet))


@dataclass(frozen=True)
class NightOptions:
    """How a day is to be judged; the default is a plain night.

    Attributes:
        epoch: a higher number judges, and pays for, the whole day again.
        is_quiet: measure, but alert nobody.
        asks_again: go on though the day is published, and ask again for what has no verdict.
    """

    epoch: int = 0
    is_quiet: bool = False
    asks_again: bool = False


def judge_day(settings: Settings, run_date: date, run_id: str, options: NightOptions) -> Night | None:
    """Judge and publish one day inside a flow run; None if it is published already. Raises what the stages raise."""
    log = get_run_logger()
    step = Steps(time.monotonic, lambda name, result, took: log.info(describe_step(name, result, took)))
    try:
        with held(settings, run_date, run_id):
            return _night(settings, run_date, run_id, options, step)
    except Exception as error:
        name, reason = describe_failure(error)
        now, is_quiet = datetime.now(UTC), options.is_quiet
        step(alert_stopped_night, settings, run_date, run_id, name, reason, now, is_quiet=is_quiet)
        raise
    finally:
        clear_scratch(settings, run_date, run_id)


def _night(settings: Settings, run_date: date, run_id: str, options: NightOptions, step: Steps) -> Night | None:
    plan = step(ingest, settings, run_date, run_id, datetime.now(UTC), options.epoch)
    if not options.asks_again and (published_by := step(find_published, settings, plan)):
        get_run_logger().info("%s is published already, by run %s: nothing to do", run_date, published_by)
        return None
    validation = step(validate, settings, plan)
    step(check_expectations, settings, plan)
    step(deduplicate, settings, plan)
    progress = _Progress(run_date)
    while True:
        batch = step(build_batch, settings, plan, datetime.now(UTC))
        submission = step(submit_batch, settings, plan, batch.shards, datetime.now(UTC))
        if not submission.live_keys:
            break
        step(ask_on_demand, settings, plan, datetime.now(UTC))
        step(poll_batch, settings, plan, datetime.now(UTC), progress)
        step(collect_answers, settings, plan, datetime.now(UTC))
    verdicts = step(merge_verdicts, settings, plan)
    books = step(publish, settings, plan)
    step(measure_drift, settings, plan, datetime.now(UTC))
    step(measure_accuracy, settings, run_date, run_id, run_id, datetime.now(UTC))
    step(remeasure_late_labels, settings, run_date, run_id, datetime.now(UTC))
    alerts = step(send_alerts, settings, run_date, run_id, datetime.now(UTC), is_quiet=options.is_quiet)
    night = step(close_night, settings, plan, validation, verdicts, books, alerts, step.seconds, datetime.now(UTC))
    step(expire_batch_files, settings, run_date, datetime.now(UTC))
    create_markdown_artifact(describe_night(night), key=f"night-{run_date}", description=f"The night of {run_date}")
    return night


class _Progress:
    """The jobs' progress on the run's page in the Prefect UI."""

    def __init__(self, run_date: date) -> None:
        self._key = f"jobs-{run_date}"
        self._artifact: Any = None

    def __call__(self, progress: Progress) -> None:
        percent, text = describe_progress(progress)
        if self._artifact is None:
            self._artifact = create_progress_artifact(percent, key=self._key, description=text)
        else:
            update_progress_artifact(self._artifact, percent, description=text)
