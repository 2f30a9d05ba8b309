"""Alert channels: any apprise URL, any SNS topic, each with the severities that the settings give it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import apprise
from pydantic import SecretStr

from tasks.adapters.aws import Aws
from tasks.adapters.channels.sns import SnsChannel
from tasks.base.ports import AlertChannel, AlertMessage, AlertUndelivered, Severity
from tasks.base.settings import SNS_TOPIC_ARN, Settings

#: Loggers that repeat a URL with its password, or a web hook's path with its token.
_TALKATIVE = ("apprise", "urllib3.connectionpool")
#: What apprise says of a refusal and cannot hold a secret: the status.
_STATUS = re.compile(r"\berror=(\d{3})\b")

_sending: ContextVar[list[str] | None] = ContextVar("sending", default=None)


class _Hush(logging.Filter):
    """Keeps what is logged during a send from every handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass."""
        heard = _sending.get()
        if heard is None:
            return True
        heard.append(record.getMessage())
        return False


for _name in _TALKATIVE:
    logging.getLogger(_name).addFilter(_Hush())


@contextmanager
def _hushed() -> Iterator[list[str]]:
    """What would have been logged during the block."""
    heard: list[str] = []
    token = _sending.set(heard)
    try:
        yield heard
    finally:
        _sending.reset(token)


class AppriseChannel:
    """One apprise URL; named by its schema and place in the settings, never by the URL itself."""

    def __init__(self, url: SecretStr, place: str, severities: frozenset[Severity] = frozenset(Severity)) -> None:
        schema = re.match(r"[A-Za-z0-9]{1,20}(?=://)", url.get_secret_value())
        self.name = f"{schema[0] if schema else 'unknown'} ({place})"
        self.severities = severities
        self._url = url

    def send(self, message: AlertMessage) -> None:
        """See AlertChannel."""
        with _hushed() as heard:
            sender, url = apprise.Apprise(), self._url.get_secret_value()
            if not sender.add(url):
                raise AlertUndelivered(f"{self.name}: apprise does not understand this URL")
            if "format=" not in url:
                # Mail would be HTML full of no-break spaces, and a command copied from it would not run.
                for service in sender:
                    service.notify_format = apprise.NotifyFormat.TEXT
            is_sent = sender.notify(
                title=message.title,
                body=message.body,
                notify_type=_kind(message),
                body_format=apprise.NotifyFormat.TEXT,
            )
        if not is_sent:
            status = next((match[1] for line in heard if (match := _STATUS.search(line))), None)
            why = f", status {status}" if status else ""
            raise AlertUndelivered(f"{self.name}: the channel did not take the message{why}")


def _kind(message: AlertMessage) -> apprise.NotifyType:
    if message.is_recovery:
        return apprise.NotifyType.SUCCESS
    return {
        Severity.PAGE: apprise.NotifyType.FAILURE,
        Severity.TICKET: apprise.NotifyType.WARNING,
        Severity.REPORT: apprise.NotifyType.INFO,
    }[message.severity]


def alert_channels(settings: Settings, aws: Aws) -> tuple[AlertChannel, ...]:
    """Every place that gets alerts, once, with all the severities that lead to it."""
    places: dict[str, str] = {}
    wanted: dict[str, set[Severity]] = {}

    def add(target: str, place: str, severities: set[Severity]) -> None:
        if severities:
            places.setdefault(target, place)
            wanted.setdefault(target, set()).update(severities)

    rest = set(Severity) - set(settings.alert_routes)
    for number, url in enumerate(settings.alert_urls, 1):
        add(url.get_secret_value(), f"alert URL {number}", rest)
    if settings.sns_topic_arn:
        add(settings.sns_topic_arn, "SNS topic", rest)
    for severity in Severity:
        for number, url in enumerate(settings.alert_routes.get(severity, ()), 1):
            add(url.get_secret_value(), f"{severity} route {number}", {severity})
    return tuple(_channel(target, place, frozenset(wanted[target]), aws) for target, place in places.items())


def _channel(target: str, place: str, severities: frozenset[Severity], aws: Aws) -> AlertChannel:
    if SNS_TOPIC_ARN.fullmatch(target):
        return SnsChannel(target, aws, severities)
    return AppriseChannel(SecretStr(target), place, severities)
