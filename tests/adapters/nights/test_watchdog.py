"""The watchdog over played nights: what is broken by hand is told once, and once more when it is mended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import polars as pl
import pytest

from benchmarks.storms.simulated_clock import all_as_expected
from data_contracts.tables.verdicts import NIGHTS, VERDICTS
from flows.night import NightOptions, judge_day
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters import Adapters
from tasks.base.errors import BedrockUnavailable, InputAbsent
from tasks.base.paths import DayPaths
from tasks.base.ports import JobRequest
from tasks.base.steps import PlainSteps
from tasks.ledger.lease import Holder
from tasks.watch.watchdog import Watch, watch
from tests.fakes import FakeAlerts, FakeBedrock, FakeClock
from tests.measured_nights import settings_in

OLD, DAY = date(2026, 11, 18), date(2026, 11, 19)
#: Both nights are due, the next one is not.
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)


class Site:
    """Two published nights in a folder, and a channel that keeps what it is told."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = settings_in(root, poll_interval_s=0.001, max_rejected_fraction=0.5, count_tokens=False)
        self.channel = FakeAlerts()
        real = adapters.connect(self.settings)
        self.bedrock = FakeBedrock(real.storage, polls_until_done=1)
        self.outside = Adapters(
            real.storage, real.lake, self.bedrock, (self.channel,), clock=FakeClock(), run_suite=all_as_expected
        )
        self.use(monkeypatch)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(adapters, "connect", lambda _: self.outside)

    def play(self, day: date = DAY, run_id: str = "run-1") -> None:
        folder = Path(self.paths(day).comments)
        folder.mkdir(parents=True, exist_ok=True)
        sample_day(day, comment_count=120).comments.write_parquet(folder / "part-0.parquet")
        play_night(self.settings, day, run_id, lambda: NOW)

    def look(self, after: timedelta = timedelta()) -> Watch:
        return watch(self.settings, NOW + after)

    def paths(self, day: date = DAY) -> DayPaths:
        return DayPaths(self.settings, day)

    def lose_night(self, day: date = DAY) -> None:
        self.outside.lake.replace_day(self.paths().lake(NIGHTS.name), NIGHTS, day, [], {})

    def titles(self) -> list[str]:
        return [message.title for message in self.channel.messages]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both nights, played once."""
    root = tmp_path_factory.mktemp("played")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_REGION", "ap-northeast-1")
        site = Site(root, environment)
        for day in (OLD, DAY):
            site.play(day)
    return root


@pytest.fixture
def site(played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A copy of the played nights to break things in."""
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    shutil.copytree(played, tmp_path / "site")
    return Site(tmp_path / "site", monkeypatch)


def test_published_nights_are_well(site: Site) -> None:
    """Nothing is told of nights in order, nor of the one that is not due, nor of days before the first."""
    watched = site.look()
    assert watched.problems == ()
    assert site.titles() == []
    assert [line.rsplit(",", 1)[0] for line in watched.looked[-2:]] == [
        f"{day}: published by run run-1" for day in (OLD, DAY)
    ]
    assert watched.looked[0] == "2026-11-13: not published, and nothing was before it"


def test_an_absent_night_is_told_once_and_its_end_once(site: Site) -> None:
    """From its deadline on a night is missed; the message names the command; when it is published, that is told."""
    tomorrow = DAY + timedelta(1)
    assert site.look().problems == ()
    late = timedelta(days=1)
    (problem,) = site.look(late).problems
    assert problem.startswith(f"The night of {tomorrow} is not published; it was due by 2026-11-21 12:00 JST.")
    site.look(late)
    assert site.titles() == [f"watchdog [page] pipeline: the night of {tomorrow} is not published"]
    assert f"python -m flows nightly --run-date {tomorrow}" in site.channel.messages[0].body
    site.play(tomorrow)
    assert site.look(late).problems == ()
    site.look(late)
    # the night itself tells that it is published; the watchdog has nothing to add
    assert site.titles()[1:] == [f"nightly {tomorrow} [ok] pipeline: over on day 1"]
    assert site.channel.messages[-1].is_recovery


def test_a_stopped_night_is_one_alert_and_one_end(site: Site) -> None:
    """The run that stops tells it; the watchdog sees the same day and is silent, also before the day is due; a quiet
    backfill publishes it and tells nobody; the watchdog's next look tells the end."""
    tomorrow, late = DAY + timedelta(1), timedelta(days=1)
    with pytest.raises(InputAbsent):
        play_night(site.settings, tomorrow, "run-1", lambda: NOW + timedelta(hours=20))
    for after in (timedelta(hours=21), late, late + timedelta(hours=1)):
        site.look(after)
    assert site.titles() == [f"nightly {tomorrow} [page] pipeline: the night of {tomorrow} stopped: InputAbsent"]
    folder = Path(site.paths(tomorrow).comments)
    folder.mkdir(parents=True)
    sample_day(tomorrow, comment_count=120).comments.write_parquet(folder / "part-0.parquet")
    steps, options = PlainSteps(time.monotonic, lambda *_: None), NightOptions(is_quiet=True)
    judge_day(site.settings, tomorrow, "backfill-1", steps, lambda: NOW + late, options)
    assert len(site.titles()) == 1
    site.look(late + timedelta(hours=2))
    assert site.titles()[1:] == ["watchdog [ok] pipeline: over on day 1"]
    assert f"The night of {tomorrow} is published now." in site.channel.messages[-1].body


def test_a_lost_row_of_nights_is_found_and_mended_by_a_run(site: Site) -> None:
    """Verdicts without a night are told of; running the day closes it, and that is told."""
    site.lose_night()
    (problem,) = site.look().problems
    assert problem == f"{DAY} has verdicts in the table but no row in lake/nights: its night was not closed."
    site.play(run_id="run-2")
    assert site.look().problems == ()
    assert [message.is_recovery for message in site.channel.messages] == [False, True]


def test_a_lost_lake_is_no_new_deployment(site: Site) -> None:
    """Days that were published once are missed though no table remembers them."""
    site.look()
    storage = site.outside.storage
    storage.delete(item.uri for item in storage.list(f"{site.settings.output_uri}/lake"))
    problems = site.look().problems
    assert [problem[:40] for problem in problems] == [
        f"The night of {day} is not published; it was"[:40] for day in (OLD, DAY)
    ]


def test_rows_and_plain_objects_are_compared_with_the_night(site: Site) -> None:
    """Rows that went from the lake, and a plain object that is gone or another's, are told of."""
    lake, uri = site.outside.lake, site.paths().lake(VERDICTS.name)
    day = lake.scan(uri, VERDICTS).filter(pl.col("date") == DAY).collect()
    lake.replace_day(uri, VERDICTS, DAY, day.head(100).to_arrow().cast(VERDICTS.arrow_schema).to_batches(), {})
    site.outside.storage.delete([site.paths(OLD).plain("verdicts")])
    site.outside.storage.put(site.paths(OLD).plain("rejected"), b"no Parquet")
    gone, broken, rows = sorted(site.look().problems, key=lambda text: text[-30:])
    found = {gone, broken, rows}
    assert f"{DAY} has 100 rows in lake/verdicts, its night says {day.height}." in found
    assert f"verdicts/date={OLD}/verdicts.parquet is not there, the lake has the day." in found
    assert any(text.startswith(f"rejected/date={OLD}/rejected.parquet cannot be read") for text in found)


def test_a_job_that_nobody_owns_is_told_of(site: Site) -> None:
    """A running job below BATCH_URI that no ledger knows is told of with the command that stops it; others' are not."""
    site.bedrock.quota = 10
    arns = [
        site.bedrock.create_job(
            JobRequest(
                job_name=f"nm-{DAY}-00000-{number * 16}",
                client_request_token=number * 64,
                model_id="m",
                invocation_type="InvokeModel",
                role_arn=site.settings.role_arn,
                input_uri=f"{root}/{DAY}/{number * 16}/input/shard-00000.jsonl",
                output_uri=f"{root}/{DAY}/{number * 16}/output/",
                timeout_h=24,
                intended_at=NOW,
            )
        )
        for number, root in (("a", site.settings.batch_uri), ("b", f"{site.settings.batch_uri}-staging"))
    ]
    (problem,) = site.look().problems
    assert f"nm-{DAY}-00000-aaaaaaaaaaaaaaaa (Submitted)" in problem
    assert f"stop-model-invocation-job --job-identifier {arns[0]}" in site.channel.messages[0].body
    site.bedrock.stop_job(arns[0])
    assert site.look().problems == ()
    assert site.titles()[-1] == "watchdog [ok] money: over on day 1"


def test_a_day_that_a_run_works_on_is_left_alone(site: Site) -> None:
    """While the lease is held nothing is said of the day, and nothing that was said is called over."""
    site.lose_night()
    site.look()
    site.outside.storage.put(site.paths().lease, Holder(run_id="run-2").model_dump_json().encode())
    site.look()
    assert site.titles() == [f"watchdog [page] pipeline: the night of {DAY} was not closed"]


def test_a_silent_bedrock_is_an_alarm_that_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """That Bedrock cannot be asked is told once, and so is that it can again."""

    def fail(*_: object) -> None:
        raise BedrockUnavailable("list jobs named nm-: EndpointConnectionError: no route")

    monkeypatch.setattr(site.bedrock, "list_jobs", fail)
    for _ in range(2):
        assert site.look().problems == (
            "Bedrock's jobs cannot be looked at: list jobs named nm-: EndpointConnectionError: no route",
        )
    monkeypatch.undo()
    site.use(monkeypatch)
    assert site.look().problems == ()
    assert site.titles() == [
        "watchdog [ticket] pipeline: Bedrock's jobs cannot be looked at",
        "watchdog [ok] pipeline: over on day 1",
    ]


def test_a_defect_of_the_watchdog_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong in the watchdog itself is no traceback but an alarm; nothing is called over by it."""
    site.lose_night()
    site.look()
    monkeypatch.setattr("tasks.watch.watchdog.gather_facts", lambda *_: 1 / 0)
    assert site.look().problems == ("The watchdog itself failed: ZeroDivisionError",)
    assert site.titles()[1:] == ["watchdog [page] pipeline, also: the watchdog itself failed (+1)"]


def test_a_look_alone_tells_and_remembers_nothing(site: Site) -> None:
    """--quiet leaves no trace."""
    site.lose_night()
    before = site.outside.storage.list(f"{site.settings.output_uri}/state/alerts")
    assert watch(site.settings, NOW, is_quiet=True).problems
    assert site.titles() == []
    assert site.outside.storage.list(f"{site.settings.output_uri}/state/alerts") == before


class Pings:
    """A local HTTP server that keeps the paths that it was called at."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        pings = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pings.paths.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ping/TOKEN"


@pytest.fixture
def pings() -> Iterator[Pings]:
    found = Pings()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def call(site: Site, sandbox: Sandbox, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in which importing Prefect fails."""
    code = (
        "import sys; sys.modules['prefect'] = None; sys.argv = ['moderation', 'watchdog']; "
        "from flows.__main__ import main; main()"
    )
    names = ("comments_uri", "labels_uri", "output_uri", "batch_uri")
    roots = {f"MODERATION_{name.upper()}": str(getattr(site.settings, name)) for name in names}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | sandbox.environment | roots | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_needs_no_prefect(site: Site, sandbox: Sandbox, pings: Pings) -> None:
    """Exit code 0 and 1 by what was found, the URL called accordingly, and the URL in no output."""
    yesterday = datetime.now(site.settings.zone).date() - timedelta(days=1)
    site.lose_night(OLD)
    wrong = call(site, sandbox, MODERATION_WATCHDOG_URL=pings.url)
    assert wrong.returncode == 1
    assert wrong.stderr.splitlines()[-1].startswith("watchdog: ")
    assert f"{OLD} has verdicts in the table" in wrong.stderr.splitlines()[-1]
    assert pings.paths == ["/ping/TOKEN/fail"]
    storage = site.outside.storage
    storage.delete(item.uri for item in storage.list(site.settings.output_uri))
    well = call(site, sandbox, MODERATION_WATCHDOG_URL=pings.url)
    assert well.returncode == 0, well.stderr
    assert f"{yesterday}: not published, and nothing was before it" in well.stdout
    assert pings.paths == ["/ping/TOKEN/fail", "/ping/TOKEN"]
    assert "TOKEN" not in wrong.stdout + wrong.stderr + well.stdout + well.stderr


def test_wrong_settings_exit_2(site: Site, sandbox: Sandbox) -> None:
    """A wrong setting is told by name, without its value."""
    done = call(site, sandbox, MODERATION_WATCHDOG_URL="ftp://host/SECRET")
    assert done.returncode == 2
    assert "MODERATION_WATCHDOG_URL" in done.stderr
    assert "SECRET" not in done.stderr


def test_an_unreachable_s3_is_one_line(site: Site, sandbox: Sandbox) -> None:
    """S3 that does not answer is what is wrong, and no traceback."""
    output = sandbox.environment["MODERATION_OUTPUT_URI"]
    done = call(site, sandbox, AWS_ENDPOINT_URL_S3="http://127.0.0.1:1", MODERATION_OUTPUT_URI=output)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("watchdog: 1 wrong: S3 cannot be looked at:")
