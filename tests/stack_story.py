"""The life of the CloudFormation stack in moto, told as JSON; a process of its own, since moto keeps one world for all.

python -m tests.stack_story
"""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import boto3
import polars as pl
from cfnlint.api import lint_all

from data_contracts.tables.comments import COMMENTS
from sandbox.play import play_night
from sandbox.s3 import CREDENTIALS, REGION
from sandbox.serve import Sandbox, running
from tasks.base.settings import Settings
from tests.bench import TinyMind
from tests.hostile_nights import comment

TEMPLATE = Path(__file__).parents[1] / "infra" / "cloudformation" / "moderation.yaml"
DAY, NOW = date(2026, 11, 19), datetime(2026, 11, 20, 2, tzinfo=UTC)
NAMES = {name: f"stack-{name}" for name in ("input", "output", "batch")}


def parameters(**changes: str) -> list[dict[str, str]]:
    """The stack's parameters: the three buckets are made, and the rest is as shipped."""
    given = {f"{name.capitalize()}BucketName": value for name, value in NAMES.items()}
    given |= {"CreateInputBucket": "true", "AlertEmail": "ann@example.com"} | changes
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]


def resources(client: Any) -> dict[str, str]:
    """The stack's resources, each with its name in AWS."""
    found = client.describe_stack_resources(StackName="moderation")["StackResources"]
    return {
        item["LogicalResourceId"]: item.get("PhysicalResourceId", "") for item in found if "LogicalResourceId" in item
    }


def play(sandbox: Sandbox, outputs: dict[str, str]) -> dict[str, Any]:
    """A night with nothing but what the stack says of itself."""
    rows = [comment(f"c{number}", f"comment {number}") for number in range(120)]
    path = Path(os.environ["STORY_FOLDER"]) / "day.parquet"
    pl.DataFrame(rows, schema=COMMENTS.polars_schema).write_parquet(path)
    sandbox.s3.upload_file(str(path), NAMES["input"], f"comments/date={DAY}/part-0.parquet")
    os.environ.update(sandbox.environment | {"AWS_ENDPOINT_URL_SNS": sandbox.s3_url})
    os.environ["AWS_ENDPOINT_URL_CLOUDWATCH"] = sandbox.s3_url
    settings = Settings.load(
        comments_uri=outputs["CommentsUri"],
        labels_uri=outputs["LabelsUri"],
        output_uri=outputs["OutputUri"],
        batch_uri=outputs["BatchUri"],
        role_arn=outputs["RoleArn"],
        sns_topic_arn=outputs["SnsTopicArn"],
        kms_key_id=outputs["KmsKeyId"],
        model_id=outputs["ModelId"],
        cloudwatch=True,
    )
    night = play_night(settings, DAY, "run-1", lambda: NOW)
    assert night is not None
    return {"statuses": night.statuses, "deployment": settings.deployment}


def tell() -> dict[str, Any]:
    """Lint, create, read, play, update, delete."""
    found = lint_all(TEMPLATE.read_text(encoding="utf-8"))
    story: dict[str, Any] = {"lint": [str(match) for match in found if not match.rule.id.startswith("I")]}
    with running(mind=TinyMind(), job_seconds=0) as sandbox:
        sandbox.reset()

        def client(service: str) -> Any:
            return boto3.client(service, endpoint_url=sandbox.s3_url, region_name=REGION, **CREDENTIALS)

        ec2, stacks = client("ec2"), client("cloudformation")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
        table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]
        network = {"VpcId": vpc, "SubnetIds": subnet, "RouteTableIds": table["RouteTableId"]}
        stack: dict[str, Any] = {"StackName": "moderation", "TemplateBody": TEMPLATE.read_text(encoding="utf-8")}
        stack["Capabilities"] = ["CAPABILITY_NAMED_IAM"]
        stacks.create_stack(**stack, Parameters=parameters(**network))
        made = stacks.describe_stacks(StackName="moderation")["Stacks"][0]
        outputs = {item["OutputKey"]: item["OutputValue"] for item in made["Outputs"]}
        story |= {"created": made["StackStatus"], "outputs": outputs, "resources": resources(stacks)}
        iam = client("iam")
        story["policies"] = {
            role: [
                statement
                for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
                for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
            ]
            for role in ("AmazonBedrockModeration", "ModerationSubmitter")
        }
        story["trust"] = iam.get_role(RoleName="AmazonBedrockModeration")["Role"]["AssumeRolePolicyDocument"]
        story["encryption"] = sandbox.s3.get_bucket_encryption(Bucket=NAMES["output"])[
            "ServerSideEncryptionConfiguration"
        ]["Rules"]
        story["night"] = play(sandbox, outputs)
        put = client("cloudwatch").list_metrics(Namespace="NightlyModeration")["Metrics"]
        story["metrics"] = sorted({metric["MetricName"] for metric in put})
        stacks.update_stack(**stack, Parameters=parameters(**network, AlertEmail="", InvocationLogging="true"))
        story["updated"] = stacks.describe_stacks(StackName="moderation")["Stacks"][0]["StackStatus"]
        story["resources_then"] = resources(stacks)
        events = stacks.describe_stack_events(StackName="moderation")["StackEvents"]
        story["events"] = [f"{event['LogicalResourceId']} {event['ResourceStatus']}" for event in events]
        stacks.delete_stack(StackName="moderation")
        story["left"] = [item["StackStatus"] for item in stacks.list_stacks()["StackSummaries"]]
        story["buckets"] = sorted(bucket["Name"] for bucket in sandbox.s3.list_buckets()["Buckets"])
        sandbox.reset()
    return story


if __name__ == "__main__":
    print(json.dumps(tell(), default=str))
