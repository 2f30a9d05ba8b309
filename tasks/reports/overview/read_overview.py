"""Reads the overview: no Prefect server is asked, only what the nights left in S3."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from data_contracts.documents.plan import PlannedChampion
from data_contracts.documents.stopped import Stop
from data_contracts.documents.trust import Trust
from data_contracts.tables.verdicts import NIGHTS
from tasks.adapters import Adapters
from tasks.base.errors import ModerationError, WrongUsage
from tasks.base.paths import DayPaths, RunPaths, lake
from tasks.base.settings import Settings
from tasks.ledger.lease import FREE_AFTER_S, Holder
from tasks.reports.open_alerts import read_open_alerts
from tasks.reports.overview.days import Day, DayState, Overview, days_of
from tasks.reports.trail import read_trail

#: Days whose runs are looked at if they are not published, the newest first.
_LOOKED_AT = 7
_READERS = 8


class _Summary(BaseModel):
    """What is taken from summary.json."""

    model_config = ConfigDict(frozen=True)

    trust: Trust | None = None
    champion: PlannedChampion | None = None


def read_overview(outside: Adapters, settings: Settings) -> Overview:
    """The 28 days that end with the last day on record: one that is published, or that a run has begun.

    Raises:
        WrongUsage: if nothing is on record yet.
    """
    nights = outside.lake.scan(lake(settings, NIGHTS.name), NIGHTS).select("date", "run_id").sort("date").collect()
    published = dict(nights.iter_rows())
    last = last_on_record(outside, settings, max(published, default=None))
    if last is None:
        raise WrongUsage(f"nothing is on record below {settings.output_uri}: no night was judged yet")
    trail = read_trail(outside, settings, last)
    looked_at = [day for day in trail.days[:_LOOKED_AT] if day not in published]
    with ThreadPoolExecutor(_READERS) as readers:
        unpublished = dict(
            zip(looked_at, readers.map(lambda day: _look(outside, settings, day), looked_at), strict=True)
        )
    newest = max(published, default=None)
    summary = _summary(outside, RunPaths(settings, newest, published[newest])) if newest else _Summary()
    return Overview(
        last=last,
        days=days_of(trail, unpublished),
        trust=summary.trust,
        trust_day=newest,
        open_alerts=read_open_alerts(outside.storage, settings),
        champion=summary.champion,
    )


def last_on_record(outside: Adapters, settings: Settings, published: date | None) -> date | None:
    """The newest day that is published or that a run has begun; None if there is none."""
    root = f"{settings.output_uri}/runs"
    after = "" if published is None else str(published + timedelta(days=1))
    found = {item.uri.removeprefix(f"{root}/").partition("/")[0] for item in outside.storage.list(root, after)}
    begun = [date.fromisoformat(name) for name in found if _is_day(name)]
    return max([*begun, *([published] if published else [])], default=None)


def _is_day(name: str) -> bool:
    try:
        return bool(date.fromisoformat(name))
    except ValueError:
        return False


def _summary(outside: Adapters, paths: RunPaths) -> _Summary:
    """What the night said of itself; a summary of an earlier version does not say."""
    try:
        return _Summary.model_validate_json(outside.storage.get(paths.file("summary.json")) or b"{}")
    except (ModerationError, ValidationError):
        return _Summary()


def _look(outside: Adapters, settings: Settings, day: date) -> Day:
    """What is known of a day that is not published: a run works on it, one stopped, or none was there."""
    paths = DayPaths(settings, day)
    lease = outside.storage.get_versioned(paths.lease)
    if lease is not None:
        holder = Holder.model_validate_json(lease.body)
        if not holder.is_released and lease.age_s <= FREE_AFTER_S:
            return Day(date=day, state=DayState.RUNNING)
    found = [item for item in outside.storage.list(paths.runs) if item.uri.endswith("/stopped.json")]
    body = outside.storage.get(max(found, key=lambda item: item.modified_at).uri) if found else None
    if body is None:
        return Day(date=day, state=DayState.NOT_PUBLISHED)
    return Day(date=day, state=DayState.STOPPED, reason=Stop.model_validate_json(body).name)
