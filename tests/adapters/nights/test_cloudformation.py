"""The CloudFormation stack: what moto makes of it, that a night runs with it, and what moto cannot make of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.cloudwatch import BEDROCK_BATCH, dashboard_body
from tasks.adapters.telemetry import conventions as names

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "infra" / "cloudformation" / "moderation.yaml"
ACCOUNT, REGION = "123456789012", "ap-northeast-1"
#: What moto's CloudFormation passes over, or makes without saying so: asserted on the template instead.
NOT_IN_MOTO = {
    "AWS::CloudWatch::Alarm",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
}
#: The files of infra/iam, each with the role that the stack gives it to.
ROLES = {"bedrock-role.json": "AmazonBedrockModeration", "submitter.json": "ModerationSubmitter"}

Story = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as the long ones."""


def _function(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        value = value.split(".", 1) if tag == "GetAtt" else value
    else:
        value = loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else None
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _function)


@pytest.fixture(scope="module")
def template() -> Story:
    """The template as it stands."""
    loaded: Story = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506  a SafeLoader of ours
    return loaded


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The stack's life in moto, in a process of its own."""
    environment = {**os.environ, "STORY_FOLDER": str(tmp_path_factory.mktemp("stack")), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.stack_story"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert ran.returncode == 0, ran.stderr
    told: Story = json.loads(ran.stdout)
    return told


def of_kind(template: Story, kind: str) -> dict[str, Story]:
    """The properties of every resource of a kind, by name."""
    return {
        name: resource["Properties"] for name, resource in template["Resources"].items() if resource["Type"] == kind
    }


def test_the_linter_has_nothing_to_say(story: Story) -> None:
    """cfn-lint knows every property and every value that it can."""
    assert story["lint"] == []


def test_a_stack_is_created_changed_and_deleted(story: Story) -> None:
    """Every resource that moto knows is made; what a change adds is added, and the data outlives the stack."""
    assert (story["created"], story["updated"], story["left"]) == (
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        ["DELETE_COMPLETE"],
    )
    added = story["resources_then"].keys() - story["resources"].keys()
    assert added == {"InvocationLogBucket", "InvocationLogGroup", "InvocationLogRole"}
    assert {"stack-input", "stack-output", "stack-batch"} <= set(story["buckets"])


def test_what_moto_lacks_is_known(story: Story, template: Story) -> None:
    """Whatever is not made in moto is asserted on the template: no kind of resource goes untested unnoticed."""
    kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}
    assert {kind for name, kind in kinds.items() if name not in story["resources_then"]} == NOT_IN_MOTO


def test_a_night_runs_with_what_the_stack_made(story: Story) -> None:
    """The stack's outputs are all the settings that a night needs, and its figures bear the alarms' dimension."""
    assert story["night"] == {"statuses": {"judged": 120}, "deployment": "s3://stack-output"}
    assert {"Published", "Degraded", "BudgetUsed"} <= set(story["metrics"])


@pytest.mark.parametrize("name", ROLES)
def test_the_roles_are_those_of_infra_iam(name: str, story: Story) -> None:
    """Statement by statement, with the stack's own names filled in: what is proved of the files holds of the stack."""
    text = (ROOT / "infra" / "iam" / name).read_text()
    key = story["outputs"]["KmsKeyId"].rpartition("/")[2]
    for placeholder, value in {
        "<ACCOUNT_ID>": ACCOUNT,
        "<REGION>": REGION,
        "<INPUT_BUCKET>": "stack-input",
        "<OUTPUT_BUCKET>": "stack-output",
        "<BATCH_BUCKET>": "stack-batch",
        "<PROFILE_ID>": story["outputs"]["ModelId"],
        "<MODEL_ID>": story["outputs"]["ModelId"].removeprefix("global."),
        "<TOPIC_NAME>": "nightly-moderation-alerts",
        "<KMS_KEY_ID>": key,
    }.items():
        text = text.replace(placeholder, value)
    expected = {statement["Sid"]: statement for statement in json.loads(text)["Statement"]}
    assert {statement["Sid"]: statement for statement in story["policies"][ROLES[name]]} == expected


def test_the_trust_is_that_of_infra_iam(story: Story) -> None:
    """Only batch jobs of this account and Region take on Bedrock's role."""
    text = (ROOT / "infra" / "iam" / "bedrock-role-trust.json").read_text()
    assert story["trust"] == json.loads(text.replace("<ACCOUNT_ID>", ACCOUNT).replace("<REGION>", REGION))


def test_every_bucket_is_encrypted_and_closed(story: Story, template: Story) -> None:
    """Encrypted by the key where there is one, closed to the public, without versions, reached over TLS alone."""
    (rule,) = story["encryption"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": story["outputs"]["KmsKeyId"],
    }
    buckets = of_kind(template, "AWS::S3::Bucket")
    policies = {item["Bucket"]["Ref"]: item for item in of_kind(template, "AWS::S3::BucketPolicy").values()}
    assert policies.keys() == buckets.keys()
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert "BucketEncryption" in bucket
        assert "VersioningConfiguration" not in bucket
        tls = policies[name]["PolicyDocument"]["Statement"][0]
        assert (tls["Effect"], tls["Action"], tls["Principal"]) == ("Deny", "s3:*", "*")
        assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert len(tls["Resource"]) == 2
        assert template["Resources"][name]["DeletionPolicy"] == "Retain"


def test_lifecycle_rules_are_those_of_the_handbook(template: Story) -> None:
    """Nothing deletes from the output bucket; what was never published leaves the batch bucket after thirty days."""
    buckets = of_kind(template, "AWS::S3::Bucket")
    rules = {name: bucket.get("LifecycleConfiguration", {}).get("Rules", []) for name, bucket in buckets.items()}
    assert not any("ExpirationInDays" in rule for rule in rules["OutputBucket"])
    assert [rule["ExpirationInDays"] for rule in rules["BatchBucket"] if "ExpirationInDays" in rule] == [30]
    for name in ("OutputBucket", "BatchBucket"):
        assert {"DaysAfterInitiation": 2} in [rule.get("AbortIncompleteMultipartUpload") for rule in rules[name]]


def test_the_topic_hears_nights_and_alarms_alone(template: Story) -> None:
    """Whoever publishes is the submitter's role or an alarm of this account, over TLS."""
    (policy,) = of_kind(template, "AWS::SNS::TopicPolicy").values()
    night, alarm, tls = policy["PolicyDocument"]["Statement"]
    assert night["Principal"] == {"AWS": {"Fn::GetAtt": ["SubmitterRole", "Arn"]}}
    assert alarm["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarm["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (mail,) = of_kind(template, "AWS::SNS::Subscription").values()
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", {"Ref": "AlertEmail"})


def test_alarms_look_at_what_nights_send(template: Story) -> None:
    """Each alarm's metric is one of ours under its very dimensions, or one of Bedrock's batch; each tells the topic."""
    alarms = of_kind(template, "AWS::CloudWatch::Alarm")
    seen = {}
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlertTopic"}]
        dimensions = {item["Name"]: item["Value"] for item in alarm.get("Dimensions", ())}
        if "Namespace" in alarm:
            assert alarm["Namespace"] == names.NAMESPACE
            assert dimensions.pop(names.DEPLOYMENT) == {"Fn::Sub": "s3://${OutputBucketName}"}
        seen[name] = (alarm.get("MetricName"), *dimensions.values(), alarm["TreatMissingData"])
    assert seen == {
        "NoNightPublished": (names.PUBLISHED, "breaching"),
        "BooksDoNotBalance": (names.UNBALANCED, "ignore"),
        "BudgetNearlyUsed": (names.BUDGET_USED, "ignore"),
        "VerdictsDegraded": (names.DEGRADED, "page", "ignore"),
        "OutputsDegraded": (names.DEGRADED, "ticket", "ignore"),
        "BatchStandsStill": (None, "notBreaching"),
    }
    found = [item["MetricStat"]["Metric"] for item in alarms["BatchStandsStill"]["Metrics"] if "MetricStat" in item]
    assert {metric["Namespace"] for metric in found} == {BEDROCK_BATCH}


def test_a_night_that_does_not_come_rings_after_the_hours_that_are_asked_for(template: Story) -> None:
    """In none of so many hours: one good hour is enough for silence, and an hour without any word is a bad one."""
    alarm = of_kind(template, "AWS::CloudWatch::Alarm")["NoNightPublished"]
    hours = {"Ref": "HoursWithoutNight"}
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3600, hours, hours)
    assert (alarm["Statistic"], alarm["Threshold"], alarm["ComparisonOperator"]) == ("Sum", 1, "LessThanThreshold")


def test_the_dashboard_is_the_one_that_is_built(template: Story) -> None:
    """What stands in the template is what the tests of the dashboard look at."""
    body, filled = of_kind(template, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    assert json.loads(body) == json.loads(dashboard_body())
    assert filled == {"Deployment": {"Fn::Sub": "s3://${OutputBucketName}"}}


def test_the_way_to_each_service_is_private(template: Story) -> None:
    """A VPC without the internet reaches what a night calls."""
    endpoints = of_kind(template, "AWS::EC2::VPCEndpoint").values()
    services = {item["ServiceName"]["Fn::Sub"].rpartition(".")[2] for item in endpoints}
    assert services == {"s3", "bedrock", "bedrock-runtime", "sns", "logs", "monitoring"}


def test_invocations_are_not_logged_unless_asked_for(template: Story) -> None:
    """Comment text would stand in such a log: off by default, said so, and deleted after thirty days."""
    parameter = template["Parameters"]["InvocationLogging"]
    assert parameter["Default"] == "false"
    assert "COMMENT TEXT" in parameter["Description"]
    logging = {name for name in template["Resources"] if name.startswith("InvocationLog")}
    assert {template["Resources"][name]["Condition"] for name in logging} == {"LogsInvocations"}
    (rule,) = template["Resources"]["InvocationLogBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 30
