"""One contract for batch inference, held by the fake and by boto3 against a served Bedrock alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import orjson
import pytest

from data_contracts.batch_lines import InvocationType
from data_contracts.documents.ledger import shard_key
from sandbox.bedrock.errors import STATUS_CODES
from sandbox.serve import ROLE_ARN
from tasks.adapters import bedrock as adapter
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.bedrock import Bedrock
from tasks.adapters.storage import Storage
from tasks.base.errors import BedrockRefused, BedrockUnavailable, JobUnknown, QuotaReached
from tasks.base.ports import ENDED, BatchInference, Job, JobRequest, JobStatus, RecordFailed
from tasks.llm.families import pick_family
from tests.factories import MODEL_ID, RUN_DATE, prompt
from tests.fakes import FakeBedrock
from tests.wire import OneTry, Reply, Wire

if TYPE_CHECKING:
    from tests.bench import Bench

Line = dict[str, Any]

RECORDS = 100


class World:
    """A Bedrock, the storage it works on, and the hands to move it with."""

    bedrock: BatchInference
    storage: Storage
    root: str
    #: when the requests were intended: the served Bedrock has the real time
    begun = datetime.now(UTC)

    def advance(self) -> None:
        """Take one step of every job."""
        raise NotImplementedError

    def finish(self) -> None:
        """Move every job to its end."""
        raise NotImplementedError

    def job_count(self) -> int:
        raise NotImplementedError

    def lose_creates(self, count: int) -> None:
        """Lose the answers of accepted create calls."""
        raise NotImplementedError

    def set_quota(self, count: int) -> None:
        """Allow so many unfinished jobs."""
        raise NotImplementedError

    def end_as(self, status: JobStatus) -> None:
        """Let jobs end so."""
        raise NotImplementedError

    def spoil(self, *, errors: int = 0, missing: int = 0, prose: int = 0) -> None:
        """Spoil so many records of each job."""
        raise NotImplementedError

    def request(self, number: int = 0, records: int = RECORDS, **changes: Any) -> JobRequest:
        """The request of a shard, whose input is put in its place."""
        key = shard_key("s3://moderation-output", RUN_DATE, number, "0" * 64, MODEL_ID, "InvokeModel", 0)
        folder = f"{self.root}/{RUN_DATE}/{key[:16]}"
        lines = [{"recordId": f"r{place:03d}", "modelInput": body(f"comment {place}")} for place in range(records)]
        self.storage.put(f"{folder}/input/shard.jsonl", b"".join(orjson.dumps(line) + b"\n" for line in lines))
        given = {
            "job_name": f"nm-{RUN_DATE}-{number:05d}-{key[:16]}",
            "client_request_token": key,
            "model_id": MODEL_ID,
            "invocation_type": "InvokeModel",
            "role_arn": ROLE_ARN,
            "input_uri": f"{folder}/input/shard.jsonl",
            "output_uri": f"{folder}/output/",
            "timeout_h": 24,
            "intended_at": self.begun,
        }
        return JobRequest(**(given | changes))

    def ended(self, arn: str) -> Job:
        """A job at its end."""
        self.finish()
        for _ in range(10):
            job = self.bedrock.get_job(arn)
            if job.status in ENDED:
                return job
        raise AssertionError(f"{job} does not end")

    def output(self, request: JobRequest, arn: str) -> list[Line]:
        """The lines of a job's output, by record id."""
        uri = f"{request.output_uri}{arn.rsplit('/', 1)[-1]}/shard.jsonl.out"
        lines = [orjson.loads(line) for line in (self.storage.get(uri) or b"").splitlines()]
        return sorted(lines, key=lambda line: str(line["recordId"]))


class FakeWorld(World):
    def __init__(self, storage: Storage, root: str) -> None:
        self.storage, self.root = storage, root
        self.fake = FakeBedrock(storage)
        self.bedrock = self.fake

    def advance(self) -> None:
        for job in self.fake.jobs:
            self.fake.get_job(job.job_arn)

    def finish(self) -> None:
        self.fake.finish()

    def job_count(self) -> int:
        return len(self.fake.jobs)

    def lose_creates(self, count: int) -> None:
        self.fake.lost_creates = count

    def set_quota(self, count: int) -> None:
        self.fake.quota = count

    def end_as(self, status: JobStatus) -> None:
        self.fake.end_status = status

    def spoil(self, *, errors: int = 0, missing: int = 0, prose: int = 0) -> None:
        self.fake.fail_records, self.fake.drop_records, self.fake.malformed_records = errors, missing, prose


class ServedWorld(World):
    root = "s3://moderation-batch"

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.storage = Storage(shared(AwsEnvironment()))
        self.bedrock = Bedrock(OneTry())

    def advance(self) -> None:
        self.bench.bedrock.advance()

    def finish(self) -> None:
        self.bench.bedrock.finish()

    def job_count(self) -> int:
        return len(list(self.bench.bedrock.store))

    def lose_creates(self, count: int) -> None:
        self.bench.sandbox.faults.set("lost_create", count)

    def set_quota(self, count: int) -> None:
        self.bench.sandbox.faults.set("quota", count)

    def end_as(self, status: JobStatus) -> None:
        self.bench.sandbox.faults.set("end_status", status is not JobStatus.COMPLETED and status.value)

    def spoil(self, *, errors: int = 0, missing: int = 0, prose: int = 0) -> None:
        for name, count in (("error_records", errors), ("missing_records", missing), ("non_json", prose)):
            self.bench.sandbox.faults.set(name, count)


def body(text: str) -> Line:
    """A Claude body that asks about one comment."""
    return {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 200,
        "system": "Judge the comment.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": f"<comment>{text}</comment>"}]}],
    }


@pytest.fixture
def served(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> ServedWorld:
    """Real boto3 over real HTTP, one try a call; jobs move by hand."""
    for name, value in bench.sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return ServedWorld(bench)


@pytest.fixture(params=["fake", "served"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    if request.param == "served":
        found: World = request.getfixturevalue("served")
        return found
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    return FakeWorld(Storage(shared(AwsEnvironment())), str(tmp_path / "batch"))


@pytest.fixture
def wire(served: ServedWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire to Bedrock that can be cut."""
    with Wire(served.bench.sandbox.bedrock_url).served() as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", wire.url)
        served.bedrock = Bedrock(OneTry())
        yield wire


def test_the_statuses_are_bedrocks() -> None:
    """The enum has botocore's ten statuses, no more and no less."""
    model = boto3.session.Session().client("bedrock", region_name="eu-west-1").meta.service_model
    assert {status.value for status in JobStatus} == set(model.shape_for("ModelInvocationJobStatus").enum)


# The contract, for every implementation.


def test_a_job_is_what_was_asked(world: World) -> None:
    """A created job shows its request again, and when it came."""
    request = world.request()
    arn = world.bedrock.create_job(request)
    job = world.bedrock.get_job(arn)
    assert (job.job_arn, job.job_id) == (arn, arn.rsplit("/", 1)[-1])
    assert job.status is JobStatus.SUBMITTED
    for field in ("job_name", "client_request_token", "model_id", "input_uri", "output_uri"):
        assert getattr(job, field) == getattr(request, field)
    assert job.submitted_at is not None
    assert job.submitted_at.tzinfo is not None


def test_a_token_makes_one_job(world: World) -> None:
    """The same token again is answered with the same job, also when that has ended."""
    request = world.request()
    arn = world.bedrock.create_job(request)
    assert world.bedrock.create_job(request) == arn
    world.ended(arn)
    assert world.bedrock.create_job(request) == arn
    assert world.job_count() == 1


def test_other_tokens_make_other_jobs(world: World) -> None:
    """Two shards are two jobs."""
    arns = {world.bedrock.create_job(world.request(number)) for number in (0, 1)}
    assert len(arns) == world.job_count() == 2


def test_find_jobs_of_nothing(world: World) -> None:
    """A request that nobody made has no job, whatever others there are."""
    world.bedrock.create_job(world.request(1))
    assert world.bedrock.find_jobs(world.request(0)) == []


def test_find_jobs_by_name(world: World) -> None:
    """A job of our name is found though its token is another."""
    request = world.request()
    arn = world.bedrock.create_job(request.model_copy(update={"client_request_token": "another"}))
    (found,) = world.bedrock.find_jobs(request)
    assert (found.job_arn, found.client_request_token) == (arn, "another")


def test_find_jobs_by_token(world: World) -> None:
    """A job of our token is found whatever its name is."""
    request = world.request()
    arn = world.bedrock.create_job(request.model_copy(update={"job_name": "a-name-of-somebody-else"}))
    (found,) = world.bedrock.find_jobs(request)
    assert (found.job_arn, found.job_name) == (arn, "a-name-of-somebody-else")


def test_find_jobs_takes_the_whole_name(world: World) -> None:
    """A job whose name only contains ours, with another token, is not ours."""
    request = world.request()
    stranger = {"job_name": f"{request.job_name}-again", "client_request_token": "another"}
    world.bedrock.create_job(request.model_copy(update=stranger))
    assert world.bedrock.find_jobs(request) == []


def test_find_jobs_tells_of_all_of_them(world: World) -> None:
    """Several jobs of our name or token are all shown, the newest first."""
    request = world.request()
    others = ({"client_request_token": "first"}, {"job_name": "another-name"}, {"client_request_token": "third"})
    arns = [world.bedrock.create_job(request.model_copy(update=other)) for other in others]
    assert [job.job_arn for job in world.bedrock.find_jobs(request)] == arns[::-1]


def test_find_jobs_shows_the_end(world: World) -> None:
    """A job that has ended is found with its status."""
    request = world.request()
    world.ended(world.bedrock.create_job(request))
    (found,) = world.bedrock.find_jobs(request)
    assert found.status is JobStatus.COMPLETED


def test_list_jobs_by_a_part_of_the_name_and_their_time(world: World) -> None:
    """Jobs of a name are listed whatever their end, the newest first; older and otherwise named ones are not."""
    request = world.request()
    first = world.bedrock.create_job(request)
    second = world.bedrock.create_job(world.request(1))
    world.bedrock.create_job(world.request(2, job_name="somebody-elses"))
    world.finish()
    listed = world.bedrock.list_jobs("nm-", world.begun - timedelta(days=400))
    assert [job.job_arn for job in listed] == [second, first]
    assert [job.input_uri for job in listed][-1] == request.input_uri
    assert world.bedrock.list_jobs("nm-", world.begun + timedelta(days=400)) == []


def test_a_lost_answer_is_found(world: World) -> None:
    """A create call that failed after Bedrock took it may pass; its job is found, and asking again makes no other."""
    request = world.request()
    world.lose_creates(1)
    with pytest.raises(BedrockUnavailable, match=rf"create job {request.job_name}: "):
        world.bedrock.create_job(request)
    (found,) = world.bedrock.find_jobs(request)
    assert found.input_uri == request.input_uri
    assert world.bedrock.create_job(request) == found.job_arn
    assert world.job_count() == 1


def test_counters_are_a_placeholder_at_first(world: World) -> None:
    """Counters are 0 until records are processed, and the job's own numbers at its end."""
    arn = world.bedrock.create_job(world.request())
    job = world.bedrock.get_job(arn)
    seen = [job]
    while job.status not in ENDED:
        world.advance()
        job = world.bedrock.get_job(arn)
        seen.append(job)
    early = [job for job in seen if job.status not in (JobStatus.IN_PROGRESS, *ENDED)]
    assert {(job.total_count, job.processed_count) for job in early} == {(0, 0)}
    assert (job.status, job.total_count, job.processed_count) == (JobStatus.COMPLETED, RECORDS, RECORDS)


def test_a_stopped_job_stops(world: World) -> None:
    """A job is Stopping when that was asked for, and Stopped in the end; asking again is no error."""
    arn = world.bedrock.create_job(world.request())
    world.bedrock.stop_job(arn)
    world.bedrock.stop_job(arn)
    assert world.ended(arn).status is JobStatus.STOPPED


def test_a_job_that_has_ended_stays_as_it_is(world: World) -> None:
    """Stopping too late is no error and changes nothing."""
    arn = world.bedrock.create_job(world.request())
    assert world.ended(arn).status is JobStatus.COMPLETED
    world.bedrock.stop_job(arn)
    assert world.bedrock.get_job(arn).status is JobStatus.COMPLETED


def test_the_quota_is_told(world: World) -> None:
    """No further job is taken while too many are unfinished; an accepted token is answered all the same."""
    world.set_quota(1)
    arn = world.bedrock.create_job(world.request(0))
    with pytest.raises(QuotaReached, match="ServiceQuotaExceededException"):
        world.bedrock.create_job(world.request(1))
    assert world.bedrock.create_job(world.request(0)) == arn
    world.ended(arn)
    assert world.bedrock.create_job(world.request(1)) != arn
    assert world.job_count() == 2


@pytest.mark.parametrize(
    ("status", "answered"),
    [
        (JobStatus.COMPLETED, RECORDS),
        (JobStatus.PARTIALLY_COMPLETED, RECORDS // 2),
        (JobStatus.STOPPED, RECORDS // 2),
        (JobStatus.FAILED, 0),
        (JobStatus.EXPIRED, 0),
    ],
)
def test_every_end_keeps_what_was_answered(world: World, status: JobStatus, answered: int) -> None:
    """A job that ends early has lines for the records it came to; a failed one says why."""
    world.end_as(status)
    request = world.request()
    arn = world.bedrock.create_job(request)
    job = world.ended(arn)
    assert job.status is status
    assert bool(job.message) is (status is JobStatus.FAILED)
    assert len(world.output(request, arn)) == answered


def test_the_output_has_every_record(world: World) -> None:
    """Each record has one line, with its answer and an echo of its input."""
    request = world.request()
    arn = world.bedrock.create_job(request)
    world.ended(arn)
    lines = world.output(request, arn)
    assert [line["recordId"] for line in lines] == [f"r{place:03d}" for place in range(RECORDS)]
    for place, line in enumerate(lines):
        assert line["modelInput"] == body(f"comment {place}")
        assert line["modelOutput"]["stop_reason"] == "end_turn"
        assert line["modelOutput"]["usage"].keys() >= {"input_tokens", "output_tokens"}


def test_records_fail_one_by_one(world: World) -> None:
    """A record may have an error, no line at all, or an answer that is no JSON, and the job is Completed."""
    world.spoil(errors=2, missing=3, prose=4)
    request = world.request()
    arn = world.bedrock.create_job(request)
    assert world.ended(arn).status is JobStatus.COMPLETED
    lines = world.output(request, arn)
    assert len(lines) == RECORDS - 3
    errors = [line["error"] for line in lines if "error" in line]
    assert [error.keys() >= {"errorCode", "errorMessage"} for error in errors] == [True, True]
    texts = [line["modelOutput"]["content"][0]["text"] for line in lines if "modelOutput" in line]
    assert sum("{" not in text for text in texts) == 4


def test_too_few_records_fail_the_job(world: World) -> None:
    """A job under Bedrock's minimum is taken, then fails and says why."""
    job = world.ended(world.bedrock.create_job(world.request(records=99)))
    assert job.status is JobStatus.FAILED
    assert job.message


def test_a_job_that_nobody_knows(world: World) -> None:
    """A job that is not there is unknown, which is a refusal for good unless it was made a moment ago."""
    arn = world.bedrock.create_job(world.request())
    with pytest.raises(JobUnknown, match="ResourceNotFoundException"):
        world.bedrock.get_job(arn[:-12] + "abcdefghijkl")


# boto3 alone: the wire, AWS's errors, and what to do about them.


def test_the_request_is_sent_whole(served: ServedWorld) -> None:
    """Role, time-out, key and tags reach Bedrock."""
    tags = (("project", "nightly-moderation"), ("run_date", "2026-11-19"))
    served.bedrock.create_job(served.request(timeout_h=30, kms_key_id="alias/batch", tags=tags))
    (call,) = served.bench.bedrock.calls_of("CreateModelInvocationJob")
    assert call.parameters["roleArn"] == ROLE_ARN
    assert call.parameters["modelInvocationType"] == "InvokeModel"
    assert call.parameters["timeoutDurationInHours"] == 30
    assert call.parameters["outputDataConfig"]["s3OutputDataConfig"]["s3EncryptionKeyId"] == "alias/batch"
    assert call.parameters["tags"] == [{"key": key, "value": value} for key, value in tags]


def test_find_jobs_reads_every_page(served: ServedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our job is found behind more jobs than a page holds."""
    monkeypatch.setattr(adapter, "_PAGE_SIZE", 5)
    request = served.request()
    arn = served.bedrock.create_job(request)
    for number in range(11):
        other = {"job_name": f"{request.job_name}-{number}", "client_request_token": f"other-{number}"}
        served.bedrock.create_job(request.model_copy(update=other))
    (found,) = served.bedrock.find_jobs(request)
    assert found.job_arn == arn
    assert len(served.bench.bedrock.calls_of("ListModelInvocationJobs")) == 2 * 3


@pytest.mark.parametrize("answer", ["original", "conflict"])
def test_botocores_own_retry_makes_no_second_job(served: ServedWorld, answer: str) -> None:
    """A lost answer is repeated with the same token: the job that was made is told, whatever AWS answers to that."""
    served.bench.sandbox.faults.set("token_repeat", answer)
    served.lose_creates(1)
    arn = Bedrock(shared(AwsEnvironment())).create_job(served.request())
    assert [job.arn for job in served.bench.bedrock.store] == [arn]
    assert len(served.bench.bedrock.calls_of("CreateModelInvocationJob")) == 2


def test_a_repeated_token_without_an_arn(served: ServedWorld, wire: Wire) -> None:
    """An accepted call that is answered without an ARN has the listed job, or is worth another try."""
    request = served.request()
    wire.fates.append(Reply(200, "{}"))
    with pytest.raises(BedrockUnavailable, match="its token was used before, but no job is listed"):
        served.bedrock.create_job(request)
    arn = served.bedrock.create_job(request)
    wire.fates.append(Reply(200, "{}"))
    assert served.bedrock.create_job(request) == arn


REFUSALS = [
    pytest.param({"not_entitled": True}, {}, "not entitled to batch inference: open a support case", id="entitlement"),
    pytest.param({"pass_role_missing": True}, {}, "grant the submitter iam:PassRole", id="pass-role"),
    pytest.param({"wrong_role": "create"}, {}, "check MODERATION_ROLE_ARN and its trust policy", id="role"),
    pytest.param({}, {"model_id": "anthropic.claude-unheard-of-v1:0"}, "check MODERATION_MODEL_ID", id="model"),
    pytest.param({}, {"input_uri": "s3://moderation-batch/date=1/a.jsonl"}, "MODERATION_BATCH_URI", id="uri"),
    pytest.param({}, {"timeout_h": 12}, "ParamValidationError.*valid min value: 24", id="parameter"),
]


@pytest.mark.parametrize(("faults", "changes", "advice"), REFUSALS)
def test_a_refusal_says_what_to_do(
    served: ServedWorld, faults: dict[str, str | bool], changes: dict[str, Any], advice: str
) -> None:
    """What stays wrong stops the night at the first call, in one line with AWS's message and the next step."""
    for name, value in faults.items():
        served.bench.sandbox.faults.set(name, value)
    with pytest.raises(BedrockRefused, match=advice) as caught:
        Bedrock(shared(AwsEnvironment())).create_job(served.request().model_copy(update=changes))
    assert str(caught.value).startswith("create job nm-2026-11-19-00000-")
    assert "\n" not in str(caught.value)
    assert len(served.bench.bedrock.calls_of("CreateModelInvocationJob")) == (0 if "timeout_h" in changes else 1)


def error_reply(code: str, message: str = "as AWS says") -> Reply:
    """An error in AWS's own shape."""
    return Reply(STATUS_CODES[code], f'{{"message": "{message}"}}', (("x-amzn-ErrorType", code),))


def test_access_denied_points_at_the_policies(served: ServedWorld, wire: Wire) -> None:
    """A denial that is not about PassRole sends the reader to the policies."""
    wire.fates.append(error_reply("AccessDeniedException"))
    with pytest.raises(BedrockRefused, match=r"AccessDeniedException: as AWS says \(compare the submitter's policy"):
        served.bedrock.create_job(served.request())


def test_a_model_that_needs_a_profile(served: ServedWorld, wire: Wire) -> None:
    """AWS's message about on-demand throughput sends the reader to inference profiles."""
    wire.fates.append(error_reply("ValidationException", "Retry with the ID or ARN of an inference profile"))
    with pytest.raises(BedrockRefused, match="set MODERATION_MODEL_ID to an inference profile"):
        served.bedrock.create_job(served.request())


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "InternalServerException", "ServiceUnavailableException", "ModelNotReadyException"]
)
def test_what_may_pass_is_unavailable(served: ServedWorld, wire: Wire, code: str) -> None:
    """Throttling and 5xx are worth another try of the stage once botocore's own tries are used up."""
    wire.fates.append(error_reply(code))
    with pytest.raises(BedrockUnavailable, match=f"{code}: as AWS says"):
        served.bedrock.find_jobs(served.request())


@pytest.mark.parametrize("fault", ["throttle", "server_error"])
def test_a_blip_is_not_noticed(served: ServedWorld, fault: str) -> None:
    """One throttled or failed call is repeated by botocore, and makes one job."""
    served.bench.sandbox.faults.set(fault, "CreateModelInvocationJob:1")
    Bedrock(shared(AwsEnvironment())).create_job(served.request())
    assert served.job_count() == 1
    assert len(served.bench.bedrock.calls_of("CreateModelInvocationJob")) == 2


def test_an_answer_that_never_comes(served: ServedWorld, wire: Wire) -> None:
    """A call has a time limit, and running into it may pass."""
    wire.fates.append("hang")
    with pytest.raises(BedrockUnavailable, match=r"get job .*: ReadTimeoutError"):
        served.bedrock.get_job("arn:aws:bedrock:ap-northeast-1:123456789012:model-invocation-job/abcdefghijkl")


def test_nobody_listens(served: ServedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that is down may come back."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:9")
    with pytest.raises(BedrockUnavailable, match=r"list jobs .*EndpointConnectionError"):
        Bedrock(OneTry()).find_jobs(served.request())


@pytest.mark.parametrize("answer", ["null", '"prose"', "[]"])
@pytest.mark.parametrize("invocation_type", ["InvokeModel", "Converse"])
def test_an_answer_that_is_no_output_fails_its_record(
    answer: str, invocation_type: InvocationType, served: ServedWorld, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes in an answer's place is one record's fault, not the night's: all others are still asked."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", wire.url)
    wire.fates.append(Reply(200, answer))
    bedrock, asked = Bedrock(OneTry()), pick_family(MODEL_ID, invocation_type=invocation_type).body(prompt(), "x")
    with pytest.raises(RecordFailed, match="not a JSON object"):
        bedrock.invoke(MODEL_ID, invocation_type, asked)


def test_a_time_without_a_zone_is_utc(served: ServedWorld, wire: Wire) -> None:
    """What Bedrock's times lack is not guessed from the machine, and a job can be compared with its intent."""
    arn = served.bedrock.create_job(served.request())
    shown = {"jobArn": arn, "status": "Submitted", "submitTime": "2026-11-20T02:00:00.5"}
    wire.fates.append(Reply(200, orjson.dumps(shown).decode()))
    job = served.bedrock.get_job(arn)
    assert job.submitted_at == datetime(2026, 11, 20, 2, 0, 0, 500_000, UTC)
    assert job.job_name == ""


def test_an_endpoint_without_the_call(served: ServedWorld) -> None:
    """An endpoint that lacks a call that is needed is refused: asking again will not help."""
    served.bench.sandbox.faults.set("unavailable", "ListModelInvocationJobs")
    with pytest.raises(BedrockRefused, match="UnknownOperationException"):
        served.bedrock.find_jobs(served.request())


def test_a_lost_job_points_at_the_region(served: ServedWorld) -> None:
    """A job that is not of this account and Region is not blamed on the model."""
    with pytest.raises(BedrockRefused, match="check AWS_REGION"):
        served.bedrock.get_job("arn:aws:bedrock:ap-northeast-1:123456789012:model-invocation-job/abcdefghijkl")
