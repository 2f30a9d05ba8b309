"""Nights below roots whose names a library could misread: over real HTTP, for each writes a key in its own way."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from data_contracts.tables.labels import LABELS
from data_contracts.tables.verdicts import VERDICTS
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.lake import Lake
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.past_days.erasure.erase_comment import erase_comment
from tasks.watch.watchdog import watch

pytestmark = pytest.mark.usefixtures("without_expectations")

ROOT = Path(__file__).parents[3]
DAY, NEXT_DAY = date(2026, 11, 18), date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
#: What the input's roots may hold, and the output's.
ODD = "env=prod/a b/100%/a%20b/日本語/a+b#c?d*[e]"
KEPT = "env=prod/team=a/a+b/!$&'(),;:@_~"


@pytest.fixture
def settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Every root below an odd prefix, with slashes at its end."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODERATION_COMMENTS_URI", f"s3://moderation-input/{ODD}/comments//")
    monkeypatch.setenv("MODERATION_LABELS_URI", f"s3://moderation-input/{ODD}/labels/")
    monkeypatch.setenv("MODERATION_OUTPUT_URI", f"s3://moderation-output/{KEPT}/")
    monkeypatch.setenv("MODERATION_BATCH_URI", "s3://moderation-batch/!_*'()./jobs/")
    return Settings.load(max_rejected_fraction=0.5, max_attempts=1)


def put(sandbox: Sandbox, uri: str, frame: pl.DataFrame) -> None:
    """Store a frame as upstream would: under the key as it stands."""
    body = BytesIO()
    frame.write_parquet(body)
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    sandbox.s3.put_object(Bucket=bucket, Key=f"{key}/part-0.parquet", Body=body.getvalue())


def restore(*options: str) -> str:
    """What the command prints; a process of its own, for Delta's history would stop this one's S3."""
    call = [sys.executable, "-m", "flows", "restore", "--date", str(DAY), *options]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True).stdout


def verdicts(lake: Lake, settings: Settings, day: date) -> pl.DataFrame:
    frame = lake.scan(DayPaths(settings, day).lake("verdicts"), VERDICTS)
    return frame.filter(pl.col("date") == day).sort("comment_id").collect()


def test_all_that_is_done_with_days_is_done_below_odd_names(sandbox: Sandbox, settings: Settings) -> None:
    """Two nights with labels, a re-run, a re-judgement, a restore, an erasure and the watchdog: each finds what the
    others wrote, under exactly the keys that the settings say."""
    for day in (DAY, NEXT_DAY):
        comments = sample_day(day, dirty_fraction=0).comments.head(110)
        put(sandbox, DayPaths(settings, day).comments, comments)
        label = {"labeler": "r", "violation": False, "category": "none", "labeled_at": NOW, "source": "sample"}
        rows = [label | {"comment_id": name} for name in comments["comment_id"].head(60)]
        put(sandbox, DayPaths(settings, day).labels, pl.DataFrame(rows, schema=LABELS.polars_schema))
        night = play_night(settings, day, "first", lambda: NOW)
        assert night is not None
        assert night.statuses["judged"] == 110
        assert {metric.n for metric in night.metrics if metric.metric == "accuracy"} >= {60}
    lake = adapters.connect(settings).lake
    first, jobs = verdicts(lake, settings, DAY), sandbox.bedrock.call_counts["CreateModelInvocationJob"]
    assert play_night(settings, DAY, "second", lambda: NOW) is None
    assert sandbox.bedrock.call_counts["CreateModelInvocationJob"] == jobs
    assert watch(settings, NOW, is_quiet=True).problems == ()
    assert play_night(settings, DAY, "third", lambda: NOW, epoch=1) is not None
    listed = restore()
    oldest = min(int(version) for version in re.findall(r"^version (\d+),", listed, re.MULTILINE))
    assert f"{DAY} is again what run first published" in restore("--version", str(oldest), "--reason", "it was better")
    assert verdicts(lake, settings, DAY).equals(first)
    assert erase_comment(settings, first["comment_id"][0], DAY, NOW, is_sure=True).is_good
    assert verdicts(lake, settings, DAY)["comment_id"].to_list() == first["comment_id"].to_list()[1:]
    for bucket, prefix in {"moderation-output": KEPT, "moderation-batch": "!_*'()./jobs"}.items():
        pages = sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        assert keys
        assert [key for key in keys if not key.startswith(f"{prefix}/")] == []
