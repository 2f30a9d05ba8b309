"""A person asks for silence in a group of alerts until a day, or takes that back; and sees how the groups stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from data_contracts.documents.alerts import AlertGroup, GroupName, Move, Transition
from tasks import adapters
from tasks.alerts.groups.machine import snoozed, unsnoozed
from tasks.alerts.groups.record import Found, GroupRecord
from tasks.alerts.open_alerts import OpenAlert, open_alerts
from tasks.alerts.tell import GROUPS
from tasks.base.errors import WrongUsage
from tasks.base.safe_text import inert
from tasks.base.settings import Settings

#: Longest snooze: whoever wants less should change what rings, not forget it.
MAX_DAYS = 92
#: Longest reason that is kept, in characters.
MAX_REASON_CHARS = 200


def snooze_alerts(
    settings: Settings, group: str, until: date | None, now: datetime, reason: str = ""
) -> tuple[str, Transition | None]:
    """Keep a group silent until a day, or with None end its silence; what was done in one line, and the move.

    A page that begins meanwhile is told all the same, and ends the silence; so is the end of what was told.

    Args:
        settings: of the deployment.
        group: one of GROUPS.
        until: the first local day on which messages are sent again.
        now: the present time.
        reason: why; it stays on record.

    Raises:
        WrongUsage: if there is no such group, or the day is not one of the next MAX_DAYS.
        StorageUnavailable: if S3 does not answer; StorageRefused if it refuses.
    """
    name = _group(group)
    today = now.astimezone(settings.zone).date()
    if until is not None and not today < until <= today + timedelta(days=MAX_DAYS):
        raise WrongUsage(
            f"until {until}: give one of the next {MAX_DAYS} days, {today + timedelta(days=1)} to "
            f"{today + timedelta(days=MAX_DAYS)}; messages are sent again from that day on"
        )
    made: list[Transition] = []

    def make(found: Found) -> AlertGroup:
        made.clear()
        if until is None and found.group.snooze is None:
            return found.group
        if until is None:
            after = unsnoozed(found.group)
        else:
            after = snoozed(found.group, until, inert(reason)[:MAX_REASON_CHARS], now)
        move = Move.UNSNOOZED if until is None else Move.SNOOZED
        after = after.model_copy(update={"count": after.count + 1})
        made.append(Transition(group=name, move=move, number=after.count, at=now, severity=after.peak))
        return after.model_copy(update={"last": (*after.last, made[0])[-20:]})

    record = GroupRecord(adapters.connect(settings).storage, settings, name).change(make)
    if until is None:
        line = f"{name}: messages are sent again" if made else f"{name}: it was not snoozed"
    else:
        line = f"{name}: silent until {until}; a page that begins before is told all the same"
    standing = open_alerts([record], settings)
    if standing:
        line += f". Open now: {'; '.join(standing[0].headlines)}"
    return line, made[0] if made else None


def describe_groups(settings: Settings) -> Iterator[str]:
    """How every group stands, in lines for a terminal.

    Raises:
        StorageUnavailable: if S3 does not answer; StorageRefused if it refuses.
    """
    storage = adapters.connect(settings).storage
    records = [GroupRecord(storage, settings, name).read().group for name in GROUPS]
    standing = {alert.group: alert for alert in open_alerts(records, settings)}
    for record in records:
        yield _line(record, standing.get(record.group))
        for headline in standing[record.group].headlines if record.group in standing else ():
            yield f"          - {headline}"
        for letter in record.outbox:
            yield f"          not delivered yet to {', '.join(letter.waiting)}: {letter.title}"


def _line(record: AlertGroup, alert: OpenAlert | None) -> str:
    how = "quiet"
    if alert is not None:
        how = f"{alert.severity}, open since {alert.opened_on}" if alert.opened_on else f"{alert.severity}, not told"
    if record.snooze is not None:
        why = f" ({record.snooze.reason})" if record.snooze.reason else ""
        how += f"; silent until {record.snooze.until}{why}"
    return f"{record.group:<9} {how}"


def _group(name: str) -> GroupName:
    for known in GROUPS:
        if name == known:
            return known
    raise WrongUsage(f"{inert(name)} is no group of alerts: {', '.join(GROUPS)}")
