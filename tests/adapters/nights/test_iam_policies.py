"""The IAM policies are what the calls need: everything that is called is granted, and nothing else is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest

from sandbox.bedrock import catalog
from sandbox.play import play_night
from sandbox.s3 import CREDENTIALS, REGION
from sandbox.serve import ROLE_ARN, Sandbox, running
from tasks import adapters
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.base.ports import AlertMessage, Job, Severity
from tasks.base.settings import Settings
from tasks.jobs.expire_batch_files import expire_batch_files
from tasks.jobs.stop_jobs import stop_day
from tasks.labels.exchange.export_labels import export_labels
from tasks.labels.exchange.import_labels import import_labels
from tasks.labels.progress.show_status import label_status
from tasks.labels.reviewer.review_queue import Answer
from tasks.labels.reviewer.serve_page import ReviewCall, rater_queue
from tasks.past_days.erasure.erase_comment import erase_comment
from tests.bench import TinyMind
from tests.hostile_nights import comment, put_comments
from tests.wire import Asked, Wire

POLICIES = Path(__file__).parents[3] / "infra" / "iam"
ACCOUNT = "123456789012"
PROFILE = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
MODEL = PROFILE.removeprefix("global.")
TOPIC = "alerts"
KEY = "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
PLACEHOLDERS = {
    "<ACCOUNT_ID>": ACCOUNT,
    "<INPUT_BUCKET>": "moderation-input",
    "<OUTPUT_BUCKET>": "moderation-output",
    "<BATCH_BUCKET>": "moderation-batch",
    "<PROFILE_ID>": PROFILE,
    "<MODEL_ID>": MODEL,
    "<TOPIC_NAME>": TOPIC,
    "<KMS_KEY_ID>": KEY,
    "AmazonBedrockModeration": ROLE_ARN.rpartition("/")[2],
    "<REGION>": REGION,
}
DAY, SMALL_DAY, CANCELLED_DAY = date(2026, 11, 19), date(2026, 11, 18), date(2026, 11, 17)
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)

WHOSE = {"submitter.json": "submitter", "bedrock-role.json": "role", "label-importer.json": "importer"}

#: Granted though no call of these nights needs it.
NOT_CALLED = {
    "submitter.json": {
        "bedrock:GetInferenceProfile": "asked where MODEL_ID is an application inference profile; here it is none",
        "s3:AbortMultipartUpload": "delta-rs gives up an upload in parts only when it fails in the middle of one",
    },
    "label-importer.json": {},
    "bedrock-role.json": {
        "kms:DescribeKey": "Bedrock looks at the key before it uses it; the sandbox has no keys",
        "kms:Decrypt": "Bedrock reads input that we encrypted; the sandbox has no keys",
        "kms:GenerateDataKey": "Bedrock encrypts the answers; the sandbox has no keys",
    },
}


class Use(NamedTuple):
    """One thing that was done: an IAM action on a resource."""

    action: str
    resource: str


class Statement(NamedTuple):
    """One statement of a policy, filled in."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, Any]

    def allows(self, use: Use) -> bool:
        return use.action in self.actions and any(_matches(pattern, use.resource) for pattern in self.resources)


def _matches(pattern: str, resource: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), resource) is not None


@cache
def statements(name: str) -> list[Statement]:
    """A policy file with its placeholders filled in."""
    text = (POLICIES / name).read_text()
    for placeholder, value in PLACEHOLDERS.items():
        text = text.replace(placeholder, value)
    return [
        Statement(item["Sid"], _listed(item["Action"]), _listed(item.get("Resource", ())), item.get("Condition", {}))
        for item in json.loads(text)["Statement"]
    ]


def _listed(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def s3_uses(asked: Asked) -> Iterator[Use]:
    """What a request to S3 needs.

    Source: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations".
    """
    parts = urlsplit(asked.path)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    at_bucket, at_key = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{key}"
    match asked.method:
        case "GET" if not key and "versioning" in query:
            yield Use("s3:GetBucketVersioning", at_bucket)
        case "GET" if not key and "list-type" in query:
            yield Use("s3:ListBucket", at_bucket)
        case "GET" | "HEAD" if key and not set(query) & {"acl", "tagging", "uploadId", "attributes"}:
            yield Use("s3:GetObject", at_key)
            if bucket != PLACEHOLDERS["<INPUT_BUCKET>"]:
                yield Use("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY}")
        case "PUT" if key and not set(query) - {"partNumber", "uploadId", "x-id"}:
            assert "x-amz-copy-source" not in asked.headers, "a copy reads its source"
            assert "x-amz-acl" not in asked.headers, "an ACL takes a permission of its own"
            yield Use("s3:PutObject", at_key)
            if "if-match" in asked.headers:
                yield Use("s3:GetObject", at_key)
            if asked.headers.get("x-amz-server-side-encryption") == "aws:kms":
                key_id = asked.headers["x-amz-server-side-encryption-aws-kms-key-id"]
                yield Use("kms:GenerateDataKey", key_id)
        case "POST" if key and set(query) & {"uploads", "uploadId"}:
            yield Use("s3:PutObject", at_key)
        case "DELETE" if key:
            yield Use("s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject", at_key)
        case "POST" if "delete" in query:
            yield Use("s3:DeleteObject", f"{at_bucket}/any")
        case _:
            raise AssertionError(f"which permission does this call need? {asked.method} {asked.path}")


def bedrock_uses(operation: str, parameters: dict[str, Any]) -> Iterator[Use]:
    """What a call of another service needs.

    Source: Service Authorization Reference, Amazon Bedrock, AWS Identity and Access Management, Amazon SNS, Service
    Quotas.
    """
    jobs = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:model-invocation-job/any"
    match operation:
        case "CreateModelInvocationJob":
            for resource in (jobs, *_model_arns(parameters["modelId"])):
                yield Use("bedrock:CreateModelInvocationJob", resource)
            if parameters.get("tags"):
                yield Use("bedrock:TagResource", jobs)
            yield Use("iam:PassRole", parameters["roleArn"])
        case "GetModelInvocationJob" | "StopModelInvocationJob":
            yield Use(f"bedrock:{operation}", parameters["jobIdentifier"])
        case "ListModelInvocationJobs":
            yield Use(f"bedrock:{operation}", "*")
        case "InvokeModel" | "Converse":
            for resource in _model_arns(parameters["modelId"]):
                yield Use("bedrock:InvokeModel", resource)
        case "CountTokens":
            yield Use("bedrock:CountTokens", f"arn:aws:bedrock:{REGION}::foundation-model/{parameters['modelId']}")
        case "GetFoundationModel":
            resource = f"arn:aws:bedrock:{REGION}::foundation-model/{parameters['modelIdentifier']}"
            yield Use("bedrock:GetFoundationModel", resource)
        case "GetServiceQuota" | "ListServiceQuotas":
            yield Use(f"servicequotas:{operation}", "*")
        case "PutMetricData":
            assert parameters["Namespace"] == "NightlyModeration", "the policy's condition lets no other through"
            yield Use("cloudwatch:PutMetricData", "*")
        case "Publish":
            yield Use("sns:Publish", parameters["TopicArn"])
        case _:
            raise AssertionError(f"which permission does {operation} need?")


def _model_arns(model_id: str) -> list[str]:
    """A profile and the models that it may send to, or a model."""
    if model_id in catalog.MODELS:
        return [f"arn:aws:bedrock:{REGION}::foundation-model/{model_id}"]
    profile = catalog.inference_profile(model_id, REGION)
    # A global profile is allowed by an ARN without a Region as well.
    everywhere = [f"arn:aws:bedrock:::foundation-model/{MODEL}"] if model_id.startswith("global.") else []
    return [catalog.profile_arn(profile, REGION), *catalog.destination_arns(profile, REGION), *everywhere]


class Interrupted:
    """A Bedrock whose caller is interrupted as soon as it waits."""

    def __init__(self, bedrock: Any) -> None:
        self._bedrock = bedrock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bedrock, name)

    def get_job(self, job_arn: str) -> Job:
        raise KeyboardInterrupt


class Uses(NamedTuple):
    """What was done by the one who runs the nights, by Bedrock in its role, and by the one who takes labels in."""

    submitter: set[Use]
    role: set[Use]
    importer: set[Use]


@pytest.fixture(scope="module")
def uses(tmp_path_factory: pytest.TempPathFactory) -> Uses:
    """Every use of three nights: one in a batch, told and cleaned up after; a small one; one that is cancelled."""
    calls: list[tuple[str, dict[str, Any]]] = []
    role_calls: list[tuple[str, dict[str, Any]]] = []
    with pytest.MonkeyPatch.context() as environment, running(mind=TinyMind(), job_seconds=0) as sandbox:
        sandbox.reset()
        wire = Wire(sandbox.s3_url)
        with wire.served():
            for name, value in sandbox.environment.items():
                environment.setenv(name, value)
            environment.setenv("AWS_ENDPOINT_URL_S3", wire.url)
            environment.setenv("AWS_ENDPOINT_URL_SNS", sandbox.s3_url)
            environment.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", sandbox.s3_url)
            # Before the first client is made: clients copy the session's handlers.
            shared(AwsEnvironment()).session.events.register(
                "before-parameter-build",
                lambda params, model, **_: (
                    calls.append((model.name, dict(params))) if model.service_model.service_name != "s3" else None
                ),
            )
            sns = boto3.client("sns", endpoint_url=sandbox.s3_url, region_name=REGION, **CREDENTIALS)
            settings = Settings.load(
                model_id=PROFILE,
                sns_topic_arn=sns.create_topic(Name=TOPIC)["TopicArn"],
                kms_key_id=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY}",
                bucket_owner=ACCOUNT,
                cloudwatch=True,
                batch_retention_days=0,
                on_demand_per_s=10_000,
            )
            for day, count in ((DAY, 130), (SMALL_DAY, 5), (CANCELLED_DAY, 130)):
                rows = [comment(f"c{number}", f"comment {number} of {day}") for number in range(count)]
                put_comments(sandbox, day, [row | {"posted_at": _noon(day)} for row in rows])
            sandbox.s3.meta.events.register(
                "provide-client-params.s3", lambda params, model, **_: role_calls.append((model.name, dict(params)))
            )
            _work(sandbox, settings, environment)
            before = len(wire.asked)
            _label(settings, tmp_path_factory.mktemp("labels") / "ann.jsonl")
            jobs, by_bedrock = list(sandbox.bedrock.store), list(role_calls)
        sandbox.reset()
    asked_for = {use for asked in wire.asked[:before] for use in s3_uses(asked)}
    asked_for |= {use for operation, parameters in calls for use in bedrock_uses(operation, parameters)}
    by_role = {use for operation, parameters in by_bedrock for use in _role_uses(operation, parameters)}
    by_role |= {Use("bedrock:InvokeModel", arn) for job in jobs for arn in _model_arns(str(job.request["modelId"]))}
    return Uses(asked_for, by_role, {use for asked in wire.asked[before:] for use in s3_uses(asked)})


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 3, tzinfo=UTC)


def _work(sandbox: Sandbox, settings: Settings, environment: pytest.MonkeyPatch) -> None:
    """Everything that a deployment does, with the calls of each watched."""
    for day in (DAY, SMALL_DAY):
        assert play_night(settings, day, f"run-{day}", lambda: NOW) is not None
    # A model whose quota's code nobody knows: all of Bedrock's are listed.
    assert adapters.connect(settings).quotas.batch_quotas("amazon.nova-lite-v1:0").jobs_in_flight > 0
    (channel,) = adapters.connect(settings).alerts
    channel.send(AlertMessage(title="a", ascii_title="a", body="b", severity=Severity.PAGE))
    sandbox.bedrock.engine.pause()
    real = adapters.connect(settings)
    with environment.context() as broken:
        broken.setattr(adapters, "connect", lambda _: replace(real, bedrock=Interrupted(real.bedrock)))
        with pytest.raises(KeyboardInterrupt):
            play_night(settings, CANCELLED_DAY, "run-cancelled", lambda: NOW)
    stop_day(settings, CANCELLED_DAY, lambda: NOW, wait_s=0)
    sandbox.bedrock.engine.resume()
    erase_comment(settings, "c3", SMALL_DAY, NOW, True)
    expire_batch_files.fn(settings, DAY, NOW + timedelta(days=3))


def _label(settings: Settings, path: Path) -> None:
    """A rater's round: what is asked of a day, answered, taken in, how far they are; and another's on the page."""
    assert export_labels(settings, DAY, "ann", "jsonl", path).task_count > 0
    rows = [json.loads(line) | {"violation": False} for line in path.read_text().splitlines()]
    path.write_text("\n".join(map(json.dumps, rows)))
    (imported,) = import_labels(settings, [path], NOW)
    assert imported.days[0].put.is_new
    assert label_status(settings, 1)[0].answered_count > 0
    queue = rater_queue(settings, ReviewCall("ben", DAY), lambda: NOW, print)
    for category in ("spam", "none"):
        item = queue.next_item()
        assert item is not None
        queue.put(item.key, Answer(category=category, answered_at=NOW))
    assert queue.take_back() is not None


def _role_uses(operation: str, parameters: dict[str, Any]) -> Iterator[Use]:
    at_bucket = f"arn:aws:s3:::{parameters['Bucket']}"
    match operation:
        case "ListObjectsV2":
            yield Use("s3:ListBucket", at_bucket)
        case "GetObject" | "PutObject":
            yield Use(f"s3:{operation}", f"{at_bucket}/{parameters['Key']}")
        case _:
            raise AssertionError(f"which permission does Bedrock need for {operation}?")


@pytest.mark.parametrize(("name", "whose"), list(WHOSE.items()))
def test_every_call_is_granted(name: str, whose: str, uses: Uses) -> None:
    """No call that was made lacks a permission on the very resource that it was made for."""
    made: set[Use] = getattr(uses, whose)
    assert made
    refused = sorted(use for use in made if not any(statement.allows(use) for statement in statements(name)))
    assert not refused


@pytest.mark.parametrize(("name", "whose"), list(WHOSE.items()))
def test_nothing_is_granted_in_vain(name: str, whose: str, uses: Uses) -> None:
    """Every action of every statement, and every resource of it, was needed, but for those whose reason stands here."""
    made: set[Use] = getattr(uses, whose)
    idle = set()
    for statement in statements(name):
        for action in statement.actions:
            for resource in statement.resources:
                if not any(use.action == action and _matches(resource, use.resource) for use in made):
                    idle.add(action)
    assert idle == set(NOT_CALLED[name])


def test_the_role_can_be_lent_to_bedrock_alone() -> None:
    """The submitter passes one role to one service, and only batch jobs of this account and Region may take it on."""
    (lend,) = [item for item in statements("submitter.json") if item.actions == ("iam:PassRole",)]
    assert lend.resources == (ROLE_ARN,)
    assert lend.condition == {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    (trust,) = json.loads((POLICIES / "bedrock-role-trust.json").read_text())["Statement"]
    assert trust["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "<ACCOUNT_ID>"},
        "ArnEquals": {"aws:SourceArn": "arn:aws:bedrock:<REGION>:<ACCOUNT_ID>:model-invocation-job/*"},
    }


@pytest.mark.parametrize("name", ["submitter.json", "bedrock-role.json", "label-importer.json"])
def test_no_star_is_wider_than_it_must_be(name: str) -> None:
    """No action has a star, and no statement is of every resource but those whose calls know none."""
    for statement in statements(name):
        assert not any("*" in action for action in statement.actions)
        assert "*" not in statement.resources or statement.sid in ("FindJobsAndQuotas", "OptionalPutFigures")
        assert not any("ResourceOrg" in key for key in json.dumps(statement.condition).split('"'))


@pytest.mark.parametrize(
    "use",
    [
        Use("s3:PutObject", "arn:aws:s3:::moderation-input/comments/date=2026-11-19/part-0.parquet"),
        Use("s3:DeleteObject", "arn:aws:s3:::moderation-input/labels/x"),
        Use("s3:PutObject", "arn:aws:s3:::moderation-input/labels/date=2026-11-19/import-0.parquet"),
        Use("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}::foundation-model/another.model-v1:0"),
        Use("bedrock:StopModelInvocationJob", f"arn:aws:bedrock:{REGION}:999999999999:model-invocation-job/x"),
        Use("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/Administrator"),
        Use("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:another"),
    ],
)
def test_what_is_not_needed_is_not_granted(use: Use) -> None:
    """The input is read only; other models, jobs, roles and topics are out of reach."""
    assert not any(statement.allows(use) for statement in statements("submitter.json"))


def test_every_placeholder_is_explained() -> None:
    """The folder's README says how to fill in each word in brackets."""
    readme = (POLICIES / "README.md").read_text()
    for path in POLICIES.glob("*.json"):
        for word in set(re.findall(r"<[A-Z_]+>", path.read_text())):
            assert word in PLACEHOLDERS
            assert f"s|{word}|" in readme, f"{path.name}: {word}"
