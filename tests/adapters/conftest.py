"""A sandbox for the session, and a bench to work on it: real boto3 over real HTTP, a tiny mind instead of the model."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sandbox.serve import Sandbox, running
from tests.bench import FIXTURES, Bench, TinyMind


@pytest.fixture(scope="session")
def _bench() -> Iterator[Bench]:
    with running(mind=TinyMind(), job_seconds=0) as sandbox:
        yield Bench(sandbox)


@pytest.fixture
def sandbox(_bench: Bench) -> Sandbox:
    """A sandbox as if just started: empty buckets, no faults, jobs that move by themselves and take no time."""
    _bench.sandbox.reset()
    _bench.sandbox.set_speed(0)
    return _bench.sandbox


@pytest.fixture
def bench(_bench: Bench, sandbox: Sandbox) -> Bench:
    """The bench, on a fresh sandbox whose jobs move only by hand."""
    sandbox.bedrock.engine.pause()
    return _bench


@pytest.fixture(scope="session")
def documented() -> Mapping[str, Any]:
    """The examples of AWS's documents, by file name."""
    return {path.stem: json.loads(path.read_text())["example"] for path in FIXTURES.glob("*.json")}
