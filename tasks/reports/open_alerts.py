"""Which alerts are open, as pages and the overview show them."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.adapters.storage import Storage
from tasks.alerts.open_alerts import read_alerts
from tasks.base.errors import ModerationError
from tasks.base.settings import Settings


class OpenAlert(BaseModel):
    """What is open of one group.

    Attributes:
        group: as in `measure.detect.rules`.
        since: the day of its first message, or the first night that it is about; None if neither is known.
        headlines: what is not as it should be, in words of LANGUAGE, the most urgent first.
    """

    model_config = ConfigDict(frozen=True)

    group: str
    since: date | None
    headlines: tuple[str, ...]


def read_open_alerts(storage: Storage, settings: Settings) -> tuple[OpenAlert, ...]:
    """The groups in which something is open that somebody should look at; none if what is on record cannot be read."""
    try:
        found = read_alerts(storage, settings)
    except (ModerationError, ValidationError):
        return ()
    return tuple(
        OpenAlert(group=alert.group, since=alert.since or alert.opened_on, headlines=alert.headlines)
        for alert in found
        if alert.severity != "report"
    )
