"""Which alerts are open: what people were told of and was not over when the newest night was looked at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.adapters.storage import Storage
from tasks.alerts.incidents import Incidents
from tasks.base.errors import ModerationError
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.measure.detect.rules import rule_of


class OpenAlert(BaseModel):
    """What is open of one group.

    Attributes:
        group: as in `measure.detect.rules`.
        since: the night of its first message.
        metrics: what is not as it should be, in order of name.
    """

    model_config = ConfigDict(frozen=True)

    group: str
    since: date
    metrics: tuple[str, ...]


def read_open_alerts(storage: Storage, settings: Settings, healthy: Iterable[str] = ()) -> tuple[OpenAlert, ...]:
    """The open alerts of all channels, by group; none if what is on record cannot be read.

    Args:
        storage: where it is.
        settings: name the root.
        healthy: metrics that are known to be well again: an alert of several ends only with the last of them.
    """
    uri = DayPaths(settings, date.min).incidents()  # one object for all days
    try:
        incidents = Incidents.model_validate_json(storage.get(uri) or b"{}")
    except (ModerationError, ValidationError):
        return ()
    since: dict[str, date] = {}
    metrics: dict[str, set[str]] = {}
    well = set(healthy)
    for incident in incidents.open.values():
        for trouble in incident.troubles:
            if trouble.metric not in well:
                group = str(rule_of(trouble.metric).group)
                since[group] = min(incident.opened, since.get(group, incident.opened))
                metrics.setdefault(group, set()).add(trouble.metric)
    return tuple(
        OpenAlert(group=group, since=since[group], metrics=tuple(sorted(metrics[group]))) for group in sorted(since)
    )
