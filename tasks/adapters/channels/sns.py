"""Alert channel: an SNS topic."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from tasks.adapters.aws import Aws
from tasks.base.ports import AlertMessage, AlertUndelivered, Severity
from tasks.base.settings import SNS_TOPIC_ARN

#: SNS wants fewer than 100 characters. ASCII is what every endpoint behind a topic can show in a subject.
MAX_SUBJECT_CHARS = 99
#: SNS takes 262,144 bytes together with the attributes; the rest is room for these.
MAX_BODY_BYTES = 256_000


def subject(message: AlertMessage) -> str:
    """The message's title as SNS takes it: one line of printable ASCII."""
    line = "".join(sign if " " <= sign <= "~" else "?" for sign in message.ascii_title)
    return line if len(line) <= MAX_SUBJECT_CHARS else line[: MAX_SUBJECT_CHARS - 3] + "..."


def body(message: AlertMessage) -> str:
    """The text, below its title where the subject is in other words, cut where SNS would refuse it."""
    text = message.body if message.title == message.ascii_title else f"{message.title}\n\n{message.body}"
    data = text.encode()
    return text if len(data) <= MAX_BODY_BYTES else data[:MAX_BODY_BYTES].decode(errors="ignore") + "…"


class SnsChannel:
    """One topic, in the region that its ARN names; subscribers may filter by the attribute `severity`."""

    def __init__(self, topic_arn: str, aws: Aws, severities: frozenset[Severity] = frozenset(Severity)) -> None:
        found = SNS_TOPIC_ARN.fullmatch(topic_arn)
        if found is None:
            raise ValueError("no SNS topic ARN")
        self.name = f"sns ({found['topic']}, {found['region']})"
        self.severities = severities
        self._region = found["region"]
        self._topic_arn = topic_arn
        self._aws = aws

    def send(self, message: AlertMessage) -> None:
        """See AlertChannel."""
        attributes = {"severity": str(message.severity), "is_recovery": str(message.is_recovery).lower()}
        try:
            self._aws.client_in(self._region, "sns", attempts=2, read_timeout_s=10).publish(
                TopicArn=self._topic_arn,
                Subject=subject(message),
                Message=body(message),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
        except (ClientError, BotoCoreError) as error:
            # Further lines of a signature error repeat the signed headers, the session token among them.
            raise AlertUndelivered(f"{self.name}: {f'{error} '.splitlines()[0].strip()}") from None
