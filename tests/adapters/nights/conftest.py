"""Fixtures of the stories below Prefect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.storms.simulated_clock import all_as_expected, simulated
from benchmarks.storms.world import World
from tasks import adapters
from tasks.adapters import Adapters
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.bedrock import Bedrock
from tasks.adapters.lake import Lake
from tasks.adapters.storage import Storage
from tests.bench import Bench
from tests.factories import settings
from tests.submission_night import Night
from tests.wire import OneTry


@pytest.fixture
def world() -> Iterator[World]:
    """Simulated time."""
    world = World(datetime(2026, 11, 20, 2, tzinfo=UTC))
    with simulated():
        yield world


@pytest.fixture
def without_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is as expected: Great Expectations is a good part of a small night, and these tests are about others.

    Where it matters it runs: `test_families_end_to_end`, `test_hostile_text`, `test_secrets`, every night in `flows`.
    """
    real = adapters.connect
    monkeypatch.setattr(adapters, "connect", lambda settings: replace(real(settings), run_suite=all_as_expected))


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """Roots on this machine, but for the batch files, which lie where Bedrock is.

    A night on files takes a third of one over S3's wire; for tests that are about what is asked of Bedrock.
    """
    return {f"{name}_uri": str(tmp_path / name) for name in ("comments", "labels", "output")}


@pytest.fixture
def served(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A night on the sandbox's S3 and Bedrock over HTTP; jobs take a step whenever the night sleeps."""
    for name, value in bench.sandbox.environment.items():
        monkeypatch.setenv(name, value)
    aws = shared(AwsEnvironment())
    uris = {f"{name}_uri": f"s3://moderation-{name}" for name in ("output", "batch")}
    night = Night(
        settings(None, **uris, poll_interval_s=60, deadline_h=24),
        Adapters(storage=Storage(aws), lake=Lake(aws), bedrock=Bedrock(OneTry()), alerts=()),
    )
    night.clock.on_sleep = bench.bedrock.advance
    monkeypatch.setattr(adapters, "connect", night.connect)
    return night
