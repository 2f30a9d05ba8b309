"""When the watchdog calls something wrong: pure rules over the facts that were gathered.

A day that a run works on is left alone, and one before the first published night was nobody's to publish.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from data_contracts.documents.ledger import EntryState
from tasks.alerts.problems import Found, Problem, unpublished
from tasks.base.figures import moment
from tasks.base.ports import ENDED, JobStatus, Severity
from tasks.base.settings import Settings
from tasks.ledger.lease import FREE_AFTER_S
from tasks.watch.day_rules import find_disorder
from tasks.watch.facts import Backfill, DayJob, Facts, Lease

#: A day is abandoned this long after its lease was last written: the next run had the time to take over.
ABANDONED_AFTER_S = 900.0
#: Hours that a run may hold a day beyond DEADLINE_H, for all that is not waiting.
LEASE_SLACK_H = 6.0
#: Hours beyond a job's own time limit after which its answers should have been read.
STUCK_AFTER_H = 24.0

#: Looked for on every day that has them, however old.
_ANY_DAY = {"unclosed", "unknown_job", "unowned_job", "lease"}
#: Told for sure while a run works on the day.
_TOLD_WHILE_BUSY = {"abandoned", "unknown_job", "unowned_job", "lease"}
#: Looked for by nights, not here.
_OF_NIGHTS = {"late_input", "unread_input"}
#: A day of which this was told is over once it is published, and not because it is not due yet.
_UNTIL_PUBLISHED = {"stop", "stop_after", "stopped", "absent", "died", "late"}


def judge_facts(facts: Facts, settings: Settings, first_night: date | None) -> Found:
    """Everything that is wrong, and what this look could not tell.

    Args:
        facts: as they were gathered.
        settings: of the deployment.
        first_night: the first day that was published when anything first was; no earlier one is missed.
    """
    problems = [
        *_faults(facts),
        *(each for day in facts.window for each in _unpublished(day, facts, settings, first_night)),
        *_unclosed_before(facts),
        *(each for day in facts.window if not is_busy(day, facts) for each in find_disorder(day, facts)),
        *(each for owned in facts.jobs or () for each in _unowned(owned, facts)),
        *(each for day in facts.window if not is_busy(day, facts) for each in _stuck(day, facts)),
        *_long_leases(facts, settings),
    ]
    unread = {fault.day for fault in facts.faults if fault.kind == "s3"}
    broken_tables = {fault.table for fault in facts.faults if fault.kind == "table"}

    def is_unsure(problem: Problem) -> bool:
        if None in unread or problem.day in unread:
            return problem.kind != "s3"
        if problem.kind in ("unknown_job", "unowned_job"):
            return facts.jobs is None
        is_of_tables = problem.key.startswith(("unpublished", "rows", "plain", "books"))
        if broken_tables and is_of_tables:
            return True
        if problem.day is None:
            return False
        if problem.kind in _UNTIL_PUBLISHED and problem.day not in (facts.nights or {}):
            return True
        if is_of_tables and problem.key.startswith("unpublished") and problem.day not in (facts.nights or {}):
            return is_backfilled(problem.day, facts) or (is_busy(problem.day, facts) and problem.kind != "abandoned")
        return is_busy(problem.day, facts) and problem.kind not in _TOLD_WHILE_BUSY

    def is_watched(problem: Problem) -> bool:
        is_published_now = problem.key.startswith("unpublished") and problem.day in (facts.nights or {})
        is_known = problem.kind in _ANY_DAY or is_published_now or _stopped_lately(problem, facts, settings)
        return problem.day is None or problem.day in facts.window or is_known

    return Found(tuple(problems), _is_mine, is_unsure, is_watched)


def _stopped_lately(problem: Problem, facts: Facts, settings: Settings) -> bool:
    """Whether a run of an old day stopped not longer ago than days are watched."""
    stopped_at = problem.facts.get("stopped_at")
    return stopped_at is not None and facts.now - datetime.fromisoformat(stopped_at) < timedelta(settings.watch_days)


def _is_mine(problem: Problem) -> bool:
    return problem.kind not in _OF_NIGHTS


def due_at(day: date, settings: Settings) -> datetime:
    """When the night of a day must be published: local hours after the midnight that ends the day."""
    return datetime.combine(day + timedelta(days=1), time(), settings.zone) + timedelta(hours=settings.publish_by_h)


def is_alive(lease: Lease | None) -> bool:
    """Whether a run holds the day now."""
    return lease is not None and not lease.is_released and lease.age_s <= FREE_AFTER_S


def is_abandoned(lease: Lease | None) -> bool:
    """Whether the run that held the day last died without anybody taking over."""
    return lease is not None and not lease.is_released and lease.age_s > ABANDONED_AFTER_S


def is_busy(day: date, facts: Facts) -> bool:
    """Whether a run works on the day, did so while we looked, or died too short a while ago to be given up."""
    of_day = facts.days.get(day)
    lease = of_day.lease if of_day else None
    return day in facts.changed or (lease is not None and not lease.is_released and not is_abandoned(lease))


def _faults(facts: Facts) -> Iterator[Problem]:
    severities = {"s3": Severity.PAGE, "table": Severity.PAGE}
    for fault in {fault.kind: fault for fault in facts.faults if fault.kind in ("s3", "bedrock")}.values():
        severity = severities.get(fault.kind, Severity.TICKET)
        yield Problem(key=fault.kind, kind=fault.kind, severity=severity, facts={"error": fault.error})
    for fault in {fault.table: fault for fault in facts.faults if fault.kind == "table"}.values():
        details = {"table": fault.table, "error": fault.error}
        yield Problem(key=f"table {fault.table}", kind="table", severity=Severity.PAGE, facts=details)
    for fault in facts.faults:
        if fault.kind == "record":
            key, details = f"record {fault.uri}", {"uri": fault.uri}
            yield Problem(key=key, kind="record", severity=Severity.TICKET, day=fault.day, facts=details)


def _unpublished(day: date, facts: Facts, settings: Settings, first_night: date | None) -> Iterator[Problem]:
    """The day's night, if it should be published and is not; one problem, named by what is known of it."""
    if facts.nights is None or day in facts.nights:
        return
    of_day, due = facts.days[day], due_at(day, settings)
    lease, key = of_day.lease, unpublished(day)
    is_unclosed = day in facts.verdict_days and not is_busy(day, facts)
    is_due = first_night is not None and day >= first_night and facts.now >= due and not is_backfilled(day, facts)
    details = {"due": moment(due, settings.zone)}
    if lease is not None:
        details |= {"run": lease.run_id, "ago_s": str(lease.age_s)}
    if is_unclosed:
        severity = Severity.PAGE if is_due else Severity.TICKET
        yield Problem(key=key, kind="unclosed", severity=severity, day=day, facts=details)
    elif not is_due:
        if is_abandoned(lease):
            yield Problem(key=key, kind="abandoned", severity=Severity.TICKET, day=day, facts=details)
    elif is_alive(lease):
        yield Problem(key=key, kind="late", severity=Severity.PAGE, day=day, facts=details)
    elif day in facts.changed:
        return  # a run ended while we looked: the next look tells
    elif lease is not None and not lease.is_released:
        yield Problem(key=key, kind="died", severity=Severity.PAGE, day=day, facts=details)
    elif of_day.stop is not None:
        details |= {"run": of_day.stop.run_id, "reason": f"{of_day.stop.name}: {of_day.stop.reason}"}
        yield Problem(key=key, kind="stopped", severity=Severity.PAGE, day=day, facts=details)
    else:
        yield Problem(key=key, kind="absent", severity=Severity.PAGE, day=day, facts=details)


def is_backfilled(day: date, facts: Facts) -> bool:
    """Whether a backfill that is at work now may yet come to the day."""
    return any(
        item.first <= day <= item.last and day not in item.ended and _goes_on(item, facts) for item in facts.backfills
    )


def _goes_on(item: Backfill, facts: Facts) -> bool:
    leases = (of_day.lease for day, of_day in facts.days.items() if day in item.under_way)
    return item.age_s <= ABANDONED_AFTER_S or any(map(is_alive, leases))


def _unclosed_before(facts: Facts) -> Iterator[Problem]:
    for day in sorted(facts.verdict_days - facts.nights.keys() if facts.nights is not None else ()):
        if day not in facts.window and not is_busy(day, facts):
            yield Problem(key=unpublished(day), kind="unclosed", severity=Severity.TICKET, day=day)


def _unowned(of_day: DayJob, facts: Facts) -> Iterator[Problem]:
    """A job that runs though no ledger knows it, or though nobody has worked on its day for some time."""
    day, job = of_day
    if job.status in ENDED or job.status is JobStatus.STOPPING:
        return
    day_facts = facts.days[day]
    entries = (entry for entry in day_facts.entries if job.job_arn == entry.job_arn or job.job_name == entry.job_name)
    entry = next(entries, None)
    details = {"job": job.job_name, "arn": job.job_arn, "status": str(job.status)}
    key = f"job {job.job_arn}"
    if entry is None or entry.state is EntryState.COLLECTED:
        yield Problem(key=key, kind="unknown_job", severity=Severity.TICKET, day=day, facts=details)
        return
    idle_s = day_facts.lease.age_s if day_facts.lease else (facts.now - entry.intended_at).total_seconds()
    if not is_alive(day_facts.lease) and idle_s > ABANDONED_AFTER_S:
        details |= {"ago_s": str(idle_s)}
        yield Problem(key=key, kind="unowned_job", severity=Severity.TICKET, day=day, facts=details)


def _stuck(day: date, facts: Facts) -> Iterator[Problem]:
    """Entries whose answers nobody has read long after their jobs must have ended."""
    ages_s = [
        age_s
        for entry in (facts.days[day].entries if day in facts.days else ())
        if entry.state is not EntryState.COLLECTED and entry.mode != "canary"
        for age_s in [(facts.now - entry.intended_at).total_seconds()]
        if age_s > (entry.timeout_h + STUCK_AFTER_H) * 3600
    ]
    if ages_s:
        details = {"count": str(len(ages_s)), "ago_s": str(max(ages_s))}
        yield Problem(key=f"ledger {day}", kind="stuck", severity=Severity.TICKET, day=day, facts=details)


def _long_leases(facts: Facts, settings: Settings) -> Iterator[Problem]:
    for day, of_day in sorted(facts.days.items()):
        lease = of_day.lease
        if lease is not None and is_alive(lease) and lease.held_s > (settings.deadline_h + LEASE_SLACK_H) * 3600:
            details = {"run": lease.run_id, "ago_s": str(lease.held_s)}
            yield Problem(key=f"lease {day}", kind="lease", severity=Severity.TICKET, day=day, facts=details)
