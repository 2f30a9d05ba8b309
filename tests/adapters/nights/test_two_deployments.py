"""Staging and production in one account: the same day, the same comments, and neither takes the other's jobs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from io import BytesIO

import pytest

from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.ledger.entries import read_ledger
from tasks.watch.gather import gather_facts
from tasks.watch.rules import judge_facts

pytestmark = pytest.mark.usefixtures("without_expectations")

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


@pytest.fixture
def deployments(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, Settings]:
    """Two deployments that read the same comments with the same prompt and model."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    body = BytesIO()
    sample_day(DAY, dirty_fraction=0).comments.head(110).write_parquet(body)
    key = f"comments/date={DAY}/part-0.parquet"
    sandbox.s3.put_object(Bucket="moderation-input", Key=key, Body=body.getvalue())
    return {
        name: Settings.load(
            output_uri=f"s3://moderation-output/{name}",
            batch_uri=f"s3://moderation-batch/{name}",
            max_rejected_fraction=0.5,
        )
        for name in ("staging", "production")
    }


@pytest.mark.parametrize("answer", ["original", "conflict"])
def test_both_publish_the_day(answer: str, sandbox: Sandbox, deployments: dict[str, Settings]) -> None:
    """Each has a job of its own, by another name and with another token, whatever a repeated token is answered; and
    neither's watchdog sees anything of the other."""
    sandbox.faults.set("token_repeat", answer)
    jobs: Counter[str] = Counter()
    for name, settings in deployments.items():
        night = play_night(settings, DAY, "run-1", lambda: NOW)
        assert night is not None
        assert night.statuses["judged"] == 110
        entries = read_ledger(adapters.connect(settings).storage, DayPaths(settings, DAY))
        for entry in (entry for entry in entries if entry.mode == "batch"):
            jobs.update([entry.job_name, str(entry.job_arn)])
            assert entry.input_uri.startswith(f"s3://moderation-batch/{name}/")
    assert set(jobs.values()) == {1}
    assert sandbox.bedrock.call_counts["CreateModelInvocationJob"] == 2
    for settings in deployments.values():
        facts = gather_facts(adapters.connect(settings), settings, NOW)
        assert not [found for found in judge_facts(facts, settings, DAY).problems if "job" in found.kind]
