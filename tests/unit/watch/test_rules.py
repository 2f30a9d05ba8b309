"""What the watchdog calls wrong, what it leaves alone, and what it cannot tell."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.documents.ledger import EntryState
from data_contracts.documents.stopped import Stop
from tasks.alerts.problems import Found, Problem
from tasks.base.ports import Job, JobStatus, Severity
from tasks.base.settings import Settings
from tasks.verdicts.published_rows import Rows
from tasks.watch.facts import Backfill, Books, DayFacts, DayJob, Facts, Fault, Lease, NightRow
from tasks.watch.rules import ABANDONED_AFTER_S, due_at, judge_facts
from tests.factories import JOB_ARN, ledger_entry
from tests.measured_nights import settings_in

WINDOW = [date(2026, 11, number) for number in range(13, 20)]
DAY = WINDOW[-1]
DUE = datetime(2026, 11, 20, 3, tzinfo=UTC)  # noon in Tokyo
RUN = "run-1"
HOUR = timedelta(hours=1)
ENTRY = ledger_entry(run_date=DAY, intended_at=DUE - 10 * HOUR)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose roots are folders."""
    return settings_in(tmp_path)


def lease(age_s: float = 5.0, *, released: bool = False, held_s: float = 60.0) -> Lease:
    """A lease of run-2, held and alive."""
    return Lease("run-2", released, age_s, held_s)


def site(now: datetime = DUE + HOUR, **changes: Any) -> Facts:
    """A week of published days in order."""
    night = NightRow(RUN, 10, {"verdicts": 9, "rejected": 1}, DUE - 200 * HOUR)
    whole = {"verdicts": Rows(9, frozenset({RUN})), "rejected": Rows(1, frozenset({RUN}))}
    facts = Facts(
        now,
        WINDOW,
        days={day: DayFacts(books=books(), plain=dict(whole)) for day in WINDOW},
        nights=dict.fromkeys(WINDOW, night),
        verdict_days=frozenset(WINDOW),
        rows={table: dict.fromkeys(WINDOW, rows) for table, rows in whole.items()},
        jobs=[],
    )
    for name, value in changes.items():
        setattr(facts, name, value)
    return facts


def books(**counts: int) -> Books:
    """Books that add up, or do not."""
    return Books(**({"ingested_count": 10, "valid_count": 9, "rejected_count": 1, "verdict_count": 9} | counts))


def unpublish(facts: Facts, day: date = DAY, *, with_verdicts: bool = False) -> Facts:
    """Take a day's night away."""
    assert facts.nights is not None
    facts.nights = {other: night for other, night in facts.nights.items() if other != day}
    if not with_verdicts:
        facts.verdict_days -= {day}
    return facts


def judge(facts: Facts, settings: Settings, first_night: date | None = WINDOW[0]) -> Found:
    return judge_facts(facts, settings, first_night)


def kinds(verdict: Found) -> list[str]:
    return [problem.kind for problem in verdict.problems]


def test_a_week_in_order_is_well(settings: Settings) -> None:
    """Nothing is wrong with published days whose parts agree."""
    assert judge(site(), settings).problems == ()


def test_the_deadline_is_on_the_wall_clock_of_the_zone(tmp_path: Path) -> None:
    """MODERATION_PUBLISH_BY_H counts from the local midnight that ends the day, also when clocks change."""
    assert due_at(DAY, settings_in(tmp_path)) == DUE
    berlin = settings_in(tmp_path, timezone="Europe/Berlin", publish_by_h=10)
    assert due_at(date(2026, 10, 24), berlin).isoformat() == "2026-10-25T10:00:00+01:00"


@pytest.mark.parametrize(
    ("now", "first_night", "expected"),
    [
        pytest.param(DUE - timedelta(seconds=1), WINDOW[0], [], id="not-due"),
        pytest.param(DUE, WINDOW[0], ["absent"], id="due"),
        pytest.param(DUE, DAY, ["absent"], id="the-first-night-itself-was-lost"),
        pytest.param(DUE, DAY + timedelta(1), [], id="before-the-first-night"),
        pytest.param(DUE, None, [], id="nothing-was-ever-published"),
    ],
)
def test_an_absent_night(now: datetime, first_night: date | None, expected: list[str], settings: Settings) -> None:
    """A night is absent from its deadline on, and never before the first one."""
    assert kinds(judge(unpublish(site(now)), settings, first_night)) == expected


@pytest.mark.parametrize(
    ("now", "found", "with_verdicts", "expected"),
    [
        pytest.param(DUE, DayFacts(lease=lease()), False, ("late", Severity.PAGE), id="running-past-its-deadline"),
        pytest.param(DUE - HOUR, DayFacts(lease=lease()), False, None, id="running-before-it"),
        pytest.param(DUE, DayFacts(lease=lease(3600)), False, ("died", Severity.PAGE), id="died"),
        pytest.param(
            DUE - HOUR, DayFacts(lease=lease(3600)), False, ("abandoned", Severity.TICKET), id="abandoned-before-it"
        ),
        pytest.param(DUE - HOUR, DayFacts(lease=lease(ABANDONED_AFTER_S)), False, None, id="may-be-taken-over-yet"),
        pytest.param(DUE - HOUR, DayFacts(lease=lease(9e9, released=True)), False, None, id="gave-up-before-it"),
        pytest.param(
            DUE,
            DayFacts(lease=lease(600, released=True), stop=Stop(run_id="r", name="N", reason="x", stopped_at=DUE)),
            False,
            ("stopped", Severity.PAGE),
            id="stopped",
        ),
        pytest.param(DUE, DayFacts(lease=lease(released=True)), True, ("unclosed", Severity.PAGE), id="not-closed"),
        pytest.param(DUE - HOUR, DayFacts(), True, ("unclosed", Severity.TICKET), id="not-closed-before-it"),
        pytest.param(DUE - HOUR, DayFacts(lease=lease()), True, None, id="being-published"),
    ],
)
def test_why_a_night_is_not_there(
    now: datetime, found: DayFacts, with_verdicts: bool, expected: tuple[str, Severity] | None, settings: Settings
) -> None:
    """What is known of the day says which sentence is told, and how urgent it is; it stays one problem."""
    facts = unpublish(site(now), with_verdicts=with_verdicts)
    facts.days[DAY] = found
    told = [(problem.kind, problem.severity) for problem in judge(facts, settings).problems]
    assert told == ([expected] if expected else [])
    assert {problem.key for problem in judge(facts, settings).problems} <= {f"unpublished {DAY}"}


def test_a_night_that_ends_while_the_watchdog_looks(settings: Settings) -> None:
    """A lease that was written in between leaves the day to the next look."""
    assert kinds(judge(unpublish(site(changed=frozenset({DAY}))), settings)) == []


@pytest.mark.parametrize(
    ("backfill", "expected"),
    [
        pytest.param(Backfill(WINDOW[0], DAY, frozenset(), frozenset(), 60.0), [], id="between-two-days"),
        pytest.param(Backfill(WINDOW[0], DAY, frozenset({WINDOW[1]}), frozenset(), 9e4), [], id="in-a-long-day"),
        pytest.param(Backfill(WINDOW[0], DAY, frozenset({WINDOW[2]}), frozenset(), 9e4), ["absent"], id="died"),
        pytest.param(
            Backfill(WINDOW[0], DAY, frozenset(), frozenset({DAY}), 60.0), ["absent"], id="is-through-with-it"
        ),
        pytest.param(Backfill(WINDOW[0], WINDOW[3], frozenset(), frozenset(), 60.0), ["absent"], id="other-days"),
    ],
)
def test_a_backfill_in_progress_is_no_alarm(backfill: Backfill, expected: list[str], settings: Settings) -> None:
    """A day that a backfill will come to is not missed meanwhile; what was told ends once the day is published."""
    facts = unpublish(site(backfills=[backfill]))
    facts.days[WINDOW[1]].lease = lease()
    verdict = judge(facts, settings)
    assert kinds(verdict) == expected
    told = Problem(key=f"unpublished {DAY}", kind="absent", severity=Severity.PAGE, day=DAY)
    assert verdict.is_unsure(told)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"books": None}, "no_balance", id="no-books"),
        pytest.param({"books": books(verdict_count=8)}, "unbalanced", id="a-verdict-lacks"),
        pytest.param({"books": books(rejected_count=0)}, "unbalanced", id="a-row-lacks"),
        pytest.param({"rows": Rows(8, frozenset({RUN}))}, "rows", id="rows-lack"),
        pytest.param({"rows": Rows(10, frozenset({RUN}))}, "rows", id="rows-too-many"),
        pytest.param(
            {"rows": Rows(8, frozenset({RUN})), "erased_count": 1}, "plain_rows", id="erased-in-the-lake-alone"
        ),
        pytest.param({"rows": Rows(9, frozenset({"run-9"}))}, "other_run", id="another-run"),
        pytest.param({"plain": None}, "plain_absent", id="no-plain-object"),
        pytest.param({"plain": Rows(7, frozenset({RUN}))}, "plain_rows", id="plain-object-of-other-rows"),
        pytest.param({"plain": Rows(9, frozenset({"run-0"}))}, "plain_other", id="plain-object-of-another-run"),
        pytest.param({"plain": Rows(9, frozenset())}, None, id="plain-object-without-statistics"),
    ],
)
def test_a_published_day_out_of_order(changes: dict[str, Any], expected: str | None, settings: Settings) -> None:
    """Night, books, lake and plain object must agree; while a run works on the day nothing is said of it."""
    facts = site()
    found = DayFacts(books=changes.get("books", books()), erased_count=changes.get("erased_count", 0))
    found.plain = dict(facts.days[DAY].plain)
    if "plain" in changes:
        found.plain["verdicts"] = changes["plain"]
    facts.days[DAY] = found
    facts.rows["verdicts"][DAY] = changes.get("rows", facts.rows["verdicts"][DAY])
    assert kinds(judge(facts, settings)) == ([expected] if expected else [])
    found.lease = lease()
    verdict = judge(facts, settings)
    assert kinds(verdict) == []
    assert verdict.is_unsure(Problem(key=f"rows verdicts {DAY}", kind="rows", severity=Severity.PAGE, day=DAY))


def test_days_in_verdicts_without_a_night(settings: Settings) -> None:
    """A day that was never closed is found however old it is."""
    old = date(2026, 1, 5)
    facts = site()
    facts.verdict_days |= {old}
    facts.days[old] = DayFacts()
    (problem,) = judge(facts, settings).problems
    assert (problem.kind, problem.day, problem.severity) == ("unclosed", old, Severity.TICKET)


@pytest.mark.parametrize(
    ("status", "entries", "holder", "expected"),
    [
        pytest.param("InProgress", [], None, "unknown_job", id="in-no-ledger"),
        pytest.param("InProgress", [{"job_arn": JOB_ARN}], lease(), None, id="its-run-is-alive"),
        pytest.param("InProgress", [{"job_arn": JOB_ARN}], lease(800, released=True), None, id="its-run-just-ended"),
        pytest.param("Scheduled", [{"job_arn": JOB_ARN}], lease(1000, released=True), "unowned_job", id="nobody-holds"),
        pytest.param("Submitted", [{"job_name": "nm-x"}], lease(1000), "unowned_job", id="intended-only-and-run-died"),
        pytest.param("InProgress", [{"job_arn": JOB_ARN}], None, "unowned_job", id="nobody-ever-held"),
        pytest.param("Stopping", [], None, None, id="is-stopping"),
        pytest.param("Completed", [], None, None, id="has-ended"),
    ],
)
def test_jobs_without_an_owner(
    status: str, entries: list[dict[str, Any]], holder: Lease | None, expected: str | None, settings: Settings
) -> None:
    """A running job must be in the ledger of its day, and somebody must work on that day or have done so lately."""
    facts = site(jobs=[DayJob(DAY, Job(job_arn=JOB_ARN, job_name="nm-x", status=JobStatus(status)))])
    facts.days[DAY].lease = holder
    base = {"job_arn": None, "state": EntryState.SUBMITTED}
    facts.days[DAY].entries = [ENTRY.model_copy(update=base | entry) for entry in entries]
    assert kinds(judge(facts, settings)) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("hours", "state", "holder", "expected"),
    [
        pytest.param(48, "submitted", None, [], id="may-still-run"),
        pytest.param(49, "submitted", None, ["stuck"], id="submitted-for-days"),
        pytest.param(49, "intended", None, ["stuck"], id="intended-for-days"),
        pytest.param(99, "collected", None, [], id="done"),
        pytest.param(49, "submitted", lease(), [], id="a-run-works-on-it"),
    ],
)
def test_stuck_ledger_entries(
    hours: int, state: str, holder: Lease | None, expected: list[str], settings: Settings
) -> None:
    """An entry is stuck a day after its job's own limit, unless a run works on the day."""
    facts = site()
    intended_at = facts.now - timedelta(hours=hours)
    update = {"state": EntryState(state), "intended_at": intended_at, "timeout_h": 24}
    facts.days[DAY].entries = [ENTRY.model_copy(update=update)]
    facts.days[DAY].lease = holder
    assert kinds(judge(facts, settings)) == expected


def test_a_lease_that_is_held_far_too_long(settings: Settings) -> None:
    """A run that still beats long after DEADLINE_H is told of."""
    facts = site()
    facts.days[DAY].lease = lease(held_s=30 * 3600)
    assert kinds(judge(facts, settings)) == []
    facts.days[DAY].lease = lease(held_s=30 * 3600 + 15)
    assert kinds(judge(facts, settings)) == ["lease"]


def test_what_cannot_be_reached_is_an_alarm_and_ends_nothing(settings: Settings) -> None:
    """An unreachable S3 or Bedrock is told as such, and no other problem is called over meanwhile."""
    absent = Problem(key=f"unpublished {DAY}", kind="absent", severity=Severity.PAGE, day=DAY)
    job = Problem(key="job x", kind="unowned_job", severity=Severity.TICKET, day=DAY)
    blind = judge(Facts(DUE, WINDOW, faults=[Fault("s3", "no route")]), settings)
    assert kinds(blind) == ["s3"]
    assert blind.is_unsure(absent)
    assert blind.is_unsure(job)
    half = judge(site(jobs=None, faults=[Fault("bedrock", "no route")]), settings)
    assert kinds(half) == ["bedrock"]
    assert half.is_unsure(job)
    assert not half.is_unsure(absent)


def test_a_table_that_cannot_be_read_ends_nothing(settings: Settings) -> None:
    """A broken table is told once, and nothing that is read from it is called over."""
    verdict = judge(site(nights=None, rows={}, faults=[Fault("table", "lost", None, "nights")]), settings)
    assert kinds(verdict) == ["table"]
    assert verdict.is_unsure(Problem(key=f"unpublished {DAY}", kind="absent", severity=Severity.PAGE, day=DAY))


@pytest.mark.parametrize(
    ("kind", "key", "day", "is_watched"),
    [
        pytest.param("absent", "unpublished", DAY, True, id="in-the-window"),
        pytest.param("absent", "unpublished", WINDOW[0] - timedelta(1), False, id="fell-out-unpublished"),
        pytest.param("unclosed", "unpublished", WINDOW[0] - timedelta(30), True, id="always-looked-for"),
        pytest.param("s3", "s3", None, True, id="of-no-day"),
    ],
)
def test_what_is_still_watched(kind: str, key: str, day: date | None, is_watched: bool, settings: Settings) -> None:
    """What falls out of the watched days is not called over."""
    problem = Problem(key=f"{key} {day}", kind=kind, severity=Severity.PAGE, day=day)
    assert judge(site(), settings).is_watched(problem) is is_watched
