"""Stage after a night is closed: what was told of days that were not published is over for those that are now."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from data_contracts.documents.alerts import Cause
from data_contracts.tables.verdicts import NIGHTS
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.alerts.groups.machine import End, Look
from tasks.alerts.groups.record import GroupRecord
from tasks.alerts.message import Scene
from tasks.alerts.problems import unpublished
from tasks.alerts.tell import Telling, tell
from tasks.base.errors import ModerationError
from tasks.base.panics import panics_told
from tasks.base.paths import lake
from tasks.base.settings import Settings
from tasks.base.stage import single_stage


@single_stage
@reading_lake()
def tell_published(
    settings: Settings, run_date: date, run_id: str, now: datetime, *, is_quiet: bool = False, run_link: str = ""
) -> Telling:
    """Tell, once, that a day is published of whose stop people were told; this one, or one that a backfill mended.

    It never fails: the night is closed. A quiet night leaves it to the next night, or to the watchdog.

    Reads: lake/nights, state/alerts/groups/pipeline.json.
    Writes: the alert channels, state/alerts/groups/pipeline.json.
    Stops when: never.
    """
    if is_quiet:
        return Telling()
    try:
        with panics_told():
            outside = adapters.connect(settings)
            causes = GroupRecord(outside.storage, settings, "pipeline").read().group.causes
            days = {cause.day for cause in causes if cause.day and cause.key == unpublished(cause.day)}
            if not days:
                return Telling()
            nights = outside.lake.read(lake(settings, NIGHTS.name), NIGHTS).filter(pl.col("date").is_in(days))
            published = {*nights.select("date").collect()["date"]}
    except Exception as error:
        fault = str(error) if isinstance(error, ModerationError) else type(error).__name__
        return Telling(failed=(f"whether a day was published that had stopped was not seen: {fault}",))

    def end_of(cause: Cause) -> End:
        is_published = cause.day is not None and cause.day in published and cause.key == unpublished(cause.day)
        return End.OVER if is_published else End.UNSURE

    scene = Scene(settings=settings, now=now, night=run_date, run_id=run_id, links=(run_link,) if run_link else ())
    return tell(outside, {"pipeline": Look(end_of=end_of)}, scene, f"{run_id} tell_published")
