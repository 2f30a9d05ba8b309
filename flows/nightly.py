"""The nightly flow: one day of comments, judged, published, measured.

A crash at any line is harmless: whatever was paid for is in the ledger, and the next run of the day goes on from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from logging import INFO, WARNING
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.exceptions import TerminationSignal
from prefect.logging.loggers import flow_run_logger
from prefect.runtime import flow_run

from data_contracts.documents.summary import Night
from flows.plain_errors import log_plainly
from tasks.adapters.channels.heartbeat import heartbeat
from tasks.alerts.send_alerts import alert_stopped_night, send_alerts
from tasks.base.errors import SettingsInvalid, StartedTooOften
from tasks.base.settings import Settings
from tasks.base.steps import Steps
from tasks.batch.build_batch import build_batch
from tasks.batch.read_quotas import read_quotas
from tasks.batch.try_canary import try_canary
from tasks.intake.await_input import await_input
from tasks.intake.check_expectations import check_expectations
from tasks.intake.deduplicate import deduplicate
from tasks.intake.ingest import ingest
from tasks.intake.validate import validate
from tasks.jobs.ask_on_demand import ask_on_demand
from tasks.jobs.collect_answers import collect_answers
from tasks.jobs.expire_batch_files import expire_batch_files
from tasks.jobs.poll_batch import Progress, poll_batch
from tasks.jobs.stop_jobs import Stopped, stop_left, stopped_on
from tasks.jobs.submit_batch import submit_batch
from tasks.labels.measure_accuracy import measure_accuracy
from tasks.labels.remeasure_late_labels import remeasure_late_labels
from tasks.ledger.lease import held
from tasks.ledger.run_records import clear_scratch, note_stop
from tasks.measure.measure_drift import measure_drift
from tasks.reports.close_night import close_night
from tasks.reports.log_lines import describe_failure, describe_progress, describe_step
from tasks.reports.night_summary import describe_night, headline
from tasks.verdicts.compare_verdicts import compare_verdicts
from tasks.verdicts.find_published import find_published
from tasks.verdicts.flips import Flips
from tasks.verdicts.merge_verdicts import merge_verdicts
from tasks.verdicts.publish import publish
from tasks.watch.preflight import preflight
from tasks.watch.tell_late_input import tell_late_input

log_plainly()

#: Times that a run may be started: an automation starts it again after every crash (infra/automations).
MOST_STARTS = 5

#: What ends a run from outside: Ctrl-C, and Prefect's own for a cancellation and for SIGTERM.
CANCELLED = (KeyboardInterrupt, TerminationSignal)


def _now() -> datetime:
    return datetime.now(UTC)


def _name(
    settings: Settings, run_date: date | None, started: datetime, flow_run_id: object, start_count: int
) -> tuple[date, str]:
    """The day that a flow run judges, and the run's id in everything that it writes.

    A flow run that is started again has another id: its first process may live on, cut off from Prefect, and then the
    day's lease must keep the two apart.
    """
    run_date = run_date or started.astimezone(settings.zone).date() - timedelta(days=1)
    again = f"-{start_count}" if start_count > 1 else ""
    return run_date, f"{started:%Y%m%dT%H%M%S}-{str(flow_run_id)[:8]}{again}"


def _given_day(parameters: dict[str, Any]) -> date | None:
    """The day that a run was started with; Prefect hands parameters out as they were sent, or as they were read."""
    given = parameters.get("run_date")
    return date.fromisoformat(given) if isinstance(given, str) else given


def _flow_run_name() -> str:
    """The run's name in the UI: with its day, also where the schedule left that open."""
    given, started = _given_day(flow_run.parameters), flow_run.scheduled_start_time or _now()
    try:
        return f"nightly-{_name(Settings.load(), given, started, flow_run.id, start_count=1)[0]}"
    except SettingsInvalid:  # the run itself says what is wrong with them
        return "nightly"


def stop_cancelled(flow: Any, flow_run: Any, state: Any) -> None:
    """Prefect's hook, in another process: stop the jobs of a cancelled run that was killed before it could."""
    settings, given, started = Settings.load(), _given_day(flow_run.parameters), flow_run.expected_start_time
    run_date, run_id = _name(settings, given, started, flow_run.id, flow_run.run_count)
    stopped = stop_left(settings, run_date, run_id, _now)
    if stopped is not None and stopped != Stopped():  # else the run has stopped them itself
        flow_run_logger(flow_run, flow).warning("Cancelled: %s", stopped.told)


@flow(
    name="nightly",
    flow_run_name=_flow_run_name,
    persist_result=False,
    on_cancellation=[stop_cancelled],
)
def nightly(
    run_date: date | None = None, epoch: int = 0, is_quiet: bool = False, waits_for_input: bool = False
) -> Night | None:
    """Judge one day of comments and publish a verdict for each.

    Args:
        run_date: The local day whose comments are judged. Empty: the day before the scheduled start.
        epoch: Leave it at 0. A higher number judges, and pays for, the whole day again.
        is_quiet: Measure, but alert nobody: for a backfill of old days.
        waits_for_input: Wait until the day's input is still or marked as complete; the schedule turns it on.
    """
    settings = Settings.load()
    started = flow_run.scheduled_start_time or _now()
    run_date, run_id = _name(settings, run_date, started, flow_run.id, flow_run.run_count)
    # An old day that is published says nothing of last night, whose silence must ring.
    is_last_night = run_date >= started.astimezone(settings.zone).date() - timedelta(days=1)
    url = settings.heartbeat_url if is_last_night and not is_quiet else None
    with heartbeat(url, get_run_logger().info):
        options = NightOptions(epoch, is_quiet, waits_for_input=waits_for_input, start_count=flow_run.run_count)
        return judge_day(settings, run_date, run_id, options)


@dataclass(frozen=True)
class NightOptions:
    """How a day is to be judged; the default is a plain night.

    Attributes:
        epoch: a higher number judges, and pays for, the whole day again.
        is_quiet: measure, but alert nobody.
        asks_again: go on though the day is published, and ask again for what has no verdict.
        on_flips: called before a day is published that was published before, with what changes; it may raise.
        waits_for_input: wait until the day's input is still or marked as complete.
        start_count: times that this flow run was started, this time included.
    """

    epoch: int = 0
    is_quiet: bool = False
    asks_again: bool = False
    on_flips: Callable[[Flips], None] = lambda _: None
    waits_for_input: bool = False
    start_count: int = 1


def judge_day(settings: Settings, run_date: date, run_id: str, options: NightOptions) -> Night | None:
    """Judge and publish one day inside a flow run; None if it is published already. Raises what the stages raise."""
    log = get_run_logger()

    def report(name: str, result: object, took_s: float) -> None:
        level = WARNING if getattr(result, "warnings", ()) else INFO
        log.log(level, describe_step(name, result, took_s))

    step = Steps(time.monotonic, report)
    try:
        if options.start_count > MOST_STARTS:
            raise StartedTooOften(
                f"this run was started {MOST_STARTS} times and not once came to an end: look at its states and logs, "
                "then start a new run of the day; it goes on where this one stopped"
            )
        if options.waits_for_input:  # not while the day is held: somebody may judge it by hand meanwhile
            step(await_input, settings, run_date)
        with held(settings, run_date, run_id), stopped_on(CANCELLED, settings, run_date, _now, log.warning):
            return _night(settings, run_date, run_id, options, step)
    except Exception as error:
        name, reason = describe_failure(error)
        now, is_quiet = datetime.now(UTC), options.is_quiet
        note_stop(settings, run_date, run_id, name, reason, now)
        step(alert_stopped_night, settings, run_date, run_id, name, reason, now, is_quiet=is_quiet)
        raise
    finally:
        clear_scratch(settings, run_date, run_id)


def _night(settings: Settings, run_date: date, run_id: str, options: NightOptions, step: Steps) -> Night | None:
    plan = step(ingest, settings, run_date, run_id, datetime.now(UTC), options.epoch)
    if not options.asks_again and (published_by := step(find_published, settings, plan)):
        get_run_logger().info("%s is published already, by run %s: nothing to do", run_date, published_by)
        return None
    step(preflight, settings, plan, datetime.now(UTC), is_quiet=options.is_quiet)
    validation = step(validate, settings, plan)
    step(check_expectations, settings, plan)
    step(deduplicate, settings, plan)
    quotas, progress = step(read_quotas, settings, plan), _Progress(run_date)
    while True:
        batch = step(build_batch, settings, plan, datetime.now(UTC), quotas)
        step(try_canary, settings, plan, batch, datetime.now(UTC))
        submission = step(submit_batch, settings, plan, batch.shards, datetime.now(UTC), quotas)
        if not submission.live_keys:
            break
        step(ask_on_demand, settings, plan, _now)
        polled = step(poll_batch, settings, plan, _now, quotas, progress)
        step(collect_answers, settings, plan, datetime.now(UTC))
        if polled.is_late:
            break
    verdicts = step(merge_verdicts, settings, plan, datetime.now(UTC))
    if (flips := step(compare_verdicts, settings, plan)) is not None:
        options.on_flips(flips)
    books = step(publish, settings, plan)
    step(measure_drift, settings, plan, datetime.now(UTC))
    step(measure_accuracy, settings, run_date, run_id, run_id, datetime.now(UTC))
    step(remeasure_late_labels, settings, run_date, run_id, datetime.now(UTC))
    alerts = step(send_alerts, settings, run_date, run_id, datetime.now(UTC), is_quiet=options.is_quiet)
    night = step(close_night, settings, plan, validation, verdicts, books, alerts, step.seconds, datetime.now(UTC))
    step(tell_late_input, settings, datetime.now(UTC), is_quiet=options.is_quiet)
    step(expire_batch_files, settings, run_date, datetime.now(UTC))
    create_markdown_artifact(describe_night(night), key=f"night-{run_date}", description=headline(night))
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
