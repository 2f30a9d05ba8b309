"""Batch files go when their day is published and old enough, and not before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest

from sandbox.days import sample_day
from sandbox.month import fill
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.jobs.expire_batch_files import batch_day, expire_batch_files

pytestmark = pytest.mark.usefixtures("without_expectations")

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


@pytest.fixture
def settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A site with one published night, whose batch files are there."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(batch_retention_days=7)
    fill(sandbox, [DAY])
    play_night(settings, DAY, "run", lambda: NOW)
    return settings


def batch_files(settings: Settings) -> list[str]:
    """What lies below BATCH_URI."""
    return [item.uri for item in adapters.connect(settings).storage.list(settings.batch_uri)]


@pytest.mark.parametrize(
    ("days", "kept"), [pytest.param(6.9, True, id="too-young"), pytest.param(7, False, id="old-enough")]
)
def test_files_go_with_the_retention(settings: Settings, days: float, kept: bool) -> None:
    """Files stay for BATCH_RETENTION_DAYS after the publication, and are gone then."""
    before = batch_files(settings)
    assert len(before) == 3, "input, output and manifest of one job"
    summary = expire_batch_files.fn(settings, DAY, NOW + timedelta(days=days))
    assert batch_files(settings) == (before if kept else [])
    assert summary.object_count == (0 if kept else 3)


def test_a_day_without_publication_keeps_its_files(settings: Settings) -> None:
    """Whatever the age, files of a day that was never published are what its next run needs."""
    storage = adapters.connect(settings).storage
    uri = f"{settings.batch_uri}/2026-01-01/0123456789abcdef/input/shard-00000.jsonl"
    storage.put(uri, b"{}")
    expire_batch_files.fn(settings, DAY, NOW + timedelta(days=365))
    assert batch_files(settings) == [uri]


def test_a_rerun_after_the_files_are_gone_pays_nothing(settings: Settings, sandbox: Sandbox) -> None:
    """The answers are in the ledger's keeping: a late comment's night needs no old batch file."""
    expire_batch_files.fn(settings, DAY, NOW + timedelta(days=8))
    late = sample_day(date(2026, 11, 18), dirty_fraction=0).comments
    shifted = late.with_columns(late["posted_at"].dt.offset_by("1d"), comment_id="late-" + late["comment_id"])
    body = BytesIO()
    shifted.write_parquet(body)
    adapters.connect(settings).storage.put(f"{settings.comments_uri}/date={DAY}/late.parquet", body.getvalue())
    night = play_night(settings, DAY, "second", lambda: NOW + timedelta(days=8))
    assert night is not None
    assert set(sandbox.bedrock.paid_records.values()) == {1}
    assert night.statuses == {"judged": night.balance.valid_count}


def test_the_frames_of_dead_runs_go(settings: Settings) -> None:
    """Frames of a run that was killed hold comments: the day's next published run deletes them, and nothing else."""
    storage, paths = adapters.connect(settings).storage, RunPaths(settings, DAY, "killed")
    for uri in (paths.work("valid"), paths.file("plan.json"), paths.file("work.json")):
        storage.put(uri, b"{}")
    expire_batch_files.fn(settings, DAY, NOW)
    assert sorted(item.uri for item in storage.list(paths.root)) == [paths.file("plan.json"), paths.file("work.json")]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param("s3://b/jobs/2026-11-19/abc/input/x.jsonl", DAY, id="ours"),
        pytest.param("s3://b/jobs/manual/x.jsonl", None, id="somebody-else's"),
    ],
)
def test_only_our_own_files_have_a_day(uri: str, expected: date | None) -> None:
    """A file that is not below a run date is never touched."""
    assert batch_day(uri, "s3://b/jobs") == expected
