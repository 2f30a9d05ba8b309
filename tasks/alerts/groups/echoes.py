"""The slow guard after an incident: for 28 nights it still counts the incident's own nights, which is no news.

The detector's guard (`measure/detect/labelled/creep.py`) compares the labels of the last 28 nights with the first ones.
After a fall that is mended it goes on for as long as those nights hold the fall. Then a metric that is degraded by the
guard alone is over, and opens nothing until the window is clean.
"""

from __future__ import annotations

from datetime import date, timedelta

from data_contracts.documents.alerts import AlertGroup, Cause
from data_contracts.tables.metrics import ReasonCode
from tasks.alerts.groups.machine import End, Look

#: Nights that the guard looks back.
WINDOW = timedelta(days=28)


def without_echoes(group: AlertGroup, look: Look) -> Look:
    """The look without metrics that the guard alone calls degraded because of an incident that the record knows."""
    if look.night is None:
        return look
    echoes = {cause.key for cause in look.causes if _is_echo(cause, group.acute, look.night)}
    if not echoes:
        return look
    causes = tuple(cause for cause in look.causes if cause.key not in echoes)
    return look._replace(causes=causes, end_of=lambda cause: End.OVER if cause.key in echoes else look.end_of(cause))


def acute_after(group: AlertGroup, look: Look) -> dict[str, date]:
    """What the record knows of incidents after a look."""
    if look.night is None:
        return group.acute
    night = look.night
    found = {cause.metric: night for cause in look.causes if cause.is_metric and not _is_by_guard(cause)}
    kept = {metric: last for metric, last in group.acute.items() if night - last < WINDOW}
    return kept | found


def _is_echo(cause: Cause, acute: dict[str, date], night: date) -> bool:
    last = acute.get(cause.metric) if cause.is_metric and _is_by_guard(cause) else None
    return last is not None and night - last < WINDOW


def _is_by_guard(cause: Cause) -> bool:
    return bool(cause.rows) and all(row.reason_code == ReasonCode.CREEP for row in cause.rows)
