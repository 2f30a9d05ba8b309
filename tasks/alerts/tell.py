"""Takes what a look found to the groups' records, and sends what comes of it: the one way to every channel.

The record says what was told before the message goes out (`record`), so that a night, a watchdog and a run after a
crash tell each move once. A record that cannot be reached keeps no alert from going out: then it is sent without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, get_args

from pydantic import BaseModel, ConfigDict

from data_contracts.documents.alerts import AlertGroup, GroupName, Letter, Move, Transition
from tasks.adapters import Adapters
from tasks.alerts.delivery import Delivery, deliver
from tasks.alerts.groups.machine import Look, Step, advance, is_late, worst
from tasks.alerts.groups.record import Found, GroupRecord
from tasks.alerts.groups.sending import send_letters, with_letter, without_old_letters
from tasks.alerts.message import Scene, compose
from tasks.base.errors import ModerationError
from tasks.base.ports import AlertChannel, AlertMessage, Severity

#: Every group, in the order in which an operator looks.
GROUPS: tuple[GroupName, ...] = get_args(GroupName)
#: Transitions that a record keeps for whoever looks back.
_KEPT = 20


class Telling(BaseModel):
    """What was told to whom; a failing channel is named with its fault, and fails nobody else.

    Attributes:
        titles: of the messages that this look wrote.
        known: channels that a message waited for and that have it by now.
        transitions: moves that this look made.
    """

    model_config = ConfigDict(frozen=True)

    titles: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    transitions: tuple[Transition, ...] = ()

    def joined(self, other: Telling) -> Telling:
        """Both, nothing twice."""
        names = type(self).model_fields
        return Telling(**{name: _both(getattr(self, name), getattr(other, name)) for name in names})


class _Written(NamedTuple):
    """What a look wrote: the move, and the message if it is for anybody."""

    transition: Transition | None = None
    letter: Letter | None = None


def tell(outside: Adapters, looks: Mapping[GroupName, Look], scene: Scene, sender: str) -> Telling:
    """Take a look to the records of its groups, and send every message that waits for one of the channels.

    Args:
        outside: the store, the channels and the clock.
        looks: what was found, by group; a group without a cause is looked at too, for its reminder or its end.
        scene: what messages may draw on.
        sender: names this process in the record; no other has the same.
    """
    told = Telling()
    for name, look in looks.items():
        record = GroupRecord(outside.storage, scene.settings, name)
        try:
            written = _write(record, look, scene, outside.alerts, sender)
        except ModerationError as error:
            told = told.joined(_tell_unrecorded(outside, name, look, scene, error))
            continue
        sent = send_letters(record, outside.alerts, sender, outside.clock)
        told = told.joined(_telling(written, sent))
    return told


def notify(
    outside: Adapters, name: GroupName, key: str, mark: str, message: AlertMessage, scene: Scene, sender: str
) -> Telling:
    """Send a message about something that has no end, once for each mark of its key; it opens nothing."""
    record = GroupRecord(outside.storage, scene.settings, name)
    names = tuple(channel.name for channel in outside.alerts if message.severity in channel.severities)
    written: list[Letter] = []

    def make(found: Found) -> AlertGroup:
        group = found.group
        if group.said.get(key) == mark:
            return group
        group = group.model_copy(update={"said": group.said | {key: mark}, "count": group.count + 1})
        written[:] = [_letter(message, group.count, names, scene.now)]
        return with_letter(found, group, written[0], sender) if names else group

    try:
        record.change(make)
    except ModerationError:
        return _telling(_Written(), _send_at_once(outside, message))
    sent = send_letters(record, outside.alerts, sender, outside.clock)
    return _telling(_Written(letter=written[0] if written else None), sent)


def _write(record: GroupRecord, look: Look, scene: Scene, channels: Sequence[AlertChannel], sender: str) -> _Written:
    """Put on record what a look comes to, the message included."""
    written: list[_Written] = []

    def make(found: Found) -> AlertGroup:
        group = without_old_letters(found.group, scene.now)
        if is_late(group, look):
            return group
        group = _to_be_told(group, channels)
        step = advance(group, look, scene.now, scene.today)
        if step.told is None:
            return step.after
        message, names = compose(step, scene), _addressed(step, channels)
        after = step.after.model_copy(update={"count": group.count + 1})
        if step.told is not Move.RECOVERED:
            after = after.model_copy(update={"told": tuple(sorted({*after.told, *names}))})
        transition = _transition(step, after, message, scene)
        after = after.model_copy(update={"last": (*after.last, transition)[-_KEPT:]})
        letter = _letter(message, after.count, names, scene.now)
        written.append(_Written(transition, letter))
        return with_letter(found, after, letter, sender) if names else after

    group = record.change(make)
    # Of several tries the one counts that is on record.
    return next((item for item in written if item.transition in group.last), _Written())


def _to_be_told(group: AlertGroup, channels: Sequence[AlertChannel]) -> AlertGroup:
    """The record as it is to be looked at: what nobody was there to hear of is opened anew once somebody is."""
    wanted = {str(severity) for channel in channels for severity in channel.severities}
    is_unheard = group.peak is not None and not group.told and wanted & {cause.severity for cause in group.causes}
    return group.model_copy(update={"peak": None, "anchor_at": None}) if is_unheard else group


def _addressed(step: Step, channels: Sequence[AlertChannel]) -> tuple[str, ...]:
    """Names of the channels that a message is for: those that want to hear of one of its causes; an end goes to all
    that heard of what it ends."""
    if step.told is Move.RECOVERED:
        return step.before.told
    severities = {Severity(cause.severity) for cause in step.after.causes}
    return tuple(channel.name for channel in channels if channel.severities & severities)


def _transition(step: Step, after: AlertGroup, message: AlertMessage, scene: Scene) -> Transition:
    causes = step.after.causes if step.told is not Move.RECOVERED else (*step.over, *step.dropped)
    return Transition(
        group=after.group,
        move=step.told or Move.OPENED,
        number=after.count,
        at=scene.now,
        severity=worst(causes),
        title=message.ascii_title,
        causes=tuple(cause.key for cause in causes),
        day=scene.night,
    )


def _letter(message: AlertMessage, number: int, waiting: tuple[str, ...], now: datetime) -> Letter:
    fields = message.model_dump(mode="json")
    return Letter.model_validate({**fields, "number": number, "written_at": now, "waiting": waiting})


def _tell_unrecorded(outside: Adapters, name: GroupName, look: Look, scene: Scene, error: ModerationError) -> Telling:
    """Tell what is wrong though nobody knows what was told; without anything wrong there is nothing to tell."""
    fault = f"state/alerts/groups/{name}.json: {error}"
    step = advance(AlertGroup(group=name), look, scene.now, scene.today)
    if step.told is None:
        return Telling(failed=(fault,))
    message = compose(step, scene)
    sent = _send_at_once(outside, message)
    return Telling(titles=(message.title,), **sent.model_dump()).joined(Telling(failed=(fault,)))


def _send_at_once(outside: Adapters, message: AlertMessage) -> Delivery:
    concerned = [channel for channel in outside.alerts if message.severity in channel.severities]
    return deliver(concerned, lambda _: message, lambda _: None, outside.clock)


def _telling(written: _Written, sent: Delivery) -> Telling:
    titles = (written.letter.title,) if written.letter else ()
    moves = (written.transition,) if written.transition else ()
    return Telling(titles=titles, transitions=moves, **sent.model_dump())


def _both(first: tuple[object, ...], second: tuple[object, ...]) -> tuple[object, ...]:
    return first + tuple(item for item in second if item not in first)
