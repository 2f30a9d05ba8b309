"""Sends what is on record to be sent: by one process at a time, and again after a crash.

A message is on record before it goes out, and a channel that took it is struck off at once. Who sends says so in the
record; another process waits until it has finished, or has given no sign of life for SILENT_AFTER_S. So two processes
at once send a message once, and a crash between a send and its note repeats that one send.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from data_contracts.documents.alerts import AlertGroup, Letter
from tasks.alerts.delivery import Delivery, deliver
from tasks.alerts.groups.record import Found, GroupRecord
from tasks.base.errors import ModerationError
from tasks.base.ports import AlertChannel, AlertMessage, Clock, Severity

#: Seconds without a sign of life after which a sender is taken for dead; one channel's tries take less.
SILENT_AFTER_S = 120.0
_LOOK_AGAIN_S = 5.0
#: What no channel took for so long says nothing of how things are now.
GIVE_UP_AFTER = timedelta(days=7)


def message_of(letter: Letter) -> AlertMessage:
    """The message as channels take it."""
    return AlertMessage(
        title=letter.title,
        ascii_title=letter.ascii_title,
        body=letter.body,
        severity=Severity(letter.severity),
        is_recovery=letter.is_recovery,
    )


def with_letter(found: Found, group: AlertGroup, letter: Letter, sender: str) -> AlertGroup:
    """The record with another message, to be sent by whoever writes it, unless somebody sends already."""
    update: dict[str, object] = {"outbox": (*group.outbox, letter), "beat": group.beat + 1}
    if _is_free(found, sender):
        update["sender"] = sender
    return group.model_copy(update=update)


def without_old_letters(group: AlertGroup, now: datetime) -> AlertGroup:
    """The record without messages that no channel took for too long."""
    kept = tuple(letter for letter in group.outbox if now - letter.written_at < GIVE_UP_AFTER)
    return group if len(kept) == len(group.outbox) else group.model_copy(update={"outbox": kept})


def send_letters(record: GroupRecord, channels: Sequence[AlertChannel], sender: str, clock: Clock) -> Delivery:
    """Send every message that one of these channels has not taken, in order; what cannot be noted is sent again."""
    names, sent = {channel.name for channel in channels}, Delivery()
    try:
        group = _claim(record, names, sender, clock)
        if group is None:
            return sent
        for letter in group.outbox:
            sent = _joined(sent, _send(record, group, letter, channels, sender, clock))
        record.change(lambda found: _released(found.group, sender))
    except ModerationError as error:
        return _joined(sent, Delivery(failed=(f"state/alerts/groups/{record.name}.json: {error}",)))
    return sent


def _send(
    record: GroupRecord,
    claimed: AlertGroup,
    letter: Letter,
    channels: Sequence[AlertChannel],
    sender: str,
    clock: Clock,
) -> Delivery:
    """Send one message to each channel that waits for it, as long as nobody has taken over.

    A store that fails meanwhile holds up no message.
    """

    def find_message(channel: AlertChannel) -> AlertMessage | None:
        try:
            group = record.change(lambda found: _beaten(found.group, sender))
        except ModerationError:
            group = claimed
        waits = any(each.number == letter.number and channel.name in each.waiting for each in group.outbox)
        return message_of(letter) if waits and group.sender == sender else None

    def note(channel: AlertChannel) -> None:
        with suppress(ModerationError):
            record.change(lambda found: _struck_off(found.group, letter.number, channel.name))

    concerned = [channel for channel in channels if channel.name in letter.waiting]
    return deliver(concerned, find_message, note, clock)


def _claim(record: GroupRecord, names: set[str], sender: str, clock: Clock) -> AlertGroup | None:
    """The record, with this process as the sender; None if there is nothing for it to send."""
    watched, since_s = "", 0.0
    while True:
        found = record.read()
        if not any(names & set(letter.waiting) for letter in found.group.outbox):
            return None
        if (found.etag or "") != watched:
            watched, since_s = found.etag or "", clock.monotonic()
        if _is_free(found, sender) or clock.monotonic() - since_s > SILENT_AFTER_S:
            claimed = found.group.model_copy(update={"sender": sender, "beat": found.group.beat + 1})
            if found.group.sender == sender or record.replace(found, claimed):
                return claimed
        else:
            clock.sleep(_LOOK_AGAIN_S)


def _is_free(found: Found, sender: str) -> bool:
    return found.group.sender in ("", sender) or found.age_s > SILENT_AFTER_S


def _beaten(group: AlertGroup, sender: str) -> AlertGroup:
    return group.model_copy(update={"beat": group.beat + 1}) if group.sender == sender else group


def _struck_off(group: AlertGroup, number: int, channel: str) -> AlertGroup:
    """The record after a channel took a message."""
    letters = (
        letter.model_copy(update={"waiting": tuple(name for name in letter.waiting if name != channel)})
        if letter.number == number
        else letter
        for letter in group.outbox
    )
    return group.model_copy(update={"outbox": tuple(letter for letter in letters if letter.waiting)})


def _released(group: AlertGroup, sender: str) -> AlertGroup:
    return group.model_copy(update={"sender": ""}) if group.sender == sender else group


def _joined(first: Delivery, second: Delivery) -> Delivery:
    return Delivery(
        delivered=tuple(dict.fromkeys(first.delivered + second.delivered)),
        known=tuple(dict.fromkeys(first.known + second.known)),
        failed=tuple(dict.fromkeys(first.failed + second.failed)),
    )
