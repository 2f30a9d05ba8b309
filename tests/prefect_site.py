"""A site for nights that run through Prefect: its settings, its days, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from io import BytesIO
from typing import NamedTuple

import polars as pl
import pytest

from data_contracts.documents.summary import Night
from sandbox.days import SampleDay
from sandbox.serve import Sandbox

RUN_DATE = date(2026, 11, 18)

#: The command line, but for Great Expectations, whose import alone takes longer than all the rest of a small night.
_QUICK = """
from dataclasses import replace

from benchmarks.storms.simulated_clock import all_as_expected
from flows.__main__ import main
from tasks import adapters

real = adapters.connect
adapters.connect = lambda settings: replace(real(settings), run_suite=all_as_expected)
main()
"""
#: Plays the night of RUN_DATE; for the tests that stop it under way, and look at nothing that it expects of its rows.
NIGHT_COMMAND = (sys.executable, "-c", _QUICK, "nightly", "--run-date", str(RUN_DATE))


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

    def output_keys(self, prefix: str = "") -> list[str]:
        """Every key below the output root that begins so."""
        pages = self.sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket="moderation-output", Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def created_jobs(self) -> int:
        """How many jobs Bedrock was asked for."""
        return self.bedrock.call_counts.get("CreateModelInvocationJob", 0)


def open_site(served: Sandbox, environment: pytest.MonkeyPatch) -> Site:
    """An empty site, at which the environment points."""
    served.reset()
    for name, value in served.environment.items():
        environment.setenv(name, value)
    environment.setenv("MODERATION_TIMEZONE", "Asia/Tokyo")
    return Site(served)


class Published(NamedTuple):
    """A site whose night is published, what came in, and what the night says of itself."""

    site: Site
    day: SampleDay
    night: Night


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "flows", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
