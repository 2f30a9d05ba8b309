"""The nightly flow: the Prefect run around a night, with its name, its heartbeat, its log and its page.

The night itself, stage by stage, is `flows/night.py`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from logging import INFO, WARNING
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.logging.loggers import flow_run_logger
from prefect.runtime import flow_run

from data_contracts.documents.summary import Night
from flows.alerts.events import emit_alerts
from flows.endings import ended, or_refused
from flows.night import NightOptions, check_is_over, judge_day
from flows.pages.standing import show_links, show_overview
from flows.plain_errors import log_plainly
from flows.workers.cluster import workers_of
from tasks.adapters.channels.heartbeat import heartbeat
from tasks.base.errors import PromptInvalid, SettingsInvalid, UnsupportedModel
from tasks.base.figures import dollars
from tasks.base.paths import RunPaths
from tasks.base.safe_text import literal
from tasks.base.settings import Settings
from tasks.base.steps import Steps
from tasks.jobs.poll_batch import Progress
from tasks.jobs.stop_jobs import Stopped, stop_left
from tasks.reports.ending import end_of
from tasks.reports.log_lines import describe_progress, describe_step
from tasks.reports.night_summary import describe_night, headline

log_plainly()

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
def nightly(run_date: date | None = None, epoch: int = 0, is_quiet: bool = False, waits_for_input: bool = False) -> Any:
    """Judge one day of comments and publish a verdict for each.

    It ends as Completed when all is as it should be, as Partial when comments lack a verdict, as Degraded when
    something that is measured is not as it should be: published in any case, and the state's message has the reason.

    Args:
        run_date: The local day whose comments are judged, over by now. Empty: the day before the scheduled start.
        epoch: Leave it at 0. A higher number judges, and pays for, the whole day again.
        is_quiet: Measure, but alert nobody: for a backfill of old days.
        waits_for_input: Wait until the day's input is still or marked as complete; the schedule turns it on.
    """
    no_form = (SettingsInvalid, PromptInvalid, UnsupportedModel)  # the run fails: who started it cannot mend them there
    return or_refused(lambda: _judge(run_date, epoch, is_quiet, waits_for_input), but=no_form)


def _judge(run_date: date | None, epoch: int, is_quiet: bool, waits_for_input: bool) -> State[Any]:
    settings = Settings.load()
    started = flow_run.scheduled_start_time or _now()
    run_date, run_id = _name(settings, run_date, started, flow_run.id, flow_run.run_count)
    check_is_over(settings, run_date, _now())
    # An old day that is published says nothing of last night, whose silence must ring.
    is_last_night = run_date >= started.astimezone(settings.zone).date() - timedelta(days=1)
    url = settings.heartbeat_url if is_last_night and not is_quiet else None
    with heartbeat(url, get_run_logger().info):
        options = NightOptions(epoch, is_quiet, waits_for_input=waits_for_input, start_count=flow_run.run_count)
        return state_of(run_night(settings, run_date, run_id, options))


def state_of(night: Night | None) -> State[Any]:
    """The state in which a night's run ends, with what it came to."""
    if night is None:
        return ended(None, "published already: nothing to do")
    ending = end_of(night)
    return ended(night, f"{ending.reason}; {dollars(night.cost_usd)}", ending.ending)


def run_night(settings: Settings, run_date: date, run_id: str, options: NightOptions) -> Night | None:
    """Judge and publish one day inside a flow run; None if it is published already. Raises what the stages raise."""
    log = get_run_logger()

    def report(name: str, result: object, took_s: float) -> None:
        level = WARNING if getattr(result, "warnings", ()) else INFO
        log.log(level, describe_step(name, result, took_s))

    options = replace(options, cancelled_by=CANCELLED, on_progress=_Progress(run_date), on_alerts=emit_alerts)
    options = replace(options, run_link=flow_run.ui_url or "")
    with workers_of(settings):
        night = judge_day(settings, run_date, run_id, Steps(time.monotonic, report), _now, options, log)
    if night is not None:
        page = describe_night(night, settings.language)
        create_markdown_artifact(page, key=f"night-{run_date}", description=literal(headline(night)))
        show_links(RunPaths(settings, run_date, night.run_id))
    show_overview(settings)
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
