"""From recorded intents to booked answers, with a Bedrock that dies, refuses, fills up and ends badly."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

import prompts
from data_contracts.documents.ledger import EntryState
from tasks import adapters
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.storage import Storage
from tasks.base.errors import BedrockRefused, BedrockUnavailable
from tasks.base.ports import ENDED, Job, JobRequest, JobStatus
from tasks.jobs.collection import output_lines
from tasks.jobs.output import collect
from tasks.jobs.poll_batch import PollSummary, next_wait_s
from tasks.jobs.submission import Submission, job_request
from tasks.jobs.submit_batch import submit_batch
from tasks.ledger.entries import is_live, is_running, write_intent
from tasks.ledger.prices import find_price
from tasks.llm.families import pick_family
from tests.factories import (
    JOB_ARN,
    MODEL_ID,
    NOW,
    claude_output,
    local_adapters,
    output_line,
    settings,
)
from tests.fakes import FakeBedrock, FakeClock
from tests.submission_night import PLAN, RECORDS, Counting, Night

if TYPE_CHECKING:
    from tests.bench import Bench


class Killed(BaseException):
    """The process is gone: nobody catches this."""


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A night on files, without a Bedrock: a test says which one it meets."""
    night = Night(settings(tmp_path, poll_interval_s=60, deadline_h=24), local_adapters())
    monkeypatch.setattr(adapters, "connect", night.connect)
    return night


@pytest.fixture
def fake(night: Night) -> FakeBedrock:
    """The fake that the night meets."""
    fake = FakeBedrock(night.connected.storage)
    night.meet(fake)
    return fake


# The intent comes first.


def test_the_intent_is_on_record_before_the_call(night: Night) -> None:
    """When the create call is made, the ledger has the intent of every shard of the night."""
    seen: list[list[str]] = []

    class Dying(FakeBedrock):
        def create_job(self, request: JobRequest) -> str:
            seen.append(night.states)
            raise Killed

    night.meet(Dying(night.connected.storage))
    shards = night.shards(2)
    with pytest.raises(Killed):
        night.submit(shards)
    assert seen == [["intended", "intended"]]
    assert night.ledger == list(shards)


def test_bedrock_is_asked_what_the_ledger_says(night: Night, fake: FakeBedrock) -> None:
    """Name, token, model, role, time-out and URIs of the call are the recorded ones; tags say whose job it is."""
    night.set(kms_key_id="alias/batch")
    (shard,) = night.shards(1)
    night.submit((shard,))
    (request,) = fake.requests
    assert request == job_request(shard, "alias/batch")
    for field in ("job_name", "client_request_token", "model_id", "role_arn", "timeout_h", "input_uri", "output_uri"):
        assert getattr(request, field) == getattr(shard, field)
    assert dict(request.tags) == {"project": "nightly-moderation", "run_date": "2026-11-19", "shard": "0"}
    assert request.client_request_token == shard.key


def test_submitted_jobs_are_on_record(night: Night, fake: FakeBedrock) -> None:
    """After the call the ledger has each job's ARN and time."""
    assert night.submit(night.shards(2)) == Submission(
        live_keys=tuple(entry.key for entry in night.ledger), created_count=2, adopted_count=0, waiting_count=0
    )
    assert [entry.job_arn for entry in night.ledger] == [job.job_arn for job in fake.jobs]
    assert {(entry.state, entry.adopted, entry.submitted_at) for entry in night.ledger} == {
        (EntryState.SUBMITTED, False, NOW)
    }


def test_a_rerun_submits_nothing_new(night: Night, fake: FakeBedrock) -> None:
    """The same shards again, or none, make no further call."""
    shards = night.shards(2)
    first = night.submit(shards)
    assert night.submit(shards) == night.submit() == first.model_copy(update={"created_count": 0})
    assert len(fake.requests) == 2


def test_what_was_collected_is_not_live(night: Night, fake: FakeBedrock) -> None:
    """A collected entry is neither submitted again nor waited for, even if its shard is handed in again."""
    shards = night.shards(1)
    night.submit(shards)
    night.poll()
    night.collect()
    assert night.submit(shards).live_keys == ()
    assert night.poll() == PollSummary(ended={}, waited_s=0)
    assert len(fake.requests) == 1


# A crash at any of these instructions.


def test_killed_before_bedrock_took_it(night: Night) -> None:
    """An intent that Bedrock never heard of is submitted by the next run."""

    class Dying(FakeBedrock):
        def create_job(self, request: JobRequest) -> str:
            raise Killed

    night.meet(Dying(night.connected.storage))
    shards = night.shards(1)
    with pytest.raises(Killed):
        night.submit(shards)
    fake = FakeBedrock(night.connected.storage)
    night.meet(fake)
    assert night.submit().created_count == 1
    assert len(fake.jobs) == 1


def test_killed_between_bedrocks_acceptance_and_our_write(night: Night) -> None:
    """A job that was taken and not written down is adopted: it is created once, whatever the epoch of the crash."""

    class Dying(FakeBedrock):
        dies = True

        def create_job(self, request: JobRequest) -> str:
            arn = super().create_job(request)
            if self.dies:
                raise Killed
            return arn

    fake = Dying(night.connected.storage)
    night.meet(fake)
    shards = night.shards(2)
    with pytest.raises(Killed):
        night.submit(shards)
    assert night.states == ["intended", "intended"]
    fake.dies = False
    summary = night.submit(shards)
    assert (summary.created_count, summary.adopted_count) == (1, 1)
    assert [request.job_name for request in fake.requests] == [shard.job_name for shard in shards]
    assert [(entry.adopted, entry.job_arn) for entry in night.ledger] == [
        (True, fake.jobs[0].job_arn),
        (False, fake.jobs[1].job_arn),
    ]
    night.poll()
    night.collect()
    assert set(fake.paid_records.values()) == {1}


def test_a_lost_answer_is_adopted(served: Night, bench: Bench) -> None:
    """A create call whose answer was lost may pass; the stage's retry finds the job and makes no other."""
    bench.sandbox.faults.set("lost_create", 1)
    shards = served.shards(1)
    with pytest.raises(BedrockUnavailable):
        served.submit(shards)
    assert served.states == ["intended"]
    assert served.submit(shards).adopted_count == 1
    assert len(bench.bedrock.calls_of("CreateModelInvocationJob")) == 1
    served.poll()
    served.collect()
    assert set(bench.bedrock.paid_records.values()) == {1}


def test_a_job_that_ended_meanwhile_is_adopted(night: Night, fake: FakeBedrock) -> None:
    """A job that was taken, not written down, and has ended by now is adopted and collected, not paid for again."""
    fake.lost_creates = 1
    shards = night.shards(1)
    with pytest.raises(BedrockUnavailable):
        night.submit(shards)
    fake.finish()
    assert night.submit(shards).adopted_count == 1
    assert night.poll().ended == {"Completed": 1}
    assert night.collect().status_counts == {"judged": RECORDS}
    assert len(fake.requests) == 1


def test_a_job_of_our_name_that_reads_another_input(night: Night, fake: FakeBedrock) -> None:
    """A job that carries our name but reads something else is refused, before anything more is paid."""
    (shard,) = night.shards(1)
    stranger = {"input_uri": "s3://elsewhere/input.jsonl", "client_request_token": "another"}
    fake.create_job(job_request(shard, None).model_copy(update=stranger))
    with pytest.raises(BedrockRefused, match=r"reads s3://elsewhere/input\.jsonl, not .* look at it.*--epoch"):
        night.submit((shard,))
    assert len(fake.requests) == 1
    assert night.states == ["intended"]


def test_a_refusal_leaves_the_intents(served: Night, bench: Bench) -> None:
    """A refusal stops the night at its first call; the intents stay for the run after it was put right."""
    bench.sandbox.faults.set("not_entitled")
    with pytest.raises(BedrockRefused, match="open a support case"):
        served.submit(served.shards(2))
    assert served.states == ["intended", "intended"]
    assert len(bench.bedrock.calls_of("CreateModelInvocationJob")) == 1
    bench.sandbox.faults.reset()
    assert served.submit().created_count == 2


# More shards than places.


@pytest.mark.parametrize("limit", ["account", "setting"])
def test_waiting_shards_are_fed_as_jobs_finish(night: Night, limit: str) -> None:
    """No more jobs are under way than the account or MAX_JOBS_IN_FLIGHT allow, and every shard gets its turn."""
    fake = Counting(night.connected.storage, quota=2 if limit == "account" else 100)
    night.set(max_jobs_in_flight=100 if limit == "account" else 2)
    night.meet(fake)
    summary = night.submit(night.shards(5))
    assert (summary.created_count, summary.waiting_count, len(summary.live_keys)) == (2, 3, 5)
    assert night.poll().ended == {"Completed": 5}
    assert fake.most == 2
    assert [job.job_name for job in fake.jobs] == [entry.job_name for entry in night.ledger]
    assert night.progress[0].waiting_count == 3
    assert night.collect().status_counts == {"judged": 5 * RECORDS}
    if limit == "setting":
        assert fake.refused == 0


def test_waiting_shards_are_fed_over_http(served: Night, bench: Bench) -> None:
    """ServiceQuotaExceededException holds a shard back; it follows when a job has ended."""
    bench.sandbox.faults.set("quota", 1)
    assert served.submit(served.shards(2)).waiting_count == 1
    assert served.poll().ended == {"Completed": 2}
    assert served.collect().status_counts == {"judged": 2 * RECORDS}


def test_a_quota_that_never_frees(night: Night, fake: FakeBedrock) -> None:
    """Shards that never get a place end at the deadline, still on record."""
    fake.quota = 0
    night.submit(night.shards(2))
    summary = night.poll()
    assert (summary.is_late, summary.unasked_count, summary.ended) == (True, 2, {})
    assert night.states == ["intended", "intended"]


# Waiting.


@pytest.mark.parametrize(
    ("previous_s", "jitter", "expected"),
    [
        pytest.param(None, 0.0, 7.5, id="first-look-early"),
        pytest.param(None, 1.0, 9.0, id="spread-up"),
        pytest.param(None, -1.0, 6.0, id="spread-down"),
        pytest.param(8.0, 0.0, 12.0, id="grows"),
        pytest.param(50.0, 0.0, 60.0, id="no-longer-than-the-interval"),
        pytest.param(60.0, 1.0, 72.0, id="but-for-the-spread"),
    ],
)
def test_next_wait(previous_s: float | None, jitter: float, expected: float) -> None:
    """Waits grow from an eighth of POLL_INTERVAL_S to all of it, a fifth more or less."""
    assert next_wait_s(previous_s, 60.0, jitter) == pytest.approx(expected)


def test_waiting_takes_no_time_of_its_own(night: Night, fake: FakeBedrock) -> None:
    """The loop sleeps and looks at the clock only through what it is handed."""
    fake.polls_until_done = 20
    night.submit(night.shards(1))
    summary = night.poll()
    assert summary == PollSummary(ended={"Completed": 1}, waited_s=round(sum(night.clock.sleeps), 1))
    assert len(night.clock.sleeps) == 20
    assert 6 <= night.clock.sleeps[0] <= 9
    assert max(night.clock.sleeps) <= 72
    assert [progress.waited_s for progress in night.progress] == sorted(
        progress.waited_s for progress in night.progress
    )


def test_the_job_moves_before_the_watchers_eyes(night: Night, fake: FakeBedrock) -> None:
    """Each look is told with the job's status, and counters of 0 are not read as done: the status decides."""
    night.submit(night.shards(1))
    night.poll()
    seen = [(job.status.value, job.processed_count) for progress in night.progress for job in progress.jobs]
    assert seen == [("Submitted", 0), ("Validating", 0), ("Scheduled", 0), ("InProgress", 0), ("Completed", RECORDS)]


@pytest.mark.parametrize("counts", [{"total_count": 0}, {"total_count": RECORDS, "processed_count": RECORDS}])
def test_counters_do_not_end_a_job(night: Night, counts: dict[str, int]) -> None:
    """Neither 0 of 0 nor all of all is an end while Bedrock says that the job goes on."""

    class Hasty(FakeBedrock):
        def get_job(self, job_arn: str) -> Job:
            job = super().get_job(job_arn)
            return job if job.status in ENDED else job.model_copy(update=counts)

    night.meet(Hasty(night.connected.storage, polls_until_done=7))
    night.submit(night.shards(1))
    night.poll()
    assert len(night.clock.sleeps) == 7


def test_nothing_to_wait_for(night: Night, fake: FakeBedrock) -> None:
    """A day without live entries is not waited for."""
    assert night.poll() == PollSummary(ended={}, waited_s=0)
    assert night.clock.sleeps == []


def test_the_deadline(night: Night, fake: FakeBedrock) -> None:
    """DEADLINE_H after the plan every job is stopped, what it answered is booked, and nothing is paid twice."""
    night.set(deadline_h=0.5)
    fake.polls_until_done = 1_000
    night.submit(night.shards(2))
    summary = night.poll()
    assert (summary.is_late, summary.ended) == (True, {"Stopped": 2})
    assert 1800 <= sum(night.clock.sleeps) <= 1800 + 72 + 9
    assert night.collect().status_counts == {"judged": RECORDS}
    assert night.states == ["collected", "collected"]
    assert len(fake.requests) == 2
    assert set(fake.paid_records.values()) == {1}


def test_a_job_that_is_not_stopped_in_time_is_adopted(night: Night, fake: FakeBedrock) -> None:
    """Its end not confirmed within STOP_WAIT_S, a job stays submitted; the next run collects it and asks nothing."""
    night.set(deadline_h=0.5, stop_wait_s=0)
    fake.polls_until_done = 1_000
    night.submit(night.shards(2))
    assert night.poll().unstopped_count == 2
    assert night.collect().job_count == 0
    assert night.states == ["submitted", "submitted"]
    night.clock = FakeClock()
    fake.finish()
    assert night.submit().created_count == 0
    assert night.poll().ended == {"Stopped": 2}
    assert night.collect().status_counts == {"judged": RECORDS}
    assert len(fake.requests) == 2


def test_an_end_is_on_record_though_another_job_is_late(night: Night) -> None:
    """A job that ended before the deadline is known to have ended, and collected; the late one alone stays."""

    class Stuck(FakeBedrock):
        def get_job(self, job_arn: str) -> Job:
            return super().get_job(job_arn) if job_arn == self.jobs[0].job_arn else self.jobs[1]

    night.meet(Stuck(night.connected.storage))
    night.submit(night.shards(2))
    assert night.poll().unstopped_count == 1
    assert [(entry.job_status, is_running(entry)) for entry in night.ledger] == [("Completed", False), (None, True)]
    assert night.collect().job_count == 1
    assert night.states == ["collected", "submitted"]


def test_nothing_is_submitted_past_the_deadline(night: Night, fake: FakeBedrock) -> None:
    """A shard whose place comes free too late stays an intent: the next run finds or submits it."""
    night.set(deadline_h=0.01)
    fake.quota, fake.polls_until_done = 1, 1_000
    night.submit(night.shards(2))
    night.clock.on_sleep = lambda: fake.finish() if sum(night.clock.sleeps) >= 36 else None
    summary = night.poll()
    assert (summary.is_late, summary.unasked_count) == (True, 1)
    assert len(fake.jobs) == 1
    assert night.states == ["submitted", "intended"]
    late = PLAN.planned_at + timedelta(hours=1)
    assert submit_batch.fn(night.settings, PLAN, (), late).created_count == 0
    assert len(fake.jobs) == 1
    assert night.submit().created_count == 1


def test_a_job_whose_answer_was_lost_is_stopped_too(night: Night, fake: FakeBedrock) -> None:
    """At the deadline an intent is looked for: a job that Bedrock took is adopted and stopped, not left running."""
    fake.lost_creates, fake.polls_until_done = 1, 1_000
    shards = night.shards(1)
    with pytest.raises(BedrockUnavailable):
        night.submit(shards)
    night.clock.now_s += 25 * 3600
    assert night.poll().ended == {"Stopped": 1}
    assert [entry.adopted for entry in night.ledger] == [True]
    assert len(fake.requests) == 1


def test_an_intent_that_no_longer_serves_is_not_paid_for(night: Night, fake: FakeBedrock) -> None:
    """An intent of another prompt is looked for and adopted if Bedrock has it, but never made into a job."""
    lost, left = (entry.model_copy(update={"prompt_sha256": "b" * 64}) for entry in night.shards(2))
    for entry in (lost, left):
        write_intent(night.connected.storage, night.paths, entry)
    fake.create_job(job_request(lost, None))
    assert night.submit() == Submission(live_keys=(lost.key,), created_count=0, adopted_count=1, waiting_count=0)
    assert night.poll().ended == {"Completed": 1}
    night.collect()
    assert night.states == ["collected", "intended"]
    assert night.submit().live_keys == ()
    assert len(fake.jobs) == 1


class Flaky(FakeBedrock):
    """A fake whose looks fail for a while."""

    failing_looks = 0

    def get_job(self, job_arn: str) -> Job:
        if self.failing_looks:
            self.failing_looks -= 1
            raise BedrockUnavailable("get job: ThrottlingException")
        return super().get_job(job_arn)


@pytest.mark.parametrize(("failures", "passes"), [(4, True), (5, False)])
def test_a_few_failed_looks_are_borne(night: Night, failures: int, passes: bool) -> None:
    """Four looks in a row may fail; the fifth ends the stage with an error that is worth a retry."""
    fake = Flaky(night.connected.storage)
    night.meet(fake)
    night.submit(night.shards(1))
    fake.failing_looks = failures
    if passes:
        assert night.poll().ended == {"Completed": 1}
    else:
        with pytest.raises(BedrockUnavailable):
            night.poll()
    assert night.states == ["submitted"]


def test_what_was_submitted_before_a_failed_look_stays_so(night: Night) -> None:
    """A shard that was fed just before Bedrock failed is neither asked for again nor taken for adopted."""

    class Third(FakeBedrock):
        """Fails once, when the third shard is looked for."""

        is_failing = True

        def find_jobs(self, request: JobRequest) -> list[Job]:
            if self.is_failing and dict(request.tags)["shard"] == "2":
                self.is_failing = False
                raise BedrockUnavailable("list jobs: ThrottlingException")
            return super().find_jobs(request)

    fake = Third(night.connected.storage, quota=1)
    night.meet(fake)
    night.submit(night.shards(3))
    fake.finish()
    fake.quota = 100
    assert night.poll().ended == {"Completed": 3}
    assert [entry.adopted for entry in night.ledger] == [False, False, False]
    assert len(fake.jobs) == 3


# Every end is collected.


@pytest.mark.parametrize(
    ("status", "answered"),
    [
        (JobStatus.COMPLETED, 100),
        (JobStatus.PARTIALLY_COMPLETED, 50),
        (JobStatus.FAILED, 0),
        (JobStatus.STOPPED, 50),
        (JobStatus.EXPIRED, 0),
    ],
)
@pytest.mark.parametrize("kind", ["fake", "served"])
def test_every_end_is_collected(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, status: JobStatus, answered: int
) -> None:
    """However a job ends, what it answered is kept, what it did not is missing, and it is booked once."""
    night: Night = request.getfixturevalue("night" if kind == "fake" else "served")
    if kind == "fake":
        night.meet(FakeBedrock(night.connected.storage, end_status=status))
    elif status is not JobStatus.COMPLETED:
        request.getfixturevalue("bench").sandbox.faults.set("end_status", status.value)
    night.submit(night.shards(1))
    assert night.poll().ended == {status.value: 1}
    (entry,) = night.ledger
    assert (entry.state, entry.job_status, is_live(entry)) == (EntryState.SUBMITTED, status.value, True)
    summary = night.collect()
    (entry,) = night.ledger
    assert (entry.state, is_live(entry), entry.collected_at) == (EntryState.COLLECTED, False, NOW)
    assert entry.usage is not None
    assert (entry.usage.line_count, entry.usage.answered_count) == (answered, answered)
    assert summary.status_counts == ({"judged": answered} if answered else {})
    assert summary.missing_count == RECORDS - answered
    assert len(summary.messages) == (status is JobStatus.FAILED)
    assert night.answers(tmp_path).height == answered
    price = find_price(MODEL_ID, "batch")
    assert price is not None
    assert entry.usage.cost_usd == price.cost_usd(entry.usage.input_tokens, entry.usage.output_tokens)
    assert summary.cost_usd == entry.usage.cost_usd
    assert bool(entry.usage.cost_usd) is bool(answered)
    assert night.collect().job_count == 0


def test_a_job_of_errors_alone(served: Night, bench: Bench) -> None:
    """Completed may mean that every record failed: they are errors, not verdicts, and cost nothing."""
    bench.sandbox.faults.set("all_error")
    served.submit(served.shards(1))
    assert served.poll().ended == {"Completed": 1}
    summary = served.collect()
    assert (summary.status_counts, summary.missing_count, summary.cost_usd) == ({"error": RECORDS}, 0, 0)


def test_broken_answers_are_counted(night: Night, fake: FakeBedrock) -> None:
    """Error, missing and malformed records keep their status; the others are judged."""
    fake.fail_records, fake.drop_records, fake.malformed_records = 2, 3, 4
    night.submit(night.shards(1))
    night.poll()
    summary = night.collect()
    assert summary.status_counts == {"error": 2, "malformed": 4, "judged": 91}
    assert summary.missing_count == 3


def test_a_job_is_not_collected_before_its_end(night: Night, fake: FakeBedrock) -> None:
    """A job that was not seen to end is left alone."""
    night.submit(night.shards(1))
    assert night.collect().job_count == 0
    assert night.states == ["submitted"]


def test_every_paid_token_is_booked(served: Night, bench: Bench, tmp_path: Path) -> None:
    """The ledger has the tokens of every line: of those that count, of second ones and of unknown records."""
    bench.sandbox.faults.set("duplicate_records", 5)
    bench.sandbox.faults.set("unknown_records", 3)
    served.submit(served.shards(1))
    served.poll()
    served.collect()
    (entry,) = served.ledger
    usage = entry.usage
    assert usage is not None
    assert (usage.answered_count, usage.repeated_record_count, usage.unknown_record_count) == (RECORDS, 5, 3)
    assert usage.line_count == RECORDS + 8
    lines = output_lines(served.connected.storage, entry)
    reported = [orjson.loads(line)["modelOutput"].get("usage", {}) for line in lines]
    for kind in ("input_tokens", "output_tokens"):
        assert getattr(usage, kind) == sum(tokens.get(kind, 0) for tokens in reported)
    assert usage.unattributed_input_tokens > 0
    assert usage.unattributed_cost_usd is not None
    assert usage.cost_usd is not None
    assert 0 < usage.unattributed_cost_usd < usage.cost_usd


def test_killed_between_the_answers_and_the_booking(night: Night, fake: FakeBedrock, tmp_path: Path) -> None:
    """Answers are stored before they are booked: the next run reads the same job again and books it once."""

    class Dying(Storage):
        def put_if_match(self, uri: str, body: bytes, etag: str) -> bool:
            if b'"state":"collected"' in body.replace(b" ", b""):
                raise Killed
            return super().put_if_match(uri, body, etag)

    night.submit(night.shards(1))
    night.poll()
    alive = night.connected
    night.connected = dataclasses.replace(alive, storage=Dying(shared(AwsEnvironment(aws_region="eu-west-1"))))
    with pytest.raises(Killed):
        night.collect()
    (entry,) = night.ledger
    assert entry.state is EntryState.SUBMITTED
    assert alive.storage.get(night.paths.answers(entry.key)) is not None
    night.connected = alive
    assert night.collect().status_counts == {"judged": RECORDS}
    assert night.answers(tmp_path).height == RECORDS


def test_the_answers_are_the_models(night: Night, fake: FakeBedrock, tmp_path: Path) -> None:
    """Each record's answer is joined by its id, whatever the order of the output."""
    night.submit(night.shards(2))
    night.poll()
    night.collect()
    answers = night.answers(tmp_path)
    expected = [place % 10 == 0 for _ in range(2) for place in range(RECORDS)]
    assert answers["violation"].to_list() == expected
    assert set(answers["attempt"]) == {1}


def test_two_errors_for_one_record_do_not_depend_on_their_order(night: Night, tmp_path: Path) -> None:
    """Of several lines that are no answer the same one counts in any order."""

    def error(message: str) -> bytes:
        return orjson.dumps({"recordId": "r1", "modelInput": {}, "error": {"errorCode": 400, "errorMessage": message}})

    lines = [error("first"), error("second"), b"", output_line("r2", claude_output("prose"))]
    prompt = prompts.load("comment_review", "v1")
    read = [
        collect(order, {"r1": 1, "r2": 1}, pick_family(MODEL_ID), prompt, None, NOW) for order in (lines, lines[::-1])
    ]
    assert read[0].answers.equals(read[1].answers)
    assert read[0].usage == read[1].usage


def test_a_lone_surrogate_is_an_answer_all_the_same(night: Night) -> None:
    """A line in which JSON spells half a character is read, and its tokens are booked."""
    line = output_line("r1", claude_output("SURROGATE")).replace(b"SURROGATE", rb"\ud83d")
    prompt = prompts.load("comment_review", "v1")
    read = collect([line], {"r1": 1}, pick_family(MODEL_ID), prompt, None, NOW)
    assert read.answers["status"].to_list() == ["malformed"]
    assert (read.usage.input_tokens, read.usage.unknown_record_count) == (1000, 0)


def test_other_files_are_no_output(night: Night) -> None:
    """Only `*.jsonl.out` below the job's own folder is read, whatever else lies in the output."""
    (shard,) = night.shards(1)
    entry = shard.model_copy(update={"job_arn": JOB_ARN})
    folder = f"{entry.output_uri}abc123def456"
    for name in ("manifest.json.out", "shard-00000.jsonl.out", "nested/shard-00001.jsonl.out", "notes.txt"):
        night.connected.storage.put(f"{folder}/{name}", name.encode() + b"\n")
    night.connected.storage.put(f"{entry.output_uri}another/shard-00000.jsonl.out", b"another job's\n")
    lines = list(output_lines(night.connected.storage, entry))
    assert lines == [b"nested/shard-00001.jsonl.out", b"shard-00000.jsonl.out"]
    unsubmitted = list(output_lines(night.connected.storage, shard))
    assert unsubmitted == []


def test_output_without_a_folder_of_the_jobs(night: Night) -> None:
    """Files right where the job was told to write are its output, if it has no folder: they are paid for."""
    (shard,) = night.shards(1)
    entry, storage = shard.model_copy(update={"job_arn": JOB_ARN}), night.connected.storage
    for name in ("manifest.json.out", "shard-00000.jsonl.out", "another/shard-00000.jsonl.out"):
        storage.put(f"{entry.output_uri}{name}", name.encode() + b"\n")
    assert list(output_lines(storage, entry)) == [b"shard-00000.jsonl.out"]
    storage.put(f"{entry.output_uri}abc123def456/shard-00000.jsonl.out", b"its own\n")
    assert list(output_lines(storage, entry)) == [b"its own"]
