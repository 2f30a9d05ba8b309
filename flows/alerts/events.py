"""Moves of the alerts as Prefect events, so that automations can react.

The event is `moderation.alert.MOVE`, its resource `moderation.alert-group.GROUP`; docs/alerts.md lists the payload. One
that cannot be sent is lost, and costs no night: the record in S3 says what holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from prefect import get_run_logger
from prefect.events import emit_event

from data_contracts.documents.alerts import Transition


def emit_alerts(transitions: Iterable[Transition]) -> None:
    """Emit an event for each move."""
    for move in transitions:
        try:
            emit_event(
                f"moderation.alert.{move.move}",
                resource={
                    "prefect.resource.id": f"moderation.alert-group.{move.group}",
                    "prefect.resource.name": move.group,
                    "moderation.severity": move.severity or "none",
                },
                payload=move.model_dump(mode="json"),
            )
        except Exception as error:
            get_run_logger().warning("the event of %s %s was not sent: %s", move.group, move.move, type(error).__name__)
