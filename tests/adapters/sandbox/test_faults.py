"""Faults: everything that can go wrong goes wrong on demand, deterministically."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError

from sandbox.bedrock.faults import FAULTS, UnknownFault, markdown_table, parse_options
from sandbox.bedrock.switchboard import Faults

if TYPE_CHECKING:
    from tests.bench import Bench

LLAMA = "meta.llama3-3-70b-instruct-v1:0"


def answers(bench: Bench, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The Claude responses of a job's successful lines."""
    return [line["modelOutput"] for line in bench.lines(job) if "modelOutput" in line]


def texts(bench: Bench, job: dict[str, Any]) -> list[str]:
    """The answers' texts."""
    return [answer["content"][0]["text"] for answer in answers(bench, job)]


def is_verdict(text: str) -> bool:
    """Whether a text is the JSON of a verdict and nothing else."""
    try:
        return "violation" in orjson.loads(text)
    except orjson.JSONDecodeError:
        return False


def structured(count: int = 100) -> list[dict[str, Any]]:
    """Records that ask for structured output, so that no answer is fenced of its own accord."""
    schema = {
        "type": "object",
        "properties": {
            "violation": {"type": "boolean"},
            "category": {"type": "string"},
            "confidence": {"type": "number"},
            "explanation": {"type": "string"},
        },
        "required": ["violation", "category", "confidence", "explanation"],
        "additionalProperties": False,
    }
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 200,
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    return [
        {
            "recordId": f"r{n}",
            "modelInput": {**body, "messages": [{"role": "user", "content": f"<comment>{n}</comment>"}]},
        }
        for n in range(count)
    ]


def test_every_fault_is_documented() -> None:
    """The table says of each fault what it takes, what it does and where that is known from."""
    for name, fault in FAULTS.items():
        assert name == fault.name
        assert all((fault.value, fault.effect, fault.source)), name
        assert f"| `{name}` |" in markdown_table()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no_such_fault", "1"),
        ("throttle", "often"),
        ("end_status", "Completed"),
        ("end_status", "Failed:half"),
        ("stuck_status", "Completed"),
        ("throttle", "3@many"),
        ("token_repeat", "perhaps"),
        ("token_repeat", "true"),
        ("quota", "true"),
        ("refusals", "Converse:3"),
    ],
)
def test_an_unknown_fault_or_value_is_refused(name: str, value: str) -> None:
    """A typing error in a fault is an error, not a quiet night."""
    with pytest.raises(UnknownFault):
        Faults().set(name, value)
    with pytest.raises(UnknownFault):
        parse_options([f"{name}={value}"])


def test_shares_are_deterministic() -> None:
    """The seed, the job's name and the record decide; another seed or job gives others, of about the same number."""

    def struck(seed: int, job_name: str) -> list[str]:
        faults = Faults(seed)
        faults.set("refusals", 0.2)
        job = faults.for_job(job_name)
        return [record for record in map(str, range(1000)) if job.of_record(record)]

    assert struck(1, "a") == struck(1, "a")
    assert struck(1, "a") != struck(2, "a")
    assert struck(1, "a") != struck(1, "b")
    assert 150 < len(struck(1, "a")) < 250


def test_a_limit_spares_later_jobs(bench: Bench) -> None:
    """VALUE@N touches the first N jobs only."""
    bench.sandbox.faults.set("end_status", "Failed@1")
    assert bench.run()["status"] == "Failed"
    assert bench.run()["status"] == "Completed"


def test_reset_switches_faults_off(bench: Bench) -> None:
    """After a reset, and after a value of False, nothing goes wrong."""
    bench.sandbox.faults.set("throttle", True)
    bench.sandbox.faults.reset()
    bench.sandbox.faults.set("not_entitled")
    bench.sandbox.faults.set("not_entitled", False)
    assert bench.run()["status"] == "Completed"


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [("throttle", "ThrottlingException", 429), ("server_error", "InternalServerException", 500)],
)
def test_calls_fail_by_count_and_operation(bench: Bench, name: str, code: str, status: int) -> None:
    """OPERATION:N fails the first N calls of that operation and no others."""
    bench.sandbox.faults.set(name, "ListModelInvocationJobs:2")
    bench.submit()
    for _ in range(2):
        error = bench.refused(bench.control.list_model_invocation_jobs)
        assert error.response["Error"]["Code"] == code
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert len(bench.control.list_model_invocation_jobs()["invocationJobSummaries"]) == 1


def test_calls_fail_by_share(bench: Bench) -> None:
    """A share fails about so many calls."""
    bench.sandbox.faults.set("throttle", 0.5)
    for _ in range(40):
        with contextlib.suppress(bench.control.exceptions.ThrottlingException):
            bench.control.list_model_invocation_jobs()
    calls = bench.bedrock.calls_of("ListModelInvocationJobs")
    assert 8 <= sum(call.error == "ThrottlingException" for call in calls) <= 32


def test_botocore_retries_get_through(bench: Bench) -> None:
    """botocore's own retries pass a throttled create, with the same token and so one job."""
    patient = bench.sandbox.client("bedrock", retries={"mode": "standard", "total_max_attempts": 3})
    bench.sandbox.faults.set("server_error", "CreateModelInvocationJob:2")
    patient.create_model_invocation_job(**bench.request())
    tokens = [call.parameters["clientRequestToken"] for call in bench.bedrock.calls_of("CreateModelInvocationJob")]
    assert len(tokens) == 3
    assert len(set(tokens)) == 1
    assert len(list(bench.bedrock.store)) == 1


def test_operations_can_be_unavailable(bench: Bench) -> None:
    """Another Bedrock that lacks an operation answers that it does not know it."""
    bench.sandbox.faults.set("unavailable", "CountTokens,GetFoundationModel")
    error = bench.refused(bench.control.get_foundation_model, modelIdentifier="amazon.nova-lite-v1:0")
    assert error.response["Error"]["Code"] == "UnknownOperationException"
    assert bench.control.list_model_invocation_jobs()["invocationJobSummaries"] == []


def test_a_create_can_be_lost(bench: Bench) -> None:
    """The job is taken and runs, but its creator only sees the connection drop; the token then gives its ARN."""
    bench.sandbox.faults.set("lost_create", 1)
    bench.put(bench.records())
    with pytest.raises((BotoConnectionError, HTTPClientError)):
        bench.control.create_model_invocation_job(**bench.request(clientRequestToken="token-1"))
    (job,) = bench.control.list_model_invocation_jobs()["invocationJobSummaries"]
    assert bench.submit(clientRequestToken="token-1") == job["jobArn"]
    assert len(list(bench.bedrock.store)) == 1
    errors = [call.error for call in bench.bedrock.calls_of("CreateModelInvocationJob")]
    assert errors == ["ConnectionDropped", None]


def test_a_repeated_token_can_be_a_conflict(bench: Bench) -> None:
    """With token_repeat=conflict the second call is a ConflictException, and still no second job."""
    bench.sandbox.faults.set("token_repeat", "conflict")
    bench.submit(clientRequestToken="token-1")
    error = bench.refused(bench.control.create_model_invocation_job, **bench.request(clientRequestToken="token-1"))
    assert error.response["Error"]["Code"] == "ConflictException"
    assert len(list(bench.bedrock.store)) == 1


def test_the_quota_counts_unfinished_jobs(bench: Bench) -> None:
    """Past the quota a create is refused until a job of that model has ended."""
    bench.sandbox.faults.set("quota", 2)
    bench.submit()
    bench.submit()
    error = bench.refused(bench.control.create_model_invocation_job, **bench.request())
    assert error.response["Error"]["Code"] == "ServiceQuotaExceededException"
    bench.submit(modelId="global.amazon.nova-2-lite-v1:0")
    bench.bedrock.finish()
    bench.submit()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("pass_role_missing", "AccessDeniedException", "is not authorized to perform: iam:PassRole on resource: arn:"),
        ("not_entitled", "ValidationException", "Your account is not authorized to perform this action"),
    ],
)
def test_permanent_refusals_of_a_create(bench: Bench, name: str, code: str, words: str) -> None:
    """A missing permission or entitlement refuses the create and makes no job."""
    bench.sandbox.faults.set(name)
    error = bench.refused(bench.control.create_model_invocation_job, **bench.request())
    assert error.response["Error"]["Code"] == code
    assert words in error.response["Error"]["Message"]
    assert list(bench.bedrock.store) == []


def test_a_role_that_cannot_be_assumed(bench: Bench) -> None:
    """A wrong trust policy fails the job while it is validated, or its creation."""
    bench.sandbox.faults.set("wrong_role")
    job = bench.run()
    assert job["status"] == "Failed"
    assert "could not assume the role" in job["message"]
    bench.sandbox.faults.set("wrong_role", "create")
    error = bench.refused(bench.control.create_model_invocation_job, **bench.request())
    assert error.response["Error"]["Code"] == "ValidationException"


def test_a_destination_region_may_be_forbidden(bench: Bench) -> None:
    """Without the model's permission in a destination Region the job fails, or each of its records."""
    bench.sandbox.faults.set("profile_region_permission_missing")
    job = bench.run()
    assert job["status"] == "Failed"
    assert "bedrock:InvokeModel" in job["message"]
    bench.sandbox.faults.set("profile_region_permission_missing", "records")
    job = bench.run()
    assert (job["status"], job["errorRecordCount"]) == ("Completed", 100)
    assert {line["error"]["errorCode"] for line in bench.lines(job)} == {403}


def test_slow_jobs_take_longer(bench: Bench) -> None:
    """The factor stretches the time until a step is due."""
    bench.sandbox.set_speed(10)
    bench.sandbox.faults.set("slow_jobs", "50@1")
    bench.submit()
    bench.submit()
    bench.bedrock.advance()
    slow, quick = (job.due - job.modified_at for job in bench.bedrock.store)
    assert slow == pytest.approx(50, rel=0.01)
    assert quick == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("status", ["Submitted", "Validating", "Scheduled", "InProgress"])
def test_a_job_can_be_stuck(bench: Bench, status: str) -> None:
    """A stuck job stays in its status, and can be stopped."""
    bench.sandbox.faults.set("stuck_status", status)
    arn = bench.submit()
    bench.bedrock.finish()
    assert bench.job(arn)["status"] == status
    bench.control.stop_model_invocation_job(jobIdentifier=arn)
    bench.bedrock.finish()
    assert bench.job(arn)["status"] == "Stopped"


def test_a_stop_can_stay_unconfirmed(bench: Bench) -> None:
    """With stuck_status=Stopping a job runs as usual but never gets from Stopping to Stopped."""
    bench.sandbox.faults.set("stuck_status", "Stopping")
    arn = bench.submit()
    bench.control.stop_model_invocation_job(jobIdentifier=arn)
    bench.bedrock.finish()
    assert bench.job(arn)["status"] == "Stopping"
    assert bench.run()["status"] == "Completed"


@pytest.mark.parametrize(
    ("value", "status", "answered"),
    [
        ("PartiallyCompleted:0.6", "PartiallyCompleted", 60),
        ("PartiallyCompleted", "PartiallyCompleted", 50),
        ("PartiallyCompleted:0", "PartiallyCompleted", 0),
        ("Stopped:0.3", "Stopped", 30),
        ("Expired", "Expired", 0),
        ("Expired:0.2", "Expired", 20),
        ("Failed", "Failed", 0),
        ("Failed:0.1", "Failed", 10),
    ],
)
def test_a_job_can_end_otherwise(bench: Bench, value: str, status: str, answered: int) -> None:
    """Every other end, with a part of the answers or with no output at all; only answers are paid for."""
    bench.sandbox.faults.set("end_status", value)
    job = bench.run()
    assert (job["status"], job["processedRecordCount"]) == (status, answered)
    assert ("message" in job) is (status == "Failed")
    assert len(bench.bedrock.paid_records) == answered
    if answered:
        assert {line["recordId"] for line in bench.lines(job)} == {f"r{n}" for n in range(answered)}
        assert bench.manifest(job)["processedRecordCount"] == answered
        assert bench.manifest(job)["totalRecordCount"] == 100
    else:
        assert bench.output_keys() == []


def test_missing_records_have_no_line(bench: Bench) -> None:
    """A lost record leaves a Completed job with fewer lines, and is not paid for."""
    bench.sandbox.faults.set("missing_records", 7)
    job = bench.run()
    assert job["status"] == "Completed"
    assert len(bench.lines(job)) == len(bench.bedrock.paid_records) == 93


def test_error_records_have_codes_of_both_types(bench: Bench) -> None:
    """Error lines instead of answers; the errorCode is a number or a string."""
    bench.sandbox.faults.set("error_records", 0.5)
    job = bench.run()
    codes = [line["error"]["errorCode"] for line in bench.lines(job) if "error" in line]
    assert len(codes) == job["errorRecordCount"] == 100 - len(bench.bedrock.paid_records)
    assert {type(code) for code in codes} == {int, str}


def test_all_records_of_a_completed_job_can_fail(bench: Bench) -> None:
    """Completed does not mean that a single record succeeded."""
    bench.sandbox.faults.set("all_error")
    job = bench.run()
    assert (job["status"], job["successRecordCount"], job["errorRecordCount"]) == ("Completed", 0, 100)
    assert not bench.bedrock.paid_records


def test_duplicate_records_have_two_lines(bench: Bench) -> None:
    """Two lines for one record, equal or one of them broken; it is paid once."""
    bench.sandbox.faults.set("duplicate_records", 20)
    job = bench.run(structured())
    lines = bench.lines(job)
    counted = Counter(line["recordId"] for line in lines)
    assert sorted(counted.values()) == [1] * 80 + [2] * 20
    assert set(bench.bedrock.paid_records.values()) == {1}
    assert 0 < sum(not is_verdict(text) for text in texts(bench, job)) < 20
    assert job["processedRecordCount"] == 100


def test_unknown_records_were_never_sent(bench: Bench) -> None:
    """Extra lines have ids that no record has, and their tokens are on the bill."""
    bench.sandbox.faults.set("unknown_records", 5)
    job = bench.run()
    lines = bench.lines(job)
    strangers = [line for line in lines if line["recordId"] not in bench.bedrock.paid_records]
    assert (len(lines), len(strangers)) == (105, 5)
    assert bench.manifest(job)["inputTokenCount"] == sum(line["modelOutput"]["usage"]["input_tokens"] for line in lines)


def test_refusals_of_claude(bench: Bench, documented: dict[str, Any]) -> None:
    """A refusal is a success line with stop_reason refusal and no content; stop_details may be null."""
    bench.sandbox.faults.set("refusals", 30)
    refusals = [answer for answer in answers(bench, bench.run()) if answer["stop_reason"] == "refusal"]
    assert len(refusals) == 30
    assert all(answer["content"] == [] for answer in refusals)
    assert all(documented["claude_refusal_response"].keys() == answer.keys() for answer in refusals)
    assert {answer["stop_details"] is None for answer in refusals} == {True, False}


def test_refusals_over_converse(bench: Bench) -> None:
    """Over Converse a refusal is filtered content."""
    bench.sandbox.faults.set("refusals", 1.0)
    answer = bench.runtime.converse(
        modelId="global.anthropic.claude-haiku-4-5-20251001-v1:0",
        messages=[{"role": "user", "content": [{"text": "<comment>x</comment>"}]}],
    )
    assert (answer["stopReason"], answer["output"]["message"]["content"]) == ("content_filtered", [])


def test_truncated_answers_stop_with_max_tokens(bench: Bench) -> None:
    """A truncated answer is half a JSON text and says max_tokens."""
    bench.sandbox.faults.set("truncated", 10)
    found = [answer for answer in answers(bench, bench.run(structured())) if answer["stop_reason"] == "max_tokens"]
    assert len(found) == 10
    assert not any(is_verdict(answer["content"][0]["text"]) for answer in found)


def test_answers_can_be_prose(bench: Bench) -> None:
    """A non-JSON answer has nothing to parse."""
    bench.sandbox.faults.set("non_json", 10)
    assert sum("{" not in text for text in texts(bench, bench.run(structured()))) == 10


def test_answers_can_be_fenced_or_prefixed(bench: Bench) -> None:
    """The JSON is all there, within a fence or after some prose."""
    bench.sandbox.faults.set("fenced", 10)
    bench.sandbox.faults.set("prefixed", 10)
    found = texts(bench, bench.run(structured()))
    assert sum(text.startswith("```json\n{") and text.endswith("}\n```") for text in found) == 10
    assert sum(text.startswith("Here is") and text.endswith("}") for text in found) == 10
    assert sum(is_verdict(text) for text in found) == 80


def test_answers_can_break_the_contract(bench: Bench) -> None:
    """An answer off contract is JSON of the right keys with a value that cannot be."""
    bench.sandbox.faults.set("off_contract", 40)
    verdicts = [orjson.loads(text) for text in texts(bench, bench.run(structured()))]
    sound = {"violation": False, "category": "none", "confidence": 0.8, "explanation": ""}
    broken = [verdict for verdict in verdicts if verdict != sound]
    assert len(broken) == 40
    assert all(verdict.keys() == sound.keys() for verdict in broken)


def test_on_demand_answers_meet_record_faults(bench: Bench) -> None:
    """Faults of answers strike InvokeModel too; those of a batch's lines mean nothing there."""
    bench.sandbox.faults.set("non_json", 1.0)
    assert "{" not in bench.invoke(bench.body())["content"][0]["text"]
    bench.sandbox.faults.reset()
    bench.sandbox.faults.set("refusals", 2)
    reasons = [bench.invoke(bench.body())["stop_reason"] for _ in range(3)]
    assert reasons == ["refusal", "refusal", "end_turn"]
    bench.sandbox.faults.reset()
    bench.sandbox.faults.set("missing_records", 1.0)
    assert bench.invoke(bench.body())["stop_reason"] == "end_turn"


def test_token_counting_can_be_unavailable(bench: Bench) -> None:
    """CountTokens refuses a model that it otherwise counts for."""
    bench.sandbox.faults.set("count_tokens_unavailable")
    error = bench.refused(
        bench.runtime.count_tokens,
        modelId="anthropic.claude-haiku-4-5-20251001-v1:0",
        input={"invokeModel": {"body": orjson.dumps(bench.body())}},
    )
    assert error.response["Error"]["Code"] == "ValidationException"


def test_a_model_can_be_legacy(bench: Bench) -> None:
    """The lifecycle names the day on which the model ends."""
    bench.sandbox.faults.set("lifecycle", "LEGACY:2026-12-24")
    details = bench.control.get_foundation_model(modelIdentifier="anthropic.claude-haiku-4-5-20251001-v1:0")
    lifecycle = details["modelDetails"]["modelLifecycle"]
    assert (lifecycle["status"], str(lifecycle["endOfLifeTime"].date())) == ("LEGACY", "2026-12-24")


def test_a_job_may_show_its_model_as_arn(bench: Bench) -> None:
    """Get may name the model by ARN though it was given by id."""
    bench.sandbox.faults.set("job_model_id", "arn")
    profile = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
    assert bench.run()["modelId"] == f"arn:aws:bedrock:ap-northeast-1:123456789012:inference-profile/{profile}"
    assert bench.run(modelId=LLAMA)["modelId"] == f"arn:aws:bedrock:ap-northeast-1::foundation-model/{LLAMA}"
