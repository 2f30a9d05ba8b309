"""boto3 clients of the sandbox whose jobs move by hand, and a tiny mind instead of the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from botocore.exceptions import ClientError

from sandbox.serve import MODEL_ID, ROLE_ARN, Sandbox
from sandbox.stand_ins import variant_writer

FIXTURES = Path(__file__).parent / "adapters" / "fixtures"


class Verdict(NamedTuple):
    """A judgement of the tiny mind."""

    violation: bool
    category: str
    confidence: float
    explanation: str


class TinyMind:
    """Judges by one word: a comment with "bad" in it is spam. It writes variants as the sandbox's own does."""

    def read_comment(self, prompt_text: str) -> str | None:
        start, end = prompt_text.rfind("<comment>"), prompt_text.rfind("</comment>")
        return prompt_text[start + len("<comment>") : end] if 0 <= start < end else None

    def judge(self, texts: Sequence[str]) -> list[Verdict]:
        return [Verdict(True, "spam", 0.9, "an advert") if "bad" in text else FINE for text in texts]

    def reply(self, prompt_text: str) -> str | None:
        return variant_writer.write(prompt_text)

    def answer(self, judgement: Any) -> str:
        return json.dumps(
            {
                "violation": judgement.violation,
                "category": judgement.category,
                "confidence": judgement.confidence,
                "explanation": judgement.explanation,
            }
        )


FINE = Verdict(False, "none", 0.8, "")


class Bench:
    """boto3 clients of the sandbox, whose jobs move by hand; every response is held against botocore's model."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.mind = TinyMind()
        self.bedrock = sandbox.bedrock
        self.control = sandbox.client("bedrock")
        self.runtime = sandbox.client("bedrock-runtime")
        self.s3 = sandbox.s3
        for client in (self.control, self.runtime):
            client.meta.events.register("before-parse", _check_response)

    def body(self, text: str = "a fine product", **changes: Any) -> dict[str, Any]:
        """A Claude body that asks about one comment; a change to None takes a key away."""
        body = {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 200,
            "system": "Judge the comment.",
            "messages": [{"role": "user", "content": [{"type": "text", "text": f"<comment>{text}</comment>"}]}],
            "temperature": 0,
            **changes,
        }
        return {key: value for key, value in body.items() if value is not None}

    def records(self, count: int = 100) -> list[dict[str, Any]]:
        """Records with Claude bodies, ids r0, r1, ..."""
        return [{"recordId": f"r{number}", "modelInput": self.body(f"comment {number}")} for number in range(count)]

    def put(self, records: Iterable[Mapping[str, Any]], key: str = "in/records.jsonl") -> None:
        """Upload an input file."""
        lines = b"\n".join(orjson.dumps(record) for record in records) + b"\n"
        self.s3.put_object(Bucket="moderation-batch", Key=key, Body=lines)

    def request(self, **changes: Any) -> dict[str, Any]:
        """The parameters of a valid CreateModelInvocationJob."""
        return {
            "jobName": "nm-2026-11-19-0",
            "roleArn": ROLE_ARN,
            "modelId": MODEL_ID,
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://moderation-batch/in/", "s3InputFormat": "JSONL"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://moderation-batch/out/"}},
            **changes,
        }

    def submit(self, records: Iterable[Mapping[str, Any]] | None = None, **changes: Any) -> str:
        """Upload records (100 by default) and submit their job; its ARN."""
        self.put(self.records() if records is None else records)
        arn: str = self.control.create_model_invocation_job(**self.request(**changes))["jobArn"]
        return arn

    def job(self, arn: str) -> dict[str, Any]:
        """What GetModelInvocationJob says."""
        found: dict[str, Any] = self.control.get_model_invocation_job(jobIdentifier=arn)
        return found

    def run(self, records: Iterable[Mapping[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
        """Submit a job and move it to its end."""
        arn = self.submit(records, **changes)
        self.bedrock.finish()
        return self.job(arn)

    def output(self, job: Mapping[str, Any], name: str = "records.jsonl.out") -> bytes:
        """One output object of a job."""
        key = f"out/{job['jobArn'].rpartition('/')[2]}/{name}"
        data: bytes = self.s3.get_object(Bucket="moderation-batch", Key=key)["Body"].read()
        return data

    def lines(self, job: Mapping[str, Any], name: str = "records.jsonl.out") -> list[dict[str, Any]]:
        """The output lines of a job, in their order."""
        return [orjson.loads(line) for line in self.output(job, name).splitlines()]

    def manifest(self, job: Mapping[str, Any]) -> dict[str, int]:
        """The manifest of a job."""
        manifest: dict[str, int] = orjson.loads(self.output(job, "manifest.json.out"))
        return manifest

    def output_keys(self) -> list[str]:
        """Every key below the output folder."""
        found = self.s3.list_objects_v2(Bucket="moderation-batch", Prefix="out/").get("Contents", [])
        return [item["Key"] for item in found]

    def refused(self, call: Callable[..., Any], **parameters: Any) -> ClientError:
        """The error of a call that has to fail."""
        with pytest.raises(ClientError) as caught:
            call(**parameters)
        return caught.value

    def invoke(self, body: Mapping[str, Any], model_id: str = MODEL_ID) -> dict[str, Any]:
        """The response body of InvokeModel."""
        response = self.runtime.invoke_model(modelId=model_id, body=orjson.dumps(body))
        answer: dict[str, Any] = orjson.loads(response["body"].read())
        return answer


def _check_response(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Every member of a response is in botocore's output shape, every required one is there."""
    if response_dict["status_code"] == 200 and operation_model.name != "InvokeModel":
        _check_member(operation_model.output_shape, orjson.loads(response_dict["body"] or b"{}"), operation_model.name)


def _check_member(shape: Any, value: Any, path: str) -> None:
    match shape.type_name:
        case "structure":
            members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
            unknown = set(value) - set(members)
            assert not unknown, f"{path} has members that AWS does not have: {unknown}"
            missing = set(shape.required_members) - set(value)
            assert not missing, f"{path} lacks {missing}"
            for name, item in value.items():
                _check_member(members[name], item, f"{path}.{name}")
        case "list":
            for item in value:
                _check_member(shape.member, item, f"{path}[]")
        case "string":
            assert isinstance(value, str), path
            assert not shape.enum or value in shape.enum, f"{path}: {value!r} is not in {shape.enum}"
