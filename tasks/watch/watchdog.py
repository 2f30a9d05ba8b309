"""The watchdog: looks from outside at whether nights are published and in order, tells people once, and says so.

Gathering (`gather`), judging (`rules`) and what is told of it (`alerts/tell`) are apart; this module puts them
together. It holds no lease, changes nothing but the alerts' records and needs no Prefect, so that cron or a Lambda may
run it where Prefect is dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from tasks import adapters
from tasks.adapters.channels.heartbeat import send_heartbeat
from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.cloudwatch import FiguresUndelivered
from tasks.adapters.telemetry.facts import Point
from tasks.alerts.message import Scene
from tasks.alerts.problem_text import say
from tasks.alerts.problems import Found, Problem
from tasks.alerts.tell import GROUPS, Telling, tell
from tasks.base.errors import ModerationError
from tasks.base.figures import moment
from tasks.base.panics import panics_told
from tasks.base.ports import Severity
from tasks.base.safe_text import brief
from tasks.base.settings import Settings
from tasks.watch.facts import Facts
from tasks.watch.first_night import note_first_night, read_first_night
from tasks.watch.gather import gather_facts
from tasks.watch.rules import due_at, is_alive, is_backfilled, judge_facts

#: Longest sentence about a problem in a log, in characters.
_MAX_CHARS = 400


class Watch(BaseModel):
    """What one look came to.

    Attributes:
        looked: one line a day that was looked at.
        problems: what is wrong, in words.
        telling: who was told.
        heartbeat: what came of calling WATCHDOG_URL.
    """

    model_config = ConfigDict(frozen=True)

    looked: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    telling: Telling = Telling()
    heartbeat: str = ""

    @property
    def verdict(self) -> str:
        """The look in one line."""
        if not self.problems:
            return "all well"
        return f"{len(self.problems)} wrong: {' '.join(self.problems)}"


def watch(settings: Settings, now: datetime, *, is_quiet: bool = False) -> Watch:
    """Look at everything, and tell what is news.

    Args:
        settings: of the deployment.
        now: the time of the look.
        is_quiet: tell nobody, remember nothing and call no URL.

    Raises:
        SettingsInvalid: if there is no AWS region.
    """
    outside = adapters.connect(settings)
    facts, first = Facts(now, []), read_first_night(outside.storage, settings)
    try:
        with panics_told():
            facts = gather_facts(outside, settings, now)
        first = first or min(facts.nights or (), default=None)
        look = judge_facts(facts, settings, first)
    except Exception as error:  # what watches must not fall silent by a defect of its own
        look = _broken(error)
    looked = tuple(_look(day, facts, settings, first) for day in facts.window if day in facts.days)
    problems = tuple(brief(say(problem), _MAX_CHARS) for problem in look.problems)
    if is_quiet:
        return Watch(looked=looked, problems=problems)
    looks = {group: look.look(group, now) for group in GROUPS}
    telling = tell(outside, looks, Scene(settings=settings, now=now), f"watchdog {now.isoformat()}")
    note_first_night(outside.storage, settings, first)
    heartbeat = send_heartbeat(settings.watchdog_url, "fail" if problems else "success")
    if settings.cloudwatch:
        _send_figures(outside, settings, facts, len(problems))
    return Watch(looked=looked, problems=problems, telling=telling, heartbeat=heartbeat)


def describe_watch(watched: Watch) -> Iterator[str]:
    """The look in lines."""
    yield from watched.looked
    yield from (f"WRONG: {problem}" for problem in watched.problems)
    telling = watched.telling
    if telling.titles:
        yield f"told: {', '.join(telling.titles)} ({', '.join(telling.delivered) or 'nobody'})"
    yield from (f"not delivered: {fault}" for fault in telling.failed)
    if watched.heartbeat:
        yield f"heartbeat: {watched.heartbeat}"


def figures_of(facts: Facts, problem_count: int) -> Iterator[Point]:
    """What CloudWatch is told of a look: how many things are wrong, and how long ago the newest night was published."""
    yield Point(names.PROBLEMS, problem_count, "Count")
    if facts.nights:
        newest = facts.nights[max(facts.nights)].published_at
        yield Point(names.HOURS_SINCE, (facts.now - newest).total_seconds() / 3600)


def _send_figures(outside: adapters.Adapters, settings: Settings, facts: Facts, problem_count: int) -> None:
    with suppress(FiguresUndelivered):  # an alarm there hears of silence too
        outside.figures.put(settings.deployment, tuple(figures_of(facts, problem_count)), facts.now)


def _broken(error: Exception) -> Found:
    text = str(error) if isinstance(error, ModerationError) else f"{type(error).__name__}"
    problem = Problem(key="broken", kind="broken", severity=Severity.PAGE, facts={"error": text})
    return Found((problem,), is_unsure=lambda other: other.key != "broken")


def _look(day: date, facts: Facts, settings: Settings, first: date | None) -> str:
    """How a day stands, whether or not that is wrong."""
    night, lease = (facts.nights or {}).get(day), facts.days[day].lease
    if night is not None:
        return f"{day}: published by run {brief(night.run_id)}, {night.counts['verdicts']:,} verdicts"
    if facts.nights is None:
        return f"{day}: unknown"
    if lease is not None and is_alive(lease):
        return f"{day}: run {brief(lease.run_id)} works on it"
    if first is None or day < first:
        return f"{day}: not published, and nothing was before it"
    if is_backfilled(day, facts):
        return f"{day}: not published, a backfill will come to it"
    due = due_at(day, settings)
    return f"{day}: not published, due {'by' if facts.now < due else 'since'} {moment(due, settings.zone)}"
