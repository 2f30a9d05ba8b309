"""Alert channels: any apprise URL."""

from __future__ import annotations

import apprise
from pydantic import SecretStr

from tasks.ports import AlertMessage, AlertUndelivered


class AppriseChannel:
    """One apprise URL; named by its schema and place in the settings, never by the URL itself."""

    def __init__(self, url: SecretStr, position: int) -> None:
        schema = url.get_secret_value().partition("://")[0]
        self.name = f"{schema} (alert URL {position})"
        self._url = url

    def send(self, message: AlertMessage) -> None:
        """See AlertChannel."""
        sender = apprise.Apprise()
        if not sender.add(self._url.get_secret_value()):
            raise AlertUndelivered(f"{self.name}: apprise does not understand this URL")
        kind = apprise.NotifyType.FAILURE if message.is_failure else apprise.NotifyType.WARNING
        if not sender.notify(title=message.title, body=message.body, notify_type=kind):
            raise AlertUndelivered(f"{self.name}: the channel did not take the message")
