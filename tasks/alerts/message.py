"""The message of a move: what is wrong, how soon to look, what moved and changed, what to do, what to run.

Plain text that any channel can show, with ids and numbers but never a comment's text. Whatever comes from outside goes
through `safe_text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from data_contracts.documents.alerts import AlertGroup, Cause, GroupName, Move, SeverityName
from data_contracts.tables.metrics import MetricRow
from tasks.alerts.groups.machine import REMIND_AFTER, Step, rank, worst
from tasks.alerts.metric_text import describe, describe_moved, find_moved, headline, how_it_is_now
from tasks.alerts.next_commands import commands, snooze_command
from tasks.alerts.problem_text import STOPS, advise, head, say, say_over
from tasks.alerts.problems import Problem
from tasks.alerts.versions import Versions
from tasks.alerts.words import WORDS, Words
from tasks.base.events import AnnouncedEvent
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertMessage, Severity
from tasks.base.safe_text import safe_id, safe_text
from tasks.base.settings import Settings
from tasks.measure.detect.rules import Group

#: Causes, and slices of one, that are told one by one; the rest are counted.
MAX_CAUSES, MAX_ROWS = 12, 3
#: Changes of prompt and model that are told, the newest first.
MAX_CHANGES = 3
#: So long after an announced event a change may still come of it.
_AFTER_EVENT = timedelta(days=7)
_MAX_NAME_CHARS = 80
#: Groups of which an announced event says something; it never excuses quality.
_OF_EVENTS = frozenset({"inputs", "outputs"})


@dataclass(frozen=True)
class Scene:
    """What a message may draw on besides the record.

    Attributes:
        settings: of the deployment.
        now: the time of the look.
        night: the night that looked; None for the watchdog.
        run_id: the night's run.
        rows: how things stand tonight, by metric.
        examples: ids of comments that show a degraded row, by (metric, slice).
        versions: of prompt and model in the last nights; None if nobody can tell.
        links: where whoever may can open the night's report and run.
    """

    settings: Settings
    now: datetime
    night: date | None = None
    run_id: str = ""
    rows: Mapping[str, Sequence[MetricRow]] = field(default_factory=dict)
    examples: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    versions: Versions | None = None
    links: tuple[str, ...] = ()

    @property
    def today(self) -> date:
        """The local day of the look."""
        return self.now.astimezone(self.settings.zone).date()

    def local(self, at: datetime | None) -> date:
        """The local day of a time."""
        return (at or self.now).astimezone(self.settings.zone).date()


def compose(step: Step, scene: Scene) -> AlertMessage:
    """The message of a step that tells a move."""
    words, occasion = WORDS[scene.settings.language], _occasion(step)
    if occasion in ("recovered", "dropped"):
        severity: SeverityName = "report" if occasion == "dropped" else step.before.peak or "report"
        body = list(_ending(step, scene, words, occasion))
    else:
        severity = worst(step.after.causes) or "report"
        body = list(_trouble(step, scene, words, severity))
    return AlertMessage(
        title=_title(step, scene, scene.settings.language, occasion),
        ascii_title=_title(step, scene, "en", occasion),
        body="\n".join(body),
        severity=Severity(severity),
        is_recovery=occasion == "recovered",
    )


def cause_headline(cause: Cause, language: str) -> str:
    """A cause in a few words."""
    if not cause.is_metric:
        return head(Problem.of(cause), language)
    return headline(cause.rows[0], WORDS[language]) if cause.rows else WORDS[language].metric(cause.metric)


def _occasion(step: Step) -> str:
    is_dropped = step.told is Move.RECOVERED and step.dropped and not step.over
    return "dropped" if is_dropped else str(step.told)


def _title(step: Step, scene: Scene, language: str, occasion: str) -> str:
    words = WORDS[language]
    named = step.dropped if occasion == "dropped" else _ordered(step)
    told = cause_headline(named[0], language) if named else ""
    if len(named) > 1:
        told = words.phrases["and_more"].format(headline=told, count=len(named) - 1)
    return words.titles[occasion].format(
        where=f"nightly {scene.night}" if scene.night else "watchdog",
        severity=worst(step.after.causes),
        before=step.before.peak,
        group=words.groups[Group(step.after.group)],
        days=_days(step, scene),
        headline=told,
    )


def _ordered(step: Step) -> list[Cause]:
    """What is wrong, in the order in which it is told: what is new, then the most urgent."""
    new = {cause.key for cause in step.news} if step.told in (Move.ADDED, Move.ESCALATED) else set()
    return sorted(step.after.causes, key=lambda cause: (cause.key not in new, *_urgency(cause)))


def _urgency(cause: Cause) -> tuple[int, float, date, str]:
    furthest = max((abs(row.statistic or 0.0) for row in cause.rows), default=0.0)
    return rank(cause.severity), -furthest, cause.day or date.min, cause.key


def _days(step: Step, scene: Scene) -> int:
    opened = scene.local(step.before.opened_at or step.after.opened_at)
    # A run that was planned before the alert has an earlier time than the look that opened it.
    return max(1, (scene.today - opened).days + 1)


def _trouble(step: Step, scene: Scene, words: Words, severity: SeverityName) -> Iterator[str]:
    """The body of a message that something is wrong."""
    group, causes = step.after, _ordered(step)
    facts = {"opened": scene.local(group.opened_at), "before": step.before.peak, "severity": severity}
    if (lead := _lead(group.group, causes, scene, words)) is not None:
        yield lead
    yield words.severities[Severity(severity)]
    if step.told is not Move.OPENED:
        yield words.occasions["woken" if step.is_woken and step.told is Move.REMINDED else str(step.told)].format(
            remind=REMIND_AFTER.days, **facts
        )
    yield ""
    yield from _causes(step, causes, scene, words)
    metrics = [cause for cause in causes if cause.is_metric]
    if metrics:
        yield from _context(group, scene, words)
        yield words.advice[Group(group.group)]
    yield ""
    yield from _footer(group, causes, scene, words)


def _lead(group: GroupName, causes: Sequence[Cause], scene: Scene, words: Words) -> str | None:
    """What the night's metrics mean for its verdicts, if it is a night that tells of metrics."""
    metrics = [cause for cause in causes if cause.is_metric]
    if scene.night is None or not metrics or any(not cause.is_metric and cause.kind in STOPS for cause in causes):
        return None
    rows = [row for cause in metrics for row in cause.rows]
    is_blind = bool(rows) and all(row.reason_code == "no_labels" for row in rows)
    return words.leads["blind" if is_blind else group].format(day=scene.night)


def _causes(step: Step, causes: Sequence[Cause], scene: Scene, words: Words) -> Iterator[str]:
    """Every cause in lines; where only some are new, these under a heading of their own."""
    new = {cause.key for cause in step.news}
    parts = step.told is Move.ADDED and any(cause.key not in new for cause in causes)
    shown = causes[:MAX_CAUSES]
    for place, cause in enumerate(shown):
        if parts and (place == 0 or (cause.key in new) != (shown[place - 1].key in new)):
            yield words.phrases["new" if cause.key in new else "still"]
        if cause.is_metric:
            yield from _metric(cause, scene, words)
        else:
            problem, language = Problem.of(cause), scene.settings.language
            yield words.phrases["problem"].format(text=say(problem, language))
            # Once after several of a kind; the stops of two nights have two errors.
            if cause.kind in STOPS or place + 1 == len(shown) or shown[place + 1].kind != cause.kind:
                yield from advise(problem, language)
    if len(causes) > MAX_CAUSES:
        yield words.phrases["more"].format(count=len(causes) - MAX_CAUSES)


def _metric(cause: Cause, scene: Scene, words: Words) -> Iterator[str]:
    if not cause.rows:
        yield words.phrases["unknown_now"].format(name=words.metric(cause.metric))
    for row in cause.rows[:MAX_ROWS]:
        yield words.phrases["problem"].format(text=describe(row, scene.night, words))
        yield from describe_moved(find_moved(row, _other_rows(cause, scene)), words)
        ids = scene.examples.get((row.metric, row.slice), ())
        if ids:
            yield words.phrases["examples"].format(ids=words.phrases["between_ids"].join(map(safe_id, ids)))
    if len(cause.rows) > MAX_ROWS:
        yield words.phrases["more"].format(count=len(cause.rows) - MAX_ROWS)


def _other_rows(cause: Cause, scene: Scene) -> Iterable[MetricRow]:
    """Tonight's rows but for those that are told of by themselves."""
    told = {(row.metric, row.slice) for row in cause.rows}
    return (row for rows in scene.rows.values() for row in rows if (row.metric, row.slice) not in told)


def _context(group: AlertGroup, scene: Scene, words: Words) -> Iterator[str]:
    """What changed lately that may be the reason: versions, and what was announced."""
    say, versions = words.phrases, scene.versions
    if versions is not None and group.group != "inputs":  # what comes in depends on neither
        for change in versions.changes[:MAX_CHANGES]:
            names = {name: safe_text(getattr(change, name), _MAX_NAME_CHARS) for name in ("before", "after")}
            yield say[change.what].format(day=change.day, **names)
        if not versions.changes:
            yield say["same_versions"].format(first=versions.first)
    if group.group in _OF_EVENTS:
        yield from (_event(event, words) for event in _announced(scene))


def _announced(scene: Scene) -> list[AnnouncedEvent]:
    """The announced events of the night, and of the days just before it."""
    if scene.night is None:
        return []
    first = scene.night - _AFTER_EVENT
    return [event for event in scene.settings.announced.event if event.first <= scene.night and event.last >= first]


def _event(event: AnnouncedEvent, words: Words) -> str:
    name = safe_text(event.name, _MAX_NAME_CHARS)
    return words.phrases["event"].format(name=name, first=event.first, last=event.last)


def _ending(step: Step, scene: Scene, words: Words, occasion: str) -> Iterator[str]:
    """The body of a message that nothing is wrong any more, or that nobody looks any more."""
    language = scene.settings.language
    yield words.occasions[occasion].format(opened=scene.local(step.before.opened_at))
    yield ""
    for cause in step.over:
        if cause.is_metric:
            rows = [row for row in scene.rows.get(cause.metric, ()) if row.slice == "all"]
            name = words.metric(cause.metric)
            yield how_it_is_now(rows[0], words) if rows else words.phrases["ok"].format(name=name)
        elif told := say_over(Problem.of(cause), language):
            yield words.phrases["problem"].format(text=told)
        else:
            yield words.phrases["over"].format(head=head(Problem.of(cause), language))
    for cause in step.dropped:
        yield words.phrases["dropped"].format(head=cause_headline(cause, language))
    if scene.night is not None:
        yield ""
        yield from _run(scene.night, scene.run_id, scene, words, has_report=True)


def _footer(group: AlertGroup, causes: Sequence[Cause], scene: Scene, words: Words) -> Iterator[str]:
    """Where to look, and what to run."""
    night, run_id = scene.night, scene.run_id
    if night is None and group.newest is not None and any(cause.is_metric for cause in causes):
        night, run_id = group.newest, group.newest_run_id
    if night is not None and run_id:
        yield from _run(night, run_id, scene, words, has_report=not _is_stop(causes, night))
    for command in dict.fromkeys(commands(causes, scene.settings, night)):
        yield words.phrases["next"].format(command=command)
    yield words.phrases["snooze"].format(command=snooze_command(group.group, scene.today))


def _is_stop(causes: Sequence[Cause], night: date) -> bool:
    return any(cause.kind in STOPS and cause.day == night for cause in causes)


def _run(night: date, run_id: str, scene: Scene, words: Words, *, has_report: bool) -> Iterator[str]:
    paths = RunPaths(scene.settings, night, run_id)
    yield words.phrases["run"].format(run=safe_id(run_id), day=night)
    if has_report:
        yield words.phrases["report"].format(uri=paths.file("report.html"))
    yield from (words.phrases["open"].format(link=link) for link in scene.links)
