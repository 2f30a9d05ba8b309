"""An alert over real channels to real local receivers: a web hook, a mail server, an SNS topic."""

from __future__ import annotations

import email
import email.policy
import json
import logging
import socketserver
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from sandbox.s3 import CREDENTIALS
from tasks import adapters
from tasks.adapters.aws import Aws, AwsEnvironment
from tasks.adapters.channels.apprise import AppriseChannel, alert_channels
from tasks.adapters.channels.sns import MAX_BODY_BYTES, MAX_SUBJECT_CHARS, SnsChannel, body, subject
from tasks.alerts.delivery import deliver
from tasks.base.ports import AlertUndelivered, Severity
from tests import factories
from tests.fakes import FakeClock
from tests.receivers import BODY, SECRET, Receiver, Topic, message, served

#: apprise's mail plug-in imports a module that Python 3.13 drops; apprise itself does without it there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that listens."""
    found = Receiver()
    with served(found.server):
        yield found


class MailServer(socketserver.TCPServer):
    """As much SMTP as a mail client needs: what came in, and the answer that it gives to a message."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.mails: list[tuple[str, EmailMessage]] = []
        self.answer = b"250 accepted"

    @property
    def url(self) -> SecretStr:
        """Its apprise URL."""
        port = self.server_address[1]
        return SecretStr(
            f"mailto://operator:{SECRET}@127.0.0.1:{port}?mode=insecure&from=m@site.test&to=duty@site.test"
        )


class MailSession(socketserver.StreamRequestHandler):
    """One connection."""

    server: MailServer

    def handle(self) -> None:
        """Speak until QUIT."""
        self._say(b"220 local")
        recipients: list[str] = []
        for line in self.rfile:
            match line.split(b" ")[0].split(b":")[0].strip().upper():
                case b"EHLO":
                    self._say(b"250-local\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN")
                case b"AUTH":
                    self._say(b"235 welcome")
                case b"RCPT":
                    recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
                    self._say(b"250 ok")
                case b"DATA":
                    self._say(b"354 go on")
                    data = b"".join(iter(self.rfile.readline, b".\r\n"))
                    mail = email.message_from_bytes(data, policy=email.policy.default)
                    assert isinstance(mail, EmailMessage)
                    self.server.mails.append((", ".join(recipients), mail))
                    self._say(self.server.answer)
                case b"QUIT":
                    self._say(b"221 bye")
                    return
                case _:
                    self._say(b"250 ok")

    def _say(self, answer: bytes) -> None:
        self.wfile.write(answer + b"\r\n")


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server that listens."""
    with MailServer() as server, served(server):
        yield server


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"severity": Severity.PAGE}, "failure"),
        ({"severity": Severity.TICKET}, "warning"),
        ({"severity": Severity.REPORT}, "info"),
        ({"is_recovery": True}, "success"),
    ],
)
def test_web_hook_gets_it_as_it_is(receiver: Receiver, changes: dict[str, Any], kind: str) -> None:
    """Title and body arrive unchanged, with their severity."""
    AppriseChannel(receiver.url, "alert URL 1").send(message(**changes))
    (request,) = receiver.requests
    assert (request["title"], request["message"], request["type"]) == (message().title, BODY, kind)


def test_mail_keeps_lines_and_signs(mail: MailServer) -> None:
    """A mail has the title as its subject and, in whatever letters, every line and sign of the text."""
    AppriseChannel(mail.url, "alert URL 1").send(message(title="nightly 2026-11-19: 1 項目が悪化"))
    ((recipient, received),) = mail.mails
    assert (recipient, received["From"].addresses[0].addr_spec) == ("duty@site.test", "m@site.test")
    assert received["Subject"] == "nightly 2026-11-19: 1 項目が悪化"
    assert received.get_content_type() == "text/plain"
    assert received.get_content().splitlines() == BODY.splitlines()


def test_mail_as_html_on_request(mail: MailServer) -> None:
    """A format that the URL asks for is kept, and no sign of the text becomes markup."""
    url = SecretStr(f"{mail.url.get_secret_value()}&format=html")
    AppriseChannel(url, "alert URL 1").send(message())
    html = mail.mails[0][1].get_body(("html",))
    assert html is not None
    assert "日本語&nbsp;&lt;b&gt;&amp;amp;" in html.get_content()


def test_mail_that_is_refused_is_reported(mail: MailServer) -> None:
    """A mail server that takes no message has not taken the alert."""
    mail.answer = b"554 no"
    with pytest.raises(AlertUndelivered, match=r"mailto \(alert URL 1\)"):
        AppriseChannel(mail.url, "alert URL 1").send(message())


def test_refusal_is_reported_with_its_status(receiver: Receiver) -> None:
    """A receiver that answers 503 has not taken the alert; the error names the channel and the status."""
    receiver.status = 503
    with pytest.raises(AlertUndelivered, match=r"^json \(alert URL 2\): .*, status 503$"):
        AppriseChannel(receiver.url, "alert URL 2").send(message())


@pytest.mark.parametrize(
    "url",
    [f"nosuch://{SECRET}@host", SECRET, "json://", f"mailto://{SECRET}", f"slack://{SECRET}/x"],
    ids=["schema", "no URL", "no host", "no user", "token"],
)
def test_url_that_apprise_does_not_know(url: str) -> None:
    """A URL that apprise cannot use is an error of that channel alone, and its name shows no secret."""
    channel = AppriseChannel(SecretStr(url), "alert URL 3")
    with pytest.raises(AlertUndelivered) as caught:
        channel.send(message())
    assert "alert URL 3" in str(caught.value)
    assert SECRET not in str(caught.value) + channel.name


def test_no_secret_gets_out(
    receiver: Receiver,
    mail: MailServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whatever a channel does, no log line at any level, no output, error, name or repr holds its password or token."""
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "urllib3.connectionpool", "botocore"):
        caplog.set_level(1, logger=name)
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    bad = [
        f"nosuch://{SECRET}@h",
        f"json://u:{SECRET}@127.0.0.1:1/{SECRET}",
        f"slack://{SECRET}/x",
        f"tgram://{SECRET}",
    ]
    urls = [receiver.url, mail.url, *map(SecretStr, bad)]
    settings = factories.settings(alert_routes={"page": urls, "ticket": [f"json://{SECRET}:{SECRET}@host"]})
    channels = adapters.connect(settings).alerts
    results = []
    for receiver.status, mail.answer in ((200, b"250 ok"), (500, b"554 no")):
        paged = [channel for channel in channels if Severity.PAGE in channel.severities]
        results.append(deliver(paged, lambda _: message(), lambda _: None, FakeClock()))
    assert [len(result.delivered) for result in results] == [2, 0]
    assert len(results[1].failed) == len(urls)
    shown = [repr(channels), repr(results), repr(settings), json.dumps(settings.public()), *capfd.readouterr()]
    shown += [channel.name for channel in channels] + [str(vars(channel)) for channel in channels]
    assert SECRET not in "\n".join([*shown, caplog.text])


def test_loggers_speak_again_after_a_send(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """Only what is logged during a send is held back."""
    AppriseChannel(receiver.url, "alert URL 1").send(message())
    logging.getLogger("apprise").warning("heard")
    assert "heard" in caplog.text


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """moto over real HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def topic(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A topic, and an environment that finds it; the environment's region is not the topic's."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", moto_url)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)
    return Topic(moto_url)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        pytest.param(message().title, BODY, id="English"),
        pytest.param("nightly: 1 項目が悪化", f"nightly: 1 項目が悪化\n\n{BODY}", id="Japanese"),
    ],
)
def test_topic_gets_it(topic: Topic, title: str, text: str) -> None:
    """The setting alone makes the channel: text and ASCII subject arrive, with what subscribers filter by."""
    settings = factories.settings(sns_topic_arn=topic.arn, alert_urls=())
    (channel,) = adapters.connect(settings).alerts
    channel.send(message(title=title))
    got = topic.received()
    assert (got["Subject"], got["Message"]) == (message().ascii_title, text)
    assert {name: item["Value"] for name, item in got["MessageAttributes"].items()} == {
        "severity": "page",
        "is_recovery": "false",
    }
    assert channel.name == f"sns ({topic.arn.rpartition(':')[2]}, eu-west-1)"


def test_long_alerts_fit_a_topic(topic: Topic) -> None:
    """A subject and a text that SNS would refuse are cut, between letters."""
    long = message(ascii_title="x" * 500 + "\n", body="あ" * 100_000)
    SnsChannel(topic.arn, Aws()).send(long)
    got = topic.received()
    assert len(got["Subject"]) == MAX_SUBJECT_CHARS
    assert len(got["Message"].encode()) <= MAX_BODY_BYTES + 100 < 262_144
    assert got["Message"].endswith("あ…")


def test_subject_is_one_line_of_ascii() -> None:
    """Whatever a title holds, the subject has printable ASCII only."""
    assert subject(message(ascii_title="a\nb\t日本 c")) == "a?b??? c"
    assert body(message()) == BODY


def test_topic_that_is_not_there(topic: Topic) -> None:
    """A topic that refuses is an error that names the topic and says why, in one line."""
    with pytest.raises(AlertUndelivered, match=r"^sns \(gone, eu-west-1\): .*NotFound") as caught:
        SnsChannel("arn:aws:sns:eu-west-1:123456789012:gone", Aws()).send(message())
    assert "\n" not in str(caught.value)


def test_who_gets_what() -> None:
    """A severity goes where its route says, else to the default places; a place that is named twice is one channel."""
    topic = "arn:aws:sns:eu-west-1:123456789012:alerts"
    settings = factories.settings(
        alert_urls=("json://a",), sns_topic_arn=topic, alert_routes={"page": ["json://p", "json://a"], "report": []}
    )
    page, ticket = Severity.PAGE, Severity.TICKET
    channels = alert_channels(settings, Aws(AwsEnvironment(aws_region="ap-northeast-1")))
    assert {channel.name: channel.severities for channel in channels} == {
        "json (alert URL 1)": {page, ticket},
        "sns (alerts, eu-west-1)": {ticket},
        "json (page route 1)": {page},
    }
