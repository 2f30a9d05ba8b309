"""A job that Bedrock has lost for good is closed by a person, booked, and its records are asked again."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from data_contracts.documents.ledger import EntryState
from sandbox.days import sample_day
from sandbox.play import play_night
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.base.errors import JobUnknown, WrongUsage
from tasks.base.paths import DayPaths
from tasks.base.settings import Settings
from tasks.jobs.forget_job import Forgotten, describe_forgotten, forget_job
from tasks.jobs.poll_batch import poll_batch
from tasks.ledger.entries import read_ledger
from tests import factories
from tests.factories import NOW, RUN_DATE, local_adapters
from tests.fakes import FakeBedrock, Killed
from tests.submission_night import Night

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A night on files whose two jobs Bedrock has taken."""
    night = Night(factories.settings(tmp_path, poll_interval_s=60, deadline_h=24), local_adapters())
    night.meet(FakeBedrock(night.connected.storage))
    monkeypatch.setattr(adapters, "connect", night.connect)
    night.submit(night.shards(2))
    return night


@pytest.fixture
def fake(night: Night) -> FakeBedrock:
    bedrock = night.connected.bedrock
    assert isinstance(bedrock, FakeBedrock)
    return bedrock


@pytest.fixture
def settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A site in the sandbox with one day's comments."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODERATION_POLL_INTERVAL_S", "0.1")
    body = BytesIO()
    sample_day(RUN_DATE).comments.head(150).write_parquet(body)
    key = f"comments/date={RUN_DATE}/part-0.parquet"
    sandbox.s3.put_object(Bucket="moderation-input", Key=key, Body=body.getvalue())
    return Settings.load()


def forget(night: Night, job: str, reason: str = "AWS support: it is gone") -> Forgotten:
    return forget_job(night.settings, RUN_DATE, job, reason, "forget", LATER)


def test_a_lost_job_is_closed_with_its_reason_on_record(night: Night, fake: FakeBedrock) -> None:
    """It is collected without an answer; its estimate is booked as what no verdict carries; the other job goes on."""
    lost, other = night.ledger
    fake.forget(lost.job_arn or "")
    done = forget(night, lost.job_name)
    closed, same = night.ledger
    assert (closed.state, closed.job_status) == (EntryState.COLLECTED, "Stopped")
    assert closed.job_message == "forgotten by Bedrock: AWS support: it is gone"
    assert closed.usage is not None
    tokens = (lost.estimated_input_tokens, lost.estimated_output_tokens)
    assert (closed.usage.input_tokens, closed.usage.output_tokens) == tokens
    assert (closed.usage.unattributed_input_tokens, closed.usage.unattributed_output_tokens) == tokens
    assert closed.usage.cost_usd == closed.usage.unattributed_cost_usd == done.cost_usd
    assert same == other
    assert "nightly --run-date 2026-11-19 asks again for the other 100" in describe_forgotten(done)[-1]


def test_what_the_lost_job_wrote_is_kept(night: Night, fake: FakeBedrock) -> None:
    """Its output is read as any job's; only the records without an answer are booked at their part of the estimate."""
    lost, _ = night.ledger
    fake.answered_fraction = 0.5
    fake.finish()
    fake.forget(lost.job_arn or "")
    done = forget(night, lost.job_arn or "")  # by its ARN, as the error names it
    assert (done.record_count, done.answered_count) == (100, 50)
    (usage,) = (entry.usage for entry in night.ledger if entry.key == lost.key)
    assert usage is not None
    assert usage.unattributed_input_tokens == lost.estimated_input_tokens // 2
    assert usage.input_tokens > usage.unattributed_input_tokens


@pytest.mark.parametrize(
    ("job", "reason", "said"),
    [
        pytest.param("nm-nonsense", "gone", "no job nm-nonsense .* Jobs that are: nm-2026-11-19", id="no-such-job"),
        pytest.param("", "gone", "Bedrock knows nm-2026-11-19-00000", id="known-to-bedrock"),
        pytest.param("", " ", "--reason is empty", id="no-reason"),
    ],
)
def test_what_is_not_lost_is_left_alone(night: Night, job: str, reason: str, said: str) -> None:
    """A job that Bedrock knows, one that is not there, and a call without a reason change nothing."""
    before = night.ledger
    with pytest.raises(WrongUsage, match=said):
        forget(night, job or before[0].job_name, reason)
    assert night.ledger == before


def test_a_job_that_bedrock_may_not_show_yet_is_no_lost_job(night: Night, fake: FakeBedrock) -> None:
    """AWS promises no read after a write: minutes after it was made a job may be unknown and run all the same."""
    lost, _ = night.ledger
    fake.forget(lost.job_arn or "")
    with pytest.raises(WrongUsage, match="may not show it yet"):
        forget_job(night.settings, RUN_DATE, lost.job_name, "gone", "forget", NOW + timedelta(minutes=5))


def test_a_day_with_a_lost_job_is_published_after_it_was_closed(
    settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each night stops at the lost job; once it is closed, its records are asked again, and the books agree."""
    day, polling = RUN_DATE, poll_batch.fn
    paths, connected = DayPaths(settings, day), adapters.connect(settings)

    def die(*_: object) -> None:
        raise Killed

    sandbox.bedrock.engine.pause()
    monkeypatch.setattr(poll_batch, "fn", die)
    with pytest.raises(Killed):
        play_night(settings, day, "killed", lambda: NOW)
    monkeypatch.setattr(poll_batch, "fn", polling)
    sandbox.bedrock.store.clear()
    sandbox.bedrock.engine.resume()
    with pytest.raises(JobUnknown):
        play_night(settings, day, "stopped", lambda: LATER)
    (lost,) = (entry for entry in read_ledger(connected.storage, paths) if entry.mode == "batch")
    forget_job(settings, day, lost.job_name, "AWS has lost it", "forget", LATER)
    published = play_night(settings, day, "published", lambda: LATER)
    assert published is not None
    assert published.statuses == {"judged": published.balance.valid_count}
    assert published.balance.unattributed_input_tokens >= lost.estimated_input_tokens
    assert any("AWS has lost it" in warning for warning in published.warnings)
    asked = [entry.record_count for entry in read_ledger(connected.storage, paths) if entry.mode == "batch"]
    assert asked == [lost.record_count] * 2
