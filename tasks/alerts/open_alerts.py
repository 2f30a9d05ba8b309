"""Which alerts are open: for pages and reports. A reader of the records, which changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.alerts import AlertGroup, GroupName, SeverityName
from tasks.adapters.storage import Storage
from tasks.alerts.groups.machine import rank, worst
from tasks.alerts.groups.record import GroupRecord
from tasks.alerts.message import cause_headline
from tasks.alerts.tell import GROUPS
from tasks.base.settings import Settings


class OpenAlert(BaseModel):
    """A group in which something is wrong now.

    Attributes:
        severity: of the most urgent thing that is wrong.
        opened_on: the local day of the first message; None if nobody was told, because the group is snoozed.
        since: the first night of what is degraded; None if no metric is.
        keys: what is wrong, e.g. `metric accuracy`, `unpublished 2026-11-19`.
        headlines: the same in words of LANGUAGE, the most urgent first.
        snoozed_until: the day from which messages are sent again.
    """

    model_config = ConfigDict(frozen=True)

    group: GroupName
    severity: SeverityName
    opened_on: date | None = None
    since: date | None = None
    keys: tuple[str, ...] = ()
    headlines: tuple[str, ...] = ()
    snoozed_until: date | None = None


def read_alerts(storage: Storage, settings: Settings) -> tuple[OpenAlert, ...]:
    """Every group with something open, in the order in which an operator looks.

    Raises:
        StorageUnavailable: if S3 does not answer; StorageRefused if it refuses.
    """
    return open_alerts((GroupRecord(storage, settings, name).read().group for name in GROUPS), settings)


def open_alerts(records: Iterable[AlertGroup], settings: Settings) -> tuple[OpenAlert, ...]:
    """The same of records that were read. Pure."""
    return tuple(_alert(record, settings) for record in records if record.causes)


def _alert(record: AlertGroup, settings: Settings) -> OpenAlert:
    causes = sorted(record.causes, key=lambda cause: (rank(cause.severity), cause.key))
    return OpenAlert(
        group=record.group,
        severity=worst(causes) or "report",
        opened_on=record.opened_at.astimezone(settings.zone).date() if record.opened_at else None,
        since=min((cause.since for cause in causes if cause.since), default=None),
        keys=tuple(cause.key for cause in causes),
        headlines=tuple(cause_headline(cause, settings.language) for cause in causes),
        snoozed_until=record.snooze.until if record.snooze else None,
    )
