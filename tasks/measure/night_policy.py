"""How this deployment's nights are judged: the shipped policy, with the events that were announced."""

from __future__ import annotations

from tasks.base.settings import Settings
from tasks.measure.detect import Event, Policy


def policy_of(settings: Settings) -> Policy:
    """The policy.

    Raises:
        SettingsInvalid: if the events' file cannot be read any more.
    """
    return Policy(
        max_failed_fraction=settings.thresholds.max_failed_fraction,
        events=tuple(Event(event.name, event.first, event.last, event.metrics) for event in settings.announced_events),
    )
