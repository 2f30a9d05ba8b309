"""Each channel gets its alert: a failing one is tried again, then reported, and holds up nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from tasks.base.ports import AlertChannel, AlertMessage, AlertUndelivered, Clock

#: Seconds before each further try of a channel.
PAUSES_S = (2.0, 10.0)


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
    clock: Clock,
) -> Delivery:
    """Send to every channel that there is something to tell; `note` is called after each delivery.

    A channel is tried again after each pause and then given up, whatever it raised.
    """
    delivered, known, failed = [], [], []
    for channel in channels:
        message = find_message(channel)
        if message is None:
            known.append(channel.name)
        elif fault := _try(channel, message, clock):
            failed.append(fault if channel.name in fault else f"{channel.name}: {fault}")
        else:
            delivered.append(channel.name)
            note(channel)
    return Delivery(delivered=tuple(delivered), known=tuple(known), failed=tuple(failed))


def _try(channel: AlertChannel, message: AlertMessage, clock: Clock) -> str | None:
    """What went wrong with the last try, or None; only our own errors' texts are known to hold no secret."""
    fault = ""
    for pause_s in (*PAUSES_S, None):
        try:
            channel.send(message)
        except Exception as error:
            fault = str(error) if isinstance(error, AlertUndelivered) else type(error).__name__
            if pause_s is not None:
                clock.sleep(pause_s)
        else:
            return None
    return fault
