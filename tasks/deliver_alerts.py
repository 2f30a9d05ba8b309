"""Each channel gets an alert once: what was delivered is on record, and a failing channel holds up nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.adapters.storage import Storage
from tasks.errors import ModerationError
from tasks.incidents import Trouble
from tasks.ports import AlertChannel, AlertMessage, AlertUndelivered

#: Seconds before each further try of a channel.
PAUSES_S = (2.0, 10.0)
#: A night that stops again for the same reason is told again after this long.
REMIND_AFTER = timedelta(hours=20)


class StoppedTold(BaseModel):
    """The last stop that a channel was told of."""

    model_config = ConfigDict(frozen=True)

    key: str
    told_at: datetime


class AlertState(BaseModel):
    """What each channel knows about one day, by the channel's name, so that a rerun tells only what is new.

    Attributes:
        degraded: what is degraded, told on the day or, as part of an incident, before.
        stopped: why the night stopped.
    """

    model_config = ConfigDict(frozen=True)

    degraded: dict[str, frozenset[Trouble]] = {}
    stopped: dict[str, StoppedTold] = {}

    def knows(self, channel: str, troubles: Set[Trouble]) -> bool:
        """Whether the channel knows of each of them; of nothing it does not."""
        return bool(troubles) and troubles <= self.degraded.get(channel, frozenset())

    def with_degraded(self, channel: str, troubles: Set[Trouble]) -> AlertState:
        """After the channel knows of them."""
        known = self.degraded.get(channel, frozenset()) | troubles
        return self.model_copy(update={"degraded": {**self.degraded, channel: known}})

    def knows_stop(self, channel: str, key: str, now: datetime) -> bool:
        """Whether the channel was told of this stop, not too long ago."""
        told = self.stopped.get(channel)
        return told is not None and told.key == key and now - told.told_at < REMIND_AFTER

    def with_stop(self, channel: str, key: str, now: datetime) -> AlertState:
        """After the channel was told of it."""
        return self.model_copy(update={"stopped": {**self.stopped, channel: StoppedTold(key=key, told_at=now)}})


class Delivery(BaseModel):
    """Which channels took an alert, had it already, or failed and why."""

    model_config = ConfigDict(frozen=True)

    delivered: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def deliver(
    channels: Sequence[AlertChannel],
    find_message: Callable[[AlertChannel], AlertMessage | None],
    note: Callable[[AlertChannel], None],
    sleep: Callable[[float], None],
) -> Delivery:
    """Send to every channel that has something to be told; `note` is called after each delivery.

    A channel is tried again after each pause and then given up, whatever it raised.
    """
    delivered, known, failed = [], [], []
    for channel in channels:
        message = find_message(channel)
        if message is None:
            known.append(channel.name)
        elif fault := _try(channel, message, sleep):
            failed.append(fault if channel.name in fault else f"{channel.name}: {fault}")
        else:
            delivered.append(channel.name)
            note(channel)
    return Delivery(delivered=tuple(delivered), known=tuple(known), failed=tuple(failed))


def _try(channel: AlertChannel, message: AlertMessage, sleep: Callable[[float], None]) -> str | None:
    """What went wrong with the last try, or None; only our own errors' texts are known to hold no secret."""
    fault = ""
    for pause_s in (*PAUSES_S, None):
        try:
            channel.send(message)
        except Exception as error:
            fault = str(error) if isinstance(error, AlertUndelivered) else type(error).__name__
            if pause_s is not None:
                sleep(pause_s)
        else:
            return None
    return fault


Record = TypeVar("Record", bound=BaseModel)


def load_record(storage: Storage, uri: str, kind: type[Record]) -> Record:
    """What was delivered; nothing, if it cannot be read: an alert twice is better than none."""
    try:
        return kind.model_validate_json(storage.get(uri) or b"{}")
    except (ModerationError, ValidationError):
        return kind()


def save_record(storage: Storage, uri: str, record: BaseModel) -> None:
    """Put it on record if the storage takes it; the alert itself is out already."""
    with suppress(ModerationError):
        storage.put(uri, record.model_dump_json(indent=1).encode())
