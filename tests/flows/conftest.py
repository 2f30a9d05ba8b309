"""Whole nights through Prefect: one test server and one sandbox for the session, a clean sandbox for each night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from sandbox.days import SampleDay
from sandbox.serve import Sandbox, running

RUN_DATE = date(2026, 11, 18)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """The URL of a Prefect server with an empty database."""
    quiet = {PREFECT_SERVER_ANALYTICS_ENABLED: False, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(quiet), prefect_test_harness(server_startup_timeout=180):
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose jobs end as soon as their records are judged."""
    with running(job_seconds=0.0, cache_dir=tmp_path_factory.mktemp("reviewer")) as sandbox:
        yield sandbox


class Site:
    """The site that a night is played for: its S3, and what its analysts see."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bedrock = sandbox.bedrock

    def put(self, key: str, frame: pl.DataFrame) -> None:
        """Store a frame as one Parquet object of the site's input."""
        body = BytesIO()
        frame.write_parquet(body)
        self.sandbox.s3.put_object(Bucket="moderation-input", Key=key, Body=body.getvalue())

    def put_day(self, day: SampleDay, run_date: date = RUN_DATE) -> None:
        """Store a day's comments and labels."""
        self.put(f"comments/date={run_date}/part-0.parquet", day.comments)
        self.put(f"labels/date={run_date}/part-0.parquet", day.labels)

    def read(self, table: str, run_date: date = RUN_DATE) -> pl.DataFrame:
        """The plain object of a published table."""
        key = f"{table}/date={run_date}/{table}.parquet"
        body = self.sandbox.s3.get_object(Bucket="moderation-output", Key=key)["Body"].read()
        return pl.read_parquet(BytesIO(body))

    def output_keys(self) -> list[str]:
        """Every key below the output root."""
        pages = self.sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket="moderation-output")
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def created_jobs(self) -> int:
        """How many jobs Bedrock was asked for."""
        return self.bedrock.call_counts.get("CreateModelInvocationJob", 0)


@pytest.fixture
def site(served: Sandbox, prefect_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """An empty site whose environment points at the sandbox."""
    served.reset()
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODERATION_TIMEZONE", "Asia/Tokyo")
    return Site(served)
