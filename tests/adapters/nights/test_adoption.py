"""Which of Bedrock's jobs is an entry's own: found by token or name, held against the intent, never an orphan."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks import adapters
from tasks.base.errors import BedrockRefused, LeaseLost
from tasks.base.ports import CLOCK_SKEW, Job, JobRequest, JobStatus
from tasks.jobs.adoption import choose_job, differences, is_same_model
from tasks.jobs.submission import job_request
from tasks.jobs.submit_batch import submit_batch
from tests.factories import JOB_ARN, MODEL_ID, NOW, ledger_entry, local_adapters, plan, settings
from tests.fakes import FakeBedrock
from tests.submission_night import RECORDS, Night

if TYPE_CHECKING:
    from tests.bench import Bench

ENTRY = ledger_entry()
REQUEST = job_request(ENTRY, None)


def job(**changes: Any) -> Job:
    """The job that the entry intended."""
    given = {
        "job_arn": JOB_ARN,
        "job_name": REQUEST.job_name,
        "status": JobStatus.IN_PROGRESS,
        "model_id": REQUEST.model_id,
        "input_uri": REQUEST.input_uri,
        "output_uri": REQUEST.output_uri,
        "submitted_at": NOW,
    }
    return Job(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({}, "", id="as-intended"),
        pytest.param({"input_uri": "s3://b/other.jsonl"}, "reads s3://b/other.jsonl, not ", id="input"),
        pytest.param({"output_uri": "s3://b/other/"}, "writes to s3://b/other/, not ", id="output"),
        pytest.param({"output_uri": REQUEST.output_uri.rstrip("/")}, "", id="output-without-its-slash"),
        pytest.param({"model_id": "amazon.nova-lite-v1:0"}, "asks amazon.nova-lite-v1:0, not ", id="model"),
        pytest.param({"submitted_at": NOW - CLOCK_SKEW}, "", id="clocks-apart"),
        pytest.param(
            {"submitted_at": NOW - CLOCK_SKEW - timedelta(seconds=1)}, "before it was intended", id="too-early"
        ),
        pytest.param(
            {"input_uri": None, "output_uri": None, "model_id": None, "submitted_at": None}, "", id="nothing-is-shown"
        ),
    ],
)
def test_what_a_job_must_have_in_common_with_its_entry(changes: dict[str, Any], said: str) -> None:
    """Input, output, model and time are held against the intent; what Bedrock does not show is not held against it."""
    found = "; ".join(differences(job(**changes), REQUEST))
    assert said in found
    assert bool(found) is bool(said)


@pytest.mark.parametrize(
    ("shown", "asked", "expected"),
    [
        pytest.param(MODEL_ID, MODEL_ID, True, id="as-given"),
        pytest.param(
            f"arn:aws:bedrock:ap-northeast-1:123456789012:inference-profile/{MODEL_ID}", MODEL_ID, True, id="arn"
        ),
        pytest.param(
            f"arn:aws:bedrock:ap-northeast-1::foundation-model/{MODEL_ID.removeprefix('global.')}",
            MODEL_ID,
            True,
            id="the-profiles-model",
        ),
        pytest.param("global.anthropic.claude-sonnet-4-6", MODEL_ID, False, id="another"),
        pytest.param(
            "anthropic.claude-sonnet-4-6",
            "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc",
            True,
            id="a-profile-that-may-be-any",
        ),
    ],
)
def test_names_of_one_model(shown: str, asked: str, expected: bool) -> None:
    """Bedrock may name a job's model as it was given, or by an ARN of the profile or of the model behind it."""
    assert is_same_model(shown, asked) is expected


def statuses(*of_jobs: JobStatus) -> list[Job]:
    return [job(job_arn=f"arn/{number}", status=status) for number, status in enumerate(of_jobs)]


@pytest.mark.parametrize(
    ("jobs", "chosen", "superfluous"),
    [
        pytest.param([JobStatus.IN_PROGRESS], 0, [], id="one"),
        pytest.param([JobStatus.SCHEDULED, JobStatus.IN_PROGRESS], 0, [1], id="two-run-the-newest-serves"),
        pytest.param([JobStatus.FAILED, JobStatus.IN_PROGRESS], 1, [], id="the-newest-failed"),
        pytest.param([JobStatus.IN_PROGRESS, JobStatus.FAILED], 0, [], id="an-earlier-one-failed"),
        pytest.param([JobStatus.IN_PROGRESS, JobStatus.COMPLETED], 0, [], id="an-earlier-one-answered"),
        pytest.param([JobStatus.COMPLETED, JobStatus.IN_PROGRESS], 0, [1], id="the-newest-answered"),
        pytest.param([JobStatus.STOPPED, JobStatus.EXPIRED], 0, [], id="none-runs"),
    ],
)
def test_which_of_several_jobs_serves(jobs: list[JobStatus], chosen: int, superfluous: list[int]) -> None:
    """The newest that runs or has answered; whatever else runs is paid for in vain and is stopped."""
    found = choose_job(statuses(*jobs))
    assert found is not None
    assert found.job.job_arn == f"arn/{chosen}"
    assert [twin.job_arn for twin in found.superfluous] == [f"arn/{number}" for number in superfluous]
    assert len(found.twins) == len(jobs) - 1


class Forgetful(FakeBedrock):
    """A fake that has forgotten every token: asking again makes another job."""

    def create_job(self, request: JobRequest) -> str:
        arn = super().create_job(request.model_copy(update={"client_request_token": f"{len(self.jobs)}"}))
        self._move(self._jobs[arn], client_request_token=request.client_request_token)
        return arn


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A night on files."""
    night = Night(settings(tmp_path, poll_interval_s=60, deadline_h=24), local_adapters())
    monkeypatch.setattr(adapters, "connect", night.connect)
    return night


def test_two_jobs_for_one_shard_are_both_accounted_for(night: Night) -> None:
    """The newest serves, the other is stopped, reported, read and booked: no job is an orphan, no dollar unbooked."""
    bedrock = Forgetful(night.connected.storage, polls_until_done=1)
    night.meet(bedrock)
    (shard,) = night.shards(1)
    arns = [bedrock.create_job(job_request(shard, None)) for _ in range(2)]
    summary = night.submit((shard,))
    assert (summary.created_count, summary.adopted_count) == (0, 2)
    assert len(summary.warnings) == 1
    assert summary.warnings[0].startswith(f"{arns[0]} is a second job for the records of {shard.job_name}")
    assert {entry.job_arn for entry in night.ledger} == set(arns)
    assert next(entry for entry in night.ledger if entry.key == shard.key).job_arn == arns[1]
    assert [job.status for job in bedrock.jobs] == [JobStatus.STOPPING, JobStatus.SUBMITTED]
    assert night.submit((shard,)).warnings == (), "it is told once"
    night.poll()
    assert night.collect().job_count == 2
    assert night.states == ["collected", "collected"]
    booked = [entry.usage.answered_count for entry in night.ledger if entry.usage]
    assert sorted(booked) == [RECORDS // 2, RECORDS]
    assert sum(bedrock.paid_records.values()) == sum(booked)
    assert len(bedrock.requests) == 2


def test_twins_are_on_record_before_the_entry(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while a second job is put on record, the next run finds both again, and no entry is made twice."""
    bedrock = Forgetful(night.connected.storage)
    night.meet(bedrock)
    (shard,) = night.shards(1)
    for _ in range(2):
        bedrock.create_job(job_request(shard, None))
    with monkeypatch.context() as patch:
        patch.setattr("tasks.jobs.adoption.record_move", _killed)
        with pytest.raises(KeyboardInterrupt):
            night.submit((shard,))
    assert sorted(night.states) == ["intended", "submitted"]
    night.submit((shard,))
    assert night.states == ["submitted", "submitted"]
    assert len({entry.job_arn for entry in night.ledger}) == 2


class Raced(Forgetful):
    """A fake that another run asks for the same job while it is asked, and that takes both."""

    night: Night | None = None

    def create_job(self, request: JobRequest) -> str:
        night, self.night = self.night, None
        if night is not None:
            night.submit()
        return super().create_job(request)


def test_a_second_job_of_a_run_that_slept_is_on_record_and_stopped(night: Night) -> None:
    """A run slept until another had made its job, and Bedrock knows the token no more: the run leaves, and its own job
    is stopped and nobody's orphan."""
    bedrock = Raced(night.connected.storage)
    bedrock.night = night
    night.meet(bedrock)
    with pytest.raises(LeaseLost):
        night.submit(night.shards(1))
    assert [job.status for job in bedrock.jobs] == [JobStatus.SUBMITTED, JobStatus.STOPPING]
    assert {entry.job_arn for entry in night.ledger} == {job.job_arn for job in bedrock.jobs}


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("shown", ["given", "arn"])
def test_a_job_is_adopted_however_its_model_is_named(served: Night, bench: Bench, shown: str) -> None:
    """Over HTTP: a lost answer's job is found under another name, by its token, and adopted."""
    bench.sandbox.faults.set("job_model_id", shown)
    (shard,) = served.shards(1)
    request = job_request(shard, None).model_copy(update={"job_name": "made-by-a-console"})
    arn = served.connected.bedrock.create_job(request)
    assert served.submit((shard,)).adopted_count == 1
    assert [entry.job_arn for entry in served.ledger] == [arn]
    assert len(bench.bedrock.calls_of("CreateModelInvocationJob")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"model_id": "global.anthropic.claude-sonnet-4-6"}, id="model"),
        pytest.param({"output_uri": "s3://moderation-batch/elsewhere/"}, id="output"),
    ],
)
def test_a_job_that_does_something_else_stops_the_night(served: Night, bench: Bench, changes: dict[str, Any]) -> None:
    """Over HTTP: a job of our token with another model or output is not ours, and nothing more is paid."""
    (shard,) = served.shards(1)
    served.connected.bedrock.create_job(job_request(shard, None).model_copy(update=changes))
    with pytest.raises(BedrockRefused, match=r"carries the name or token of nm-.*--epoch"):
        served.submit((shard,))
    assert len(bench.bedrock.calls_of("CreateModelInvocationJob")) == 1
    assert served.states == ["intended"]


def test_a_job_from_before_the_intent_stops_the_night(night: Night) -> None:
    """The ledger was lost and the day is run again: its old job is not taken for the new intent's."""
    bedrock = FakeBedrock(night.connected.storage)
    night.meet(bedrock)
    (shard,) = night.shards(1)
    bedrock.create_job(job_request(shard, None))
    later = shard.model_copy(update={"intended_at": NOW + timedelta(days=2)})
    with pytest.raises(BedrockRefused, match="before it was intended"):
        submit_batch.fn(night.settings, plan(), (later,), NOW)
    assert len(bedrock.requests) == 1
