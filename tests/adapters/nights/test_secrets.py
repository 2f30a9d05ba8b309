"""Passwords, tokens and keys reach no error, traceback, log line, alert or object, whoever repeats them."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from data_contracts.tables.verdicts import VERDICTS
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.channels.sns import SnsChannel
from tasks.alerts.send_alerts import alert_stopped_night, send_alerts
from tasks.base.errors import BedrockRefused, BedrockUnavailable, ModerationError, SettingsInvalid, describe_failure
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertMessage, Severity
from tasks.base.settings import Settings
from tasks.reports.log_lines import describe_step
from tests import factories
from tests import secrets_planted as planted
from tests.alert_place import stopped_message
from tests.fakes import FakeClock
from tests.hostile_nights import DAY, NOW, comment, objects, play
from tests.otlp_collector import Collector
from tests.receivers import served

#: apprise's mail plug-in imports a module that Python 3.13 drops; apprise itself does without it there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

ROOT = "s3://moderation-bucket/output"


@pytest.mark.parametrize("secret", planted.SECRETS)
def test_the_search_itself_finds_what_is_there(secret: str) -> None:
    """A secret that is planted plain, in a URL, in JSON or in base64 is found: no test here passes by blindness."""
    for spelling in planted.spellings(secret):
        assert planted.leaks([("output", b"before " + spelling + b" after")]) == [f"output: {secret[:6]}..."]
    assert planted.leaks([("output", "nothing")]) == []


def _signature_error(headers: dict[str, str], service: str) -> bytes:
    """What AWS says of a signature that does not fit: it repeats the headers that were signed, and a token besides."""
    signed = "\n".join(f"{name.lower()}:{value}" for name, value in headers.items())
    message = "The request signature we calculated does not match the signature you provided."
    whole = f"{message}\n\nThe Canonical String for this request should have been\n'POST\n/\n{signed}'"
    if service == "sns":
        error = f"<Error><Code>SignatureDoesNotMatch</Code><Message>{whole}</Message></Error>"
        return f"<ErrorResponse>{error}</ErrorResponse>".encode()
    if service != "s3":
        return json.dumps({"message": whole}).encode()
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>{message}</Message>'
        f"<Token-0>{headers.get('X-Amz-Security-Token', '')}</Token-0><CanonicalRequest>PUT\n/\n{signed}"
        "</CanonicalRequest><RequestId>1</RequestId></Error>"
    ).encode()


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An AWS that takes no signature and repeats every header of each request; the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.headers.get("X-Amz-Security-Token") or self.path)
            service = (self.headers.get("Authorization") or "").split("/")[3]
            body = b"" if self.command == "HEAD" else _signature_error(dict(self.headers), service)
            self.send_response(403)
            self.send_header("Content-Type", "text/xml" if service in ("s3", "sns") else "application/json")
            self.send_header("x-amzn-ErrorType", "InvalidSignatureException")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    for name, value in planted.AWS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    with served(server):
        yield asked


def _message(**changes: Any) -> AlertMessage:
    given = {"title": "a night", "ascii_title": "a night", "body": "stopped", "severity": Severity.PAGE}
    return AlertMessage(**(given | changes))


CALLS: dict[str, Callable[[adapters.Adapters, Path], object]] = {
    "list": lambda outside, _: outside.storage.list(ROOT),
    "get": lambda outside, _: outside.storage.get(f"{ROOT}/x"),
    "open": lambda outside, _: outside.storage.open(f"{ROOT}/x"),
    "ends": lambda outside, _: outside.storage.ends(f"{ROOT}/x", 4),
    "fetch": lambda outside, path: outside.storage.fetch(f"{ROOT}/x", path),
    "put": lambda outside, _: outside.storage.put(f"{ROOT}/x", b""),
    "put-if-absent": lambda outside, _: outside.storage.put_if_absent(f"{ROOT}/x", b""),
    "put-if-match": lambda outside, _: outside.storage.put_if_match(f"{ROOT}/x", b"", "etag"),
    "delete": lambda outside, _: outside.storage.delete([f"{ROOT}/x"]),
    "versioning": lambda outside, _: outside.storage.keeps_versions(ROOT),
    "scan": lambda outside, _: outside.lake.scan(f"{ROOT}/lake/verdicts", VERDICTS).collect(),
    "append": lambda outside, _: outside.lake.append(f"{ROOT}/lake/verdicts", VERDICTS, VERDICTS.empty(), {}),
    "replace": lambda outside, _: outside.lake.replace_day(f"{ROOT}/lake/verdicts", VERDICTS, DAY, [], {}),
    "get-job": lambda outside, _: outside.bedrock.get_job(factories.JOB_ARN),
    "stop-job": lambda outside, _: outside.bedrock.stop_job(factories.JOB_ARN),
    "invoke": lambda outside, _: outside.bedrock.invoke("amazon.nova-lite-v1:0", "InvokeModel", {"messages": []}),
    "converse": lambda outside, _: outside.bedrock.invoke(
        "amazon.nova-lite-v1:0", "Converse", {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_refused_signature_repeats_no_token(
    name: str, refusing: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """AWS answers a bad signature with the headers that were signed: no error, traceback or log does."""
    caplog.set_level(logging.DEBUG)
    settings = factories.settings()
    with pytest.raises(ModerationError) as caught:
        CALLS[name](adapters.connect(settings), tmp_path / "file")
    assert planted.SESSION_TOKEN in refusing
    error = caught.value
    reason = describe_failure(error)[1]
    alert = stopped_message(type(error).__name__, reason, RunPaths(settings, DAY, "run-1"))
    shown = [str(error), repr(error), *traceback.format_exception(error), reason, str(alert), caplog.text]
    assert planted.leaks([(name, "\n".join(shown))]) == []
    assert "SignatureDoesNotMatch" in reason or "InvalidSignature" in reason or "Forbidden" in reason or "403" in reason


def test_a_topic_that_refuses_a_signature_repeats_no_token(refusing: list[str]) -> None:
    """The same of an alert's own call."""
    settings = factories.settings(sns_topic_arn="arn:aws:sns:ap-northeast-1:123456789012:alerts")
    (channel,) = adapters.connect(settings).alerts
    assert isinstance(channel, SnsChannel)
    with pytest.raises(Exception, match="sns") as caught:
        channel.send(_message())
    assert planted.SESSION_TOKEN in refusing
    assert planted.leaks([("sns", "".join(traceback.format_exception(caught.value)))]) == []


@pytest.mark.parametrize("kind", [BedrockRefused, BedrockUnavailable])
def test_an_error_is_printed_as_its_first_line(kind: type[ModerationError]) -> None:
    """Whatever an error carries, what is printed of it is one line."""
    assert "\n" not in str(kind("one\ntwo\r\nthree\u2028four"))


HOOK = planted.web_hook(1)
WRONG_FILES = {
    "not-closed": f'alert_urls = ["{HOOK}\n',
    "no-quotes": f"alert_urls = [{HOOK}]\n",
    "a-url-as-a-key": f'"{HOOK}" = true\n',
    "a-url-as-a-threshold": f'[thresholds]\n"{HOOK}" = 0.1\n',
    "a-url-as-a-severity": f'[alert_routes]\n"{HOOK}" = ["json://host"]\n',
    "a-list-in-a-list": f'alert_urls = [["{HOOK}"]]\n',
    "a-table": f'alert_urls = {{url = "{HOOK}"}}\n',
    "a-route-that-is-no-list": f'[alert_routes]\npage = {{url = "{HOOK}"}}\n',
    "a-route-of-a-route": f'[alert_routes]\npage = [["{HOOK}"]]\n',
    "a-topic": f'sns_topic_arn = "{HOOK}"\n',
    "a-role": f'role_arn = "{HOOK}"\n',
    "a-root": f'output_uri = "{HOOK}"\n',
    "a-number": f'max_cost_usd = "{HOOK}"\n',
    "a-prompt": f'prompt = "{HOOK}"\n',
    "an-account": f'bucket_owner = "{HOOK}"\n',
    "a-language": f'language = "{HOOK}"\n',
}
WRONG_VARIABLES = {
    "broken-list": {"MODERATION_ALERT_URLS": f'["{HOOK}"'},
    "broken-routes": {"MODERATION_ALERT_ROUTES": f'{{"page": ["{HOOK}"'},
    "routes-of-text": {"MODERATION_ALERT_ROUTES": f'"{HOOK}"'},
    "routes-of-no-severity": {"MODERATION_ALERT_ROUTES": json.dumps({HOOK: []})},
    "routes-and-urls": {
        "MODERATION_ALERT_URLS": HOOK,
        "MODERATION_ALERT_ROUTES": json.dumps({severity: [HOOK] for severity in Severity}),
    },
    "thresholds": {"MODERATION_THRESHOLDS": f'{{"{HOOK}'},
    "interval": {"MODERATION_POLL_INTERVAL_S": HOOK},
    "time-zone": {"MODERATION_TIMEZONE": HOOK},
}


def _refused_settings() -> str:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.load()
    return "".join(traceback.format_exception(caught.value)) + describe_failure(caught.value)[1]


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that every deployment has, in the environment."""
    for name in ("COMMENTS", "LABELS", "OUTPUT", "BATCH"):
        monkeypatch.setenv(f"MODERATION_{name}_URI", f"s3://bucket/{name.lower()}")


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_not_quoted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong in a file of settings is told by the setting or the line, never by what stands there."""
    (tmp_path / "config.toml").write_text(WRONG_FILES[name])
    monkeypatch.setenv("MODERATION_CONFIG", str(tmp_path / "config.toml"))
    if name in ("a-root",):
        monkeypatch.delenv("MODERATION_OUTPUT_URI")
    assert planted.leaks([(name, _refused_settings())]) == []


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize("name", WRONG_VARIABLES)
def test_a_wrong_variable_is_not_quoted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of the environment."""
    monkeypatch.setenv("MODERATION_ROLE_ARN", factories.ROLE_ARN)
    for variable, value in WRONG_VARIABLES[name].items():
        monkeypatch.setenv(variable, value)
    assert planted.leaks([(name, _refused_settings())]) == []


class LeakyChannel:
    """A channel whose library puts the URL into its exceptions."""

    name = "leaky (alert URL 9)"
    severities = frozenset(Severity)

    def send(self, message: AlertMessage) -> None:
        raise ConnectionError(f"POST {HOOK} with {planted.SESSION_TOKEN} failed")


@pytest.fixture
def settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A sandbox, credentials with a session token, and alert channels that all fail with their secret at hand."""
    for name, value in (sandbox.environment | planted.AWS_ENVIRONMENT).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", sandbox.s3_url)
    return Settings.load(
        alert_urls=[HOOK, f"nosuch://{planted.TOKEN}@host", f"slack://{planted.TOKEN}/x"],
        alert_routes={"report": [SecretStr(planted.web_hook(1, planted.ROUTE_TOKEN))]},
        sns_topic_arn="arn:aws:sns:ap-northeast-1:123456789012:no-such-topic",
        max_attempts=1,
    )


def test_channels_that_fail_keep_their_secrets(
    settings: Settings,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A night that is told of and one that stops, over channels that all fail: nothing that is left has a secret."""
    caplog.set_level(logging.DEBUG)
    sandbox.faults.set("non_json", "0.3")
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer {planted.TOKEN}")
    real = adapters.connect(settings)
    channels = (*real.alerts, LeakyChannel())
    monkeypatch.setattr(adapters, "connect", lambda _: replace(real, alerts=()))
    rows = [comment(f"c{number}", f"comment number {number}") for number in range(120)]
    with served(collector.server):
        played = play(sandbox, settings, rows, [], ["part-0.parquet"])
    assert {sent.headers["authorization"] for sent in collector.requests} == {f"Bearer {planted.TOKEN}"}
    assert planted.leaks((sent.path, sent.body) for sent in collector.requests) == []
    monkeypatch.setattr(adapters, "connect", lambda _: replace(real, alerts=channels, clock=FakeClock()))
    told = send_alerts.fn(settings, DAY, "run-1", NOW)
    stopped = alert_stopped_night.fn(settings, DAY, "run-2", "OverBudget", "too dear", NOW)
    assert [len(told.failed), len(stopped.failed)] == [len(channels) - 1] * 2, "one gets reports alone"
    shown = [repr(real), repr(channels), repr(settings), str(settings), json.dumps(settings.public()), caplog.text]
    shown += [describe_step("send_alerts", summary, 1.0) for summary in (told, stopped)] + [*capfd.readouterr()]
    shown += [summary.model_dump_json() for summary in (told, stopped)]
    assert planted.leaks([("shown", "\n".join(shown)), *played.objects.items(), *objects(sandbox)]) == []
