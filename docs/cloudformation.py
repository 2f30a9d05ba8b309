"""The parts of `infra/cloudformation/moderation.yaml` that are made: the roles' policies and the dashboard.

The policies have one source, the JSON files of `infra/iam`: what stands in angle brackets there is filled in by the
stack's parameters here.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

from docs.cloudwatch import dashboard_body

_IAM = Path(__file__).parents[1] / "infra" / "iam"
#: The stack's names for what the files of infra/iam leave open.
FILLED_IN = {
    "<ACCOUNT_ID>": "${AWS::AccountId}",
    "<REGION>": "${AWS::Region}",
    "<INPUT_BUCKET>": "${InputBucketName}",
    "<OUTPUT_BUCKET>": "${OutputBucketName}",
    "<BATCH_BUCKET>": "${BatchBucketName}",
    "<PROFILE_ID>": "${ModelId}",
    "<MODEL_ID>": "${FoundationModelId}",
    "<TOPIC_NAME>": "${AlertTopic.TopicName}",
    "AmazonBedrockModeration": "${BedrockRoleName}",
}
#: The key's whole ARN: it may be the stack's own, or one that is there.
_KEY_ARN = "arn:aws:kms:<REGION>:<ACCOUNT_ID>:key/<KMS_KEY_ID>"
#: The statement that is there only with a key; it stands in a policy of its own.
_OF_KEY = "OptionalUseTheKey"


def policy(name: str, *, of_key: bool = False) -> dict[str, Any]:
    """A policy of infra/iam as CloudFormation takes it: all of it but what the key takes, or that alone."""
    document: dict[str, Any] = json.loads((_IAM / name).read_text(encoding="utf-8"))
    statements = [_filled(item) for item in document["Statement"] if (item["Sid"] == _OF_KEY) == of_key]
    return {"Version": document["Version"], "Statement": statements}


def _named_key() -> str:
    """The ARN of a key that is there already."""
    return (
        _KEY_ARN.replace("<REGION>", "${AWS::Region}")
        .replace("<ACCOUNT_ID>", "${AWS::AccountId}")
        .replace("<KMS_KEY_ID>", "${KeyId}")
    )


def _filled(value: Any) -> Any:
    match value:
        case dict():
            return {key: _filled(item) for key, item in value.items()}
        case list():
            return [_filled(item) for item in value]
        case str() if value == _KEY_ARN:
            return {"Fn::If": ["CreatesKey", {"Fn::GetAtt": ["Key", "Arn"]}, {"Fn::Sub": _named_key()}]}
        case str():
            filled = value
            for placeholder, name in FILLED_IN.items():
                filled = filled.replace(placeholder, name)
            return {"Fn::Sub": filled} if "${" in filled else filled
        case _:
            return value


def role_part(name: str, key: str, *, of_key: bool = False) -> str:
    """A policy below a key, as YAML among a resource's properties."""
    document = {key: policy(name, of_key=of_key)}
    return textwrap.indent(yaml.safe_dump(document, sort_keys=False, width=110), " " * 6).rstrip()


def dashboard_part() -> str:
    """The dashboard's body with what fills it in, as YAML."""
    body = textwrap.indent(dashboard_body(), " " * 10)
    assert not set(re.findall(r"\$\{([^}]+)\}", body)) - {"AWS::Region", "Deployment"}  # noqa: S101  a slip of ours
    deployment = "        - Deployment: !Sub s3://${OutputBucketName}"
    return f"      DashboardBody: !Sub\n        - |-\n{body}\n{deployment}"
