"""One night from top to bottom: the order of its stages, once, for whoever plays a night.

How a stage is run is handed in (`tasks.base.steps`): `flows/nightly.py` runs it as a Prefect task; the sandbox, tests
and benchmarks call it as a plain function. A crash at any line is harmless: whatever was paid for is in the ledger, and
the next run of the day goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from logging import Logger, LoggerAdapter, getLogger

from data_contracts.documents.alerts import Transition
from data_contracts.documents.summary import Night
from tasks.alerts.send_alerts import alert_stopped_night, send_alerts
from tasks.alerts.tell_published import tell_published
from tasks.base.errors import StartedTooOften, WrongUsage, describe_failure
from tasks.base.panics import panics_told
from tasks.base.settings import Settings
from tasks.base.steps import Steps
from tasks.batch.build_batch import Batch, build_batch
from tasks.batch.read_quotas import read_quotas
from tasks.batch.try_canary import try_canary
from tasks.intake.await_input import await_input
from tasks.intake.check_expectations import check_expectations
from tasks.intake.deduplicate import deduplicate
from tasks.intake.ingest import ingest
from tasks.intake.validate import validate
from tasks.jobs.ask_on_demand import ask_on_demand
from tasks.jobs.collect_answers import collect_answers
from tasks.jobs.collection import CollectionSummary
from tasks.jobs.expire_batch_files import expire_batch_files
from tasks.jobs.poll_batch import Progress, poll_batch
from tasks.jobs.stop_jobs import stopped_on
from tasks.jobs.submission import Submission
from tasks.jobs.submit_batch import submit_batch
from tasks.labels.measure_accuracy import measure_accuracy
from tasks.labels.remeasure_late_labels import remeasure_late_labels
from tasks.labels.request_labels import request_labels
from tasks.ledger.lease import held
from tasks.ledger.run import frames_kept
from tasks.ledger.run_records import clear_scratch, note_stop
from tasks.measure.explain_change import explain_change
from tasks.measure.measure_drift import measure_drift
from tasks.measure.measure_golden import measure_golden
from tasks.reports.close_night import close_night
from tasks.reports.outside.send_figures import send_figures
from tasks.reports.outside.traced import traced
from tasks.route.route_comments import route_comments
from tasks.verdicts.compare_verdicts import compare_verdicts
from tasks.verdicts.find_published import find_published
from tasks.verdicts.flips import Flips
from tasks.verdicts.merge_verdicts import merge_verdicts
from tasks.verdicts.publish import publish
from tasks.watch.preflight import preflight
from tasks.watch.tell_late_input import tell_late_input
from tasks.watch.tell_refused_packs import tell_refused_packs

#: Times that a run may be started: an automation starts it again after every crash (infra/automations).
MOST_STARTS = 5


@dataclass(frozen=True)
class NightOptions:
    """How a day is to be judged; the default is a plain night.

    Attributes:
        epoch: a higher number judges, and pays for, the whole day again.
        is_quiet: measure, but alert nobody.
        is_backfill: the day is judged again, or late: who watches tonight's figures is told nothing of it.
        has_golden: the golden pack rides along in the day's jobs.
        asks_again: go on though the day is published, and ask again for what has no verdict.
        on_flips: called before a day is published that was published before, with what changes; it may raise.
        on_progress: called with the jobs' progress at each look.
        waits_for_input: wait until the day's input is still or marked as complete.
        start_count: times that this run was started, this time included.
        cancelled_by: what ends the night from outside; its jobs are then stopped first of all.
        on_alerts: called with each move of the alerts that the night makes.
        run_link: where people can see the run; alerts show it.
    """

    epoch: int = 0
    is_quiet: bool = False
    is_backfill: bool = False
    has_golden: bool = True
    asks_again: bool = False
    on_flips: Callable[[Flips], None] = lambda _: None
    on_progress: Callable[[Progress], None] = lambda _: None
    waits_for_input: bool = False
    start_count: int = 1
    cancelled_by: tuple[type[BaseException], ...] = (KeyboardInterrupt,)
    on_alerts: Callable[[tuple[Transition, ...]], None] = lambda _: None
    run_link: str = ""


def check_is_over(settings: Settings, run_date: date, now: datetime) -> None:
    """Make sure that a day is over by the settings' clock: nobody is to be paged for one that cannot be judged yet.

    Raises:
        WrongUsage: naming the last day that is.
    """
    today = now.astimezone(settings.zone).date()
    if run_date >= today:
        raise WrongUsage(
            f"{run_date} is {'today' if run_date == today else 'in the future'} in {settings.timezone}; the last day "
            f"that is over is {today - timedelta(days=1)}"
        )


def judge_day(
    settings: Settings,
    run_date: date,
    run_id: str,
    step: Steps,
    read_time: Callable[[], datetime],
    options: NightOptions = NightOptions(),
    log: Logger | LoggerAdapter[Logger] = getLogger(__name__),
) -> Night | None:
    """Judge and publish one day; None if it is published already. Raises what the stages raise.

    A night that stops is put on record and alerted, and whatever ends it, its scratch frames are deleted.
    """
    with traced(settings, run_date, run_id, step, read_time, log.warning) as came_to:
        night, error_name = None, ""
        try:
            night = _judge_day(settings, run_date, run_id, step, read_time, options, log)
        except Exception as error:
            error_name = type(error).__name__
            raise
        finally:
            if settings.cloudwatch and not options.is_backfill:
                step(send_figures, settings, night, error_name, read_time())
        came_to.append(night)
        return night


def _judge_day(
    settings: Settings,
    run_date: date,
    run_id: str,
    step: Steps,
    read_time: Callable[[], datetime],
    options: NightOptions,
    log: Logger | LoggerAdapter[Logger],
) -> Night | None:
    """The day, held by this run; whatever ends it, nothing of it stays behind."""
    try:
        if options.start_count > MOST_STARTS:
            raise StartedTooOften(
                f"this run was started {MOST_STARTS} times and not once came to an end: look at its states and logs, "
                "then start a new run of the day; it goes on where this one stopped"
            )
        if options.waits_for_input:  # not while the day is held: somebody may judge it by hand meanwhile
            step(await_input, settings, run_date)
        with (
            panics_told(),
            held(settings, run_date, run_id),
            frames_kept(settings, run_date, run_id),
            stopped_on(options.cancelled_by, settings, run_date, read_time, log.warning),
        ):
            return _judge(settings, run_date, run_id, step, read_time, options, log)
    except Exception as error:
        name, reason = describe_failure(error)
        stopped_at = read_time()
        note_stop(settings, run_date, run_id, name, reason, stopped_at)
        quiet, link = options.is_quiet, options.run_link
        told = step(
            alert_stopped_night, settings, run_date, run_id, name, reason, stopped_at, is_quiet=quiet, run_link=link
        )
        options.on_alerts(told.transitions)
        raise
    finally:
        clear_scratch(settings, run_date, run_id)


def _is_all_answered(batch: Batch, submission: Submission, collected: CollectionSummary) -> bool:
    """Whether another round would find nothing to ask: all that was open was asked, and all of it was answered."""
    return not batch.left_count and collected.job_count >= len(submission.live_keys) and collected.is_whole


def _judge(
    settings: Settings,
    run_date: date,
    run_id: str,
    step: Steps,
    read_time: Callable[[], datetime],
    options: NightOptions,
    log: Logger | LoggerAdapter[Logger],
) -> Night | None:
    """The stages of a day that is held by this run."""
    plan = step(ingest, settings, run_date, run_id, read_time(), options.epoch, has_golden=options.has_golden)
    if not options.asks_again and (published_by := step(find_published, settings, plan)):
        log.info("%s is published already, by run %s: nothing to do", run_date, published_by)
        return None
    step(preflight, settings, plan, read_time(), is_quiet=options.is_quiet)
    validation = step(validate, settings, plan)
    step(check_expectations, settings, plan)
    step(deduplicate, settings, plan)
    step(route_comments, settings, plan, read_time())
    quotas = step(read_quotas, settings, plan)
    while True:
        batch = step(build_batch, settings, plan, read_time(), quotas)
        trial = step(try_canary, settings, plan, batch, read_time())
        if trial.refused_packs:
            step(tell_refused_packs, settings, plan, trial.refused_packs, read_time(), is_quiet=options.is_quiet)
            continue
        submission = step(submit_batch, settings, plan, batch.shards, read_time(), quotas)
        if not submission.live_keys:
            break
        step(ask_on_demand, settings, plan, read_time)
        polled = step(poll_batch, settings, plan, read_time, quotas, options.on_progress)
        collected = step(collect_answers, settings, plan, read_time())
        if polled.is_late or (plan.is_plain and _is_all_answered(batch, submission, collected)):
            break
    verdicts = step(merge_verdicts, settings, plan, read_time())
    if (flips := step(compare_verdicts, settings, plan)) is not None:
        options.on_flips(flips)
    books = step(publish, settings, plan)
    step(request_labels, settings, plan, read_time())
    step(measure_drift, settings, plan, read_time())
    step(measure_golden, settings, plan, read_time())
    step(explain_change, settings, plan)
    step(measure_accuracy, settings, run_date, run_id, run_id, read_time())
    step(remeasure_late_labels, settings, run_date, run_id, read_time())
    quiet, link = options.is_quiet, options.run_link
    alerts = step(send_alerts, settings, run_date, run_id, read_time(), is_quiet=quiet, run_link=link)
    options.on_alerts(alerts.transitions)
    night = step(close_night, settings, plan, validation, verdicts, books, alerts, step.seconds, read_time())
    published = step(tell_published, settings, run_date, run_id, read_time(), is_quiet=quiet, run_link=link)
    options.on_alerts(published.transitions)
    late = step(tell_late_input, settings, read_time(), run_date, is_quiet=quiet)
    options.on_alerts(late.transitions)
    step(expire_batch_files, settings, run_date, read_time())
    return night
