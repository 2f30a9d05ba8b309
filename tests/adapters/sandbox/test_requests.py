"""What the sandbox's Bedrock refuses, and in which words: by botocore's own model of the service."""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.bench import Bench

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20261119/ap-northeast-1/bedrock/aws4_request, Signature=0"}


def raw(bench: Bench, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
    """A request below boto3: status, headers, JSON body."""
    connection = http.client.HTTPConnection(bench.sandbox.bedrock_url.removeprefix("http://"), timeout=10)
    connection.request(method, path, body, SIGNED if headers is None else headers)
    response = connection.getresponse()
    return response.status, dict(response.getheaders()), json.loads(response.read())


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        pytest.param({"jobName": "nm_2026"}, "jobName", id="underscore-in-job-name"),
        pytest.param({"jobName": "n" * 64}, "jobName", id="long-job-name"),
        pytest.param({"roleArn": "arn:aws:iam::123:role/x"}, "roleArn", id="role-account-too-short"),
        pytest.param({"clientRequestToken": "a_b"}, "clientRequestToken", id="underscore-in-token"),
        pytest.param({"clientRequestToken": "a" * 257}, "clientRequestToken", id="long-token"),
        pytest.param({"modelId": "no spaces please"}, "modelId", id="model-id"),
        pytest.param({"timeoutDurationInHours": 169}, "timeoutDurationInHours", id="timeout-too-long"),
        pytest.param({"modelInvocationType": "Chat"}, "modelInvocationType", id="invocation-type"),
        pytest.param({"tags": [{"key": "k!", "value": "v"}]}, "tags.1.member.key", id="tag-key"),
        pytest.param(
            {"inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://moderation-batch/date=2026-11-19/"}}},
            "inputDataConfig.s3InputDataConfig.s3Uri",
            id="equals-sign-in-input-uri",
        ),
        pytest.param(
            {"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://moderation-batch/a b/"}}},
            "outputDataConfig.s3OutputDataConfig.s3Uri",
            id="space-in-output-uri",
        ),
        pytest.param(
            {"inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://moderation-batch/in/", "s3InputFormat": "CSV"}}},
            "inputDataConfig.s3InputDataConfig.s3InputFormat",
            id="input-format",
        ),
    ],
)
def test_create_refuses_what_the_service_model_refuses(bench: Bench, changes: dict[str, Any], path: str) -> None:
    """A value outside AWS's pattern, range or enumeration is a ValidationException that names its place."""
    error = bench.refused(bench.control.create_model_invocation_job, **bench.request(**changes))
    assert error.response["Error"]["Code"] == "ValidationException"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    message = error.response["Error"]["Message"]
    assert message.startswith("1 validation error detected: Value '")
    assert f"at '{path}' failed to satisfy constraint: Member must " in message
    assert list(bench.bedrock.store) == []


def test_a_day_without_equals_sign_is_accepted(bench: Bench) -> None:
    """Hyphens and dots are fine in S3 URIs, as they are in job names."""
    uri = {"s3InputDataConfig": {"s3Uri": "s3://moderation-batch/2026-11-19/run-1.a/"}}
    arn = bench.control.create_model_invocation_job(**bench.request(jobName="nm-2026.a+b", inputDataConfig=uri))
    assert arn["jobArn"].startswith("arn:aws:bedrock:ap-northeast-1:123456789012:model-invocation-job/")


def test_a_name_of_many_hyphens_is_refused_at_once(bench: Bench) -> None:
    """AWS's ambiguous pattern for job names does not stall the server."""
    started = time.monotonic()
    bench.refused(bench.control.create_model_invocation_job, **bench.request(jobName="a" + "-" * 60 + "_"))
    assert time.monotonic() - started < 2


def test_several_violations_come_together(bench: Bench) -> None:
    """One answer lists every violation."""
    error = bench.refused(bench.control.create_model_invocation_job, **bench.request(jobName="a_b", roleArn="nobody"))
    assert error.response["Error"]["Message"].startswith("2 validation errors detected: ")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"{", "SerializationException", id="broken-json"),
        pytest.param(b"[]", "SerializationException", id="not-an-object"),
        pytest.param(b'{"jobName": 7}', "SerializationException", id="number-for-string"),
        pytest.param(b"{}", "ValidationException", id="nothing"),
        pytest.param(b"", "ValidationException", id="no-body"),
        pytest.param(b'{"inputDataConfig": {}}', "ValidationException", id="empty-union"),
    ],
)
def test_malformed_requests_get_an_aws_error(bench: Bench, body: bytes, code: str) -> None:
    """Whatever is sent, the answer has AWS's status, x-amzn-ErrorType and message."""
    status, headers, answer = raw(bench, "POST", "/model-invocation-job", body)
    assert (status, headers["x-amzn-ErrorType"]) == (400, code)
    assert answer.keys() == {"message"}
    assert headers["x-amzn-RequestId"]


def test_required_members_are_named(bench: Bench) -> None:
    """A missing required member is 'Value null at ...', in AWS's words."""
    _, _, answer = raw(bench, "POST", "/model-invocation-job", b'{"jobName": "a"}')
    assert "Value null at 'roleArn' failed to satisfy constraint: Member must not be null" in answer["message"]


def test_an_unknown_path_is_an_unknown_operation(bench: Bench) -> None:
    """A path that no operation has is a 404, in AWS's shape."""
    status, headers, _ = raw(bench, "GET", "/guardrails")
    assert (status, headers["x-amzn-ErrorType"]) == (404, "UnknownOperationException")


def test_an_unsigned_request_is_refused(bench: Bench) -> None:
    """Without credentials the answer is a 403 about the missing token."""
    status, headers, _ = raw(bench, "GET", "/model-invocation-jobs", headers={})
    assert (status, headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")


def test_the_region_is_that_of_the_signature(bench: Bench) -> None:
    """Jobs belong to the Region of the credential scope and are not seen from another."""
    abroad = bench.sandbox.client("bedrock", region="us-east-1")
    arn = bench.submit()
    assert abroad.list_model_invocation_jobs()["invocationJobSummaries"] == []
    error = bench.refused(abroad.get_model_invocation_job, jobIdentifier=arn)
    assert error.response["Error"]["Code"] == "ResourceNotFoundException"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert abroad.create_model_invocation_job(**bench.request())["jobArn"].split(":")[3] == "us-east-1"


@pytest.mark.parametrize(
    ("model_id", "code", "words"),
    [
        pytest.param("anthropic.claude-haiku-4-5-20251001-v1:0", "ValidationException", "on-demand", id="bare"),
        pytest.param("jp.amazon.nova-lite-v1:0", "ValidationException", "identifier is invalid", id="no-such-profile"),
        pytest.param("us.anthropic.claude-haiku-4-5-20251001-v1:0", "ValidationException", "invalid", id="far-away"),
        pytest.param("anthropic.claude-haiku-9", "ValidationException", "identifier is invalid", id="unknown"),
        pytest.param(
            "anthropic.claude-3-haiku-20240307-v1:0", "ResourceNotFoundException", "end of its life", id="eol"
        ),
    ],
)
def test_models_that_cannot_be_used(bench: Bench, model_id: str, code: str, words: str) -> None:
    """Job creation and InvokeModel refuse an unusable model id with the same words."""
    for error in (
        bench.refused(bench.control.create_model_invocation_job, **bench.request(modelId=model_id)),
        bench.refused(bench.runtime.invoke_model, modelId=model_id, body=json.dumps(bench.body())),
    ):
        assert error.response["Error"]["Code"] == code
        assert words in error.response["Error"]["Message"]


def test_a_bare_model_that_needs_a_profile_says_so(bench: Bench) -> None:
    """The message for a bare id is AWS's, which tells what to use instead."""
    error = bench.refused(
        bench.runtime.invoke_model, modelId="anthropic.claude-haiku-4-5-20251001-v1:0", body=json.dumps(bench.body())
    )
    assert error.response["Error"]["Message"] == (
        "Invocation of model ID anthropic.claude-haiku-4-5-20251001-v1:0 with on-demand throughput isn\u2019t "
        "supported. Retry your request with the ID or ARN of an inference profile that contains this model."
    )


@pytest.mark.parametrize(
    "model_id",
    [
        "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        "jp.anthropic.claude-haiku-4-5-20251001-v1:0",
        "arn:aws:bedrock:ap-northeast-1:123456789012:inference-profile/jp.anthropic.claude-haiku-4-5-20251001-v1:0",
    ],
)
def test_models_go_by_profile_id_or_arn(bench: Bench, model_id: str) -> None:
    """A profile is named by id or ARN, for jobs and on demand alike."""
    assert bench.invoke(bench.body(), model_id)["model"] == "claude-haiku-4-5-20251001"
    assert bench.run(modelId=model_id)["modelId"] == model_id


def test_foundation_models_and_profiles_are_described(bench: Bench) -> None:
    """GetFoundationModel takes model ids only; GetInferenceProfile leads from a profile to its models."""
    profile = bench.control.get_inference_profile(
        inferenceProfileIdentifier="jp.anthropic.claude-haiku-4-5-20251001-v1:0"
    )
    arns = [model["modelArn"] for model in profile["models"]]
    assert [arn.split(":")[3] for arn in arns] == ["ap-northeast-1", "ap-northeast-3"]
    model_id = arns[0].rpartition("/")[2]
    for identifier in (model_id, arns[0]):
        details = bench.control.get_foundation_model(modelIdentifier=identifier)["modelDetails"]
        assert details["modelId"] == model_id
        assert details["modelLifecycle"]["status"] == "ACTIVE"
    error = bench.refused(bench.control.get_foundation_model, modelIdentifier=profile["inferenceProfileId"])
    assert error.response["Error"]["Code"] == "ValidationException"
    error = bench.refused(bench.control.get_foundation_model, modelIdentifier="anthropic.claude-9")
    assert error.response["Error"]["Code"] == "ResourceNotFoundException"


def test_profiles_are_listed_in_pages(bench: Bench) -> None:
    """ListInferenceProfiles pages through the profiles of the Region, jp. and global. among them here."""
    pages = bench.control.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 5})
    names = [item["inferenceProfileId"] for page in pages for item in page["inferenceProfileSummaries"]]
    assert len(names) == len(set(names)) > 5
    prefixes = {name.partition(".")[0] for name in names}
    assert {"jp", "global"} <= prefixes
    assert not {"us", "eu"} & prefixes


def test_an_application_profile_leads_to_its_model(bench: Bench) -> None:
    """Made of a model or of a system's profile, it is told, listed and tagged, and refused where it cannot be."""
    sources = {
        "nightly": "arn:aws:bedrock:ap-northeast-1:123456789012:inference-profile/"
        "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        "light": "arn:aws:bedrock:ap-northeast-1::foundation-model/amazon.nova-lite-v1:0",
    }
    arns = {}
    for name, source in sources.items():
        made = bench.control.create_inference_profile(
            inferenceProfileName=name, modelSource={"copyFrom": source}, tags=[{"key": "stage", "value": name}]
        )
        arns[name] = made["inferenceProfileArn"]
    told = bench.control.get_inference_profile(inferenceProfileIdentifier=arns["nightly"])
    assert (told["inferenceProfileName"], told["type"], told["status"]) == ("nightly", "APPLICATION", "ACTIVE")
    assert [model["modelArn"].split(":")[3] for model in told["models"]] == ["ap-northeast-1", ""]
    (model,) = bench.control.get_inference_profile(inferenceProfileIdentifier=arns["light"])["models"]
    assert model["modelArn"] == sources["light"]
    listed = bench.control.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"]
    assert [item["inferenceProfileArn"] for item in listed] == list(arns.values())
    assert bench.control.list_tags_for_resource(resourceARN=arns["light"])["tags"] == [
        {"key": "stage", "value": "light"}
    ]
    taken = {"inferenceProfileName": "light", "modelSource": {"copyFrom": sources["light"]}}
    error = bench.refused(bench.control.create_inference_profile, **taken)
    assert error.response["Error"]["Code"] == "ConflictException"
    unknown = arns["light"][:-12] + "0" * 12
    for identifier in (unknown, unknown[-12:]):
        error = bench.refused(bench.control.get_inference_profile, inferenceProfileIdentifier=identifier)
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"
    error = bench.refused(bench.control.create_model_invocation_job, **bench.request(modelId=unknown))
    assert error.response["Error"]["Code"] == "ResourceNotFoundException"


def test_tags_of_a_job_can_be_read_and_changed(bench: Bench) -> None:
    """A job's tags are those of its creation until they are changed."""
    arn = bench.submit(tags=[{"key": "run", "value": "1"}])
    bench.control.tag_resource(resourceARN=arn, tags=[{"key": "team", "value": "trust"}])
    bench.control.untag_resource(resourceARN=arn, tagKeys=["run"])
    assert bench.control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "trust"}]


def test_calls_are_remembered(bench: Bench) -> None:
    """Tests count calls by operation, parameters and error."""
    bench.submit(clientRequestToken="abc")
    bench.refused(bench.control.create_model_invocation_job, **bench.request(jobName="a_b"))
    first, second = bench.bedrock.calls_of("CreateModelInvocationJob")
    assert first.parameters["clientRequestToken"] == "abc"
    assert (first.error, second.error) == (None, "ValidationException")
    assert bench.bedrock.call_counts["CreateModelInvocationJob"] == 2
