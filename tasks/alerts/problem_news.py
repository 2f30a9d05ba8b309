"""Tells each channel what it does not know of what is wrong across days, and remembers what was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks.alerts.delivery import deliver
from tasks.alerts.problem_memory import NoticeMemory
from tasks.alerts.problem_text import Watcher, notice_message
from tasks.alerts.problems import Look, after, find_changes
from tasks.base.ports import AlertChannel, AlertMessage, Clock


class Telling(BaseModel):
    """What was told to whom; a failing channel is named with its fault, and fails nobody else."""

    model_config = ConfigDict(frozen=True)

    titles: tuple[str, ...] = ()
    delivered: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def tell_notices(
    watcher: Watcher,
    found: Look,
    channels: Sequence[AlertChannel],
    memory: NoticeMemory,
    language: str,
    now: datetime,
    clock: Clock,
) -> Telling:
    """Tell each channel once; what was delivered is on record at once, what was not is told on the next look."""
    changes = {
        channel.name: find_changes(found, memory.told(channel.name), channel.severities, now) for channel in channels
    }
    messages: dict[str, AlertMessage] = {
        name: notice_message(watcher, news, language) for name, news in changes.items() if news is not None
    }

    def note(channel: AlertChannel) -> None:
        news = changes[channel.name]
        if news is not None:
            memory.note(channel.name, after(memory.told(channel.name), news, now))

    delivery = deliver(channels, lambda channel: messages.get(channel.name), note, clock)
    return Telling(titles=tuple(dict.fromkeys(item.title for item in messages.values())), **delivery.model_dump())
