"""What earlier versions told each channel, as a group's first record: what is open then is not announced again.

They kept degraded nights in `incidents.json` and in one object a day, and what is wrong across days in one object a
watcher. All of them are read here and written nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from data_contracts.documents.alerts import METRIC, AlertGroup, Cause, GroupName, SeverityName, metric_key
from tasks.adapters.storage import Storage
from tasks.alerts.groups.machine import rank, worst
from tasks.alerts.problems import Problem, group_of
from tasks.base.paths import DayPaths, former_alerts
from tasks.base.settings import Settings
from tasks.measure.detect.rules import rule_of

#: Watchers that kept a record.
_WATCHERS = ("watchdog", "late_input", "unread_input")

Record = TypeVar("Record", bound=BaseModel)


class _Trouble(BaseModel):
    metric: str
    severity: SeverityName


class _Incident(BaseModel):
    opened: date
    told: date
    troubles: tuple[_Trouble, ...]


class _Incidents(BaseModel):
    newest: date | None = None
    open: dict[str, _Incident] = {}


class _Told(BaseModel):
    problem: Problem
    since: datetime
    told_at: datetime


class _Notices(BaseModel):
    told: dict[str, dict[str, _Told]] = {}


class _Stop(BaseModel):
    key: str
    told_at: datetime


class _Day(BaseModel):
    stopped: dict[str, _Stop] = {}


def adopted(storage: Storage, settings: Settings, group: GroupName) -> AlertGroup:
    """The first record of a group: what channels were told of by earlier versions is open, and nothing is to be sent.

    Raises:
        StorageUnavailable: if S3 does not answer; StorageRefused if it refuses.
    """
    incidents = _load(storage, former_alerts(settings, "incidents"), _Incidents)
    told = list(_told(incidents, group))
    for watcher in _WATCHERS:
        notices = _load(storage, former_alerts(settings, watcher), _Notices)
        told += [
            (name, _cause(item), item.told_at)
            for name, items in notices.told.items()
            for item in items.values()
            if group_of(item.problem.kind) == group
        ]
    causes: dict[str, Cause] = {}
    for _, cause, _ in told:
        known = causes.get(cause.key, cause)
        causes[cause.key] = min((known, cause), key=lambda each: (rank(each.severity), each.at))
    lifecycle = _load(storage, former_alerts(settings, "lifecycle"), _Notices) if group == "pipeline" else _Notices()
    return AlertGroup(
        group=group,
        causes=tuple(causes.values()),
        peak=worst(causes.values()),
        opened_at=min((cause.at for cause in causes.values()), default=None),
        anchor_at=max((at for _, _, at in told), default=None),
        told=tuple(sorted({name for name, _, _ in told})),
        newest=incidents.newest,
        said={key: item.problem.mark for items in lifecycle.told.values() for key, item in items.items()},
    )


def with_former_stop(storage: Storage, paths: DayPaths, problem: Problem, group: AlertGroup) -> AlertGroup:
    """The first record of a group, with a day's stop that channels were told of for the same reason.

    Raises:
        StorageUnavailable: if S3 does not answer; StorageRefused if it refuses.
    """
    day = _load(storage, former_alerts(paths.settings, str(paths.run_date)), _Day)
    told = {name: stop.told_at for name, stop in day.stopped.items() if stop.key == problem.mark}
    if not told or any(cause.key == problem.key for cause in group.causes):
        return group
    cause, at = problem.as_cause(min(told.values())), max(told.values())
    return group.model_copy(
        update={
            "causes": (*group.causes, cause),
            "peak": cause.severity,
            "opened_at": min(group.opened_at or cause.at, cause.at),
            "anchor_at": max(group.anchor_at or at, at),
            "told": tuple(sorted({*group.told, *told})),
        }
    )


def _told(incidents: _Incidents, group: GroupName) -> Iterator[tuple[str, Cause, datetime]]:
    for name, incident in incidents.open.items():
        for trouble in incident.troubles:
            if rule_of(trouble.metric).group == group:
                yield name, _metric(trouble, incident.opened), _noon(incident.told)


def _metric(trouble: _Trouble, opened: date) -> Cause:
    key = metric_key(trouble.metric)
    return Cause(key=key, kind=METRIC, severity=trouble.severity, at=_noon(opened), day=opened, since=opened)


def _cause(item: _Told) -> Cause:
    return item.problem.as_cause(item.since)


def _noon(day: date) -> datetime:
    """A time of the day, where only the day is known."""
    return datetime.combine(day, time(12), UTC)


def _load(storage: Storage, uri: str, kind: type[Record]) -> Record:
    """The record; an empty one if there is none or it is broken."""
    try:
        return kind.model_validate_json(storage.get(uri) or b"{}")
    except ValidationError:
        return kind()
