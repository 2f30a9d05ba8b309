"""What a night tells the outside while it runs, and the flows that look at published nights again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from flows.endings import Refusal
from flows.nightly import nightly
from flows.remeasure import remeasure
from flows.watchdog import watchdog
from sandbox.days import sample_day
from tasks.base.errors import InputAbsent, InputIncomplete, SomethingWrong
from tasks.base.settings import Settings
from tests.prefect_site import RUN_DATE, Site

BASE = "/ping/SECRET-TOKEN"


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Paths at which MODERATION_HEARTBEAT_URL was called."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setenv("MODERATION_HEARTBEAT_URL", f"http://127.0.0.1:{server.server_port}{BASE}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield paths
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("days_ahead", [0, 1, 400])
def test_a_day_that_is_not_over_pages_nobody(site: Site, pings: list[str], days_ahead: int) -> None:
    """It is a mistake of the call: no heartbeat, no alert, nothing on record, also where the day has input by now."""
    day = datetime.now(Settings.load().zone).date() + timedelta(days=days_ahead)
    site.put_day(sample_day(day), day)
    refused = nightly(run_date=day)
    assert isinstance(refused, Refusal)
    assert f"{day} is " in str(refused)
    assert "the last day that is over is" in str(refused)
    assert pings == []
    assert site.output_keys() == []


def test_last_night_calls_its_url(site: Site, pings: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """Start and end are signalled, also of a night that was published already; the URL is in no log."""
    last_night = datetime.now(Settings.load().zone).date() - timedelta(days=1)
    with pytest.raises(InputAbsent):
        nightly()
    assert pings == [f"{BASE}/start", f"{BASE}/fail"]
    site.put_day(sample_day(last_night), last_night)
    nightly()
    nightly()
    assert pings[2:] == [f"{BASE}/start", BASE] * 2
    assert "heartbeat: success delivered" in caplog.text
    assert "SECRET-TOKEN" not in caplog.text
    assert not [key for key in site.output_keys() if b"SECRET-TOKEN" in _body(site, key)]


def test_an_old_day_does_not_speak_for_last_night(site: Site, pings: list[str]) -> None:
    """Neither a past day run by hand nor a quiet run may silence the bell."""
    old = datetime.now(Settings.load().zone).date() - timedelta(days=2)
    site.put_day(sample_day(old), old)
    nightly(run_date=old)
    with pytest.raises(InputAbsent):
        nightly(run_date=old + timedelta(days=1), is_quiet=True)
    assert pings == []


def test_the_scheduled_night_waits_for_its_input(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """With waits_for_input the night asks for the marker before anything else; without it the marker is no matter."""
    monkeypatch.setenv("MODERATION_INPUT_MARKER", "_SUCCESS")
    monkeypatch.setenv("MODERATION_INPUT_WAIT_H", "0")
    site.put_day(sample_day(RUN_DATE))
    with pytest.raises(InputIncomplete, match="_SUCCESS did not come"):
        nightly(run_date=RUN_DATE, waits_for_input=True)
    assert not [key for key in site.output_keys() if key.endswith("plan.json")]
    assert nightly(run_date=RUN_DATE) is not None


def test_the_watchdog_flow_fails_with_what_is_wrong(site: Site) -> None:
    """A run that found something is red in the UI, and its message says what."""
    today = datetime.now(Settings.load().zone).date()
    assert watchdog() == "all well"
    day = today - timedelta(days=3)
    site.put_day(sample_day(day), day)
    nightly(run_date=day)
    with pytest.raises(SomethingWrong, match=rf"The night of {day + timedelta(days=1)} is not published"):
        watchdog()


def test_remeasuring_a_range(site: Site) -> None:
    """Published days are measured again, others are named, and a range that is not over is refused."""
    site.put_day(sample_day(RUN_DATE))
    nightly(run_date=RUN_DATE)
    before = site.created_jobs()
    told: Any = remeasure(start_date=RUN_DATE - timedelta(days=1), end_date=RUN_DATE)
    lines = told.splitlines()
    assert lines[0] == f"{RUN_DATE - timedelta(days=1)}: it is not published"
    assert lines[1].startswith(f"{RUN_DATE}: ")
    assert site.created_jobs() == before
    today = datetime.now(Settings.load().zone).date()
    refused = remeasure(start_date=today, end_date=today)
    assert isinstance(refused, Refusal)
    assert "is not over yet" in str(refused)


def _body(site: Site, key: str) -> bytes:
    body: bytes = site.sandbox.s3.get_object(Bucket="moderation-output", Key=key)["Body"].read()
    return body
