"""Amazon Bedrock batch inference through boto3; the only caller of the Bedrock APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from data_contracts.batch_lines import InvocationType
from tasks.adapters.aws import THROTTLING_CODES, UNREADABLE, Aws, error_code, error_text, is_transient_error
from tasks.base.errors import BedrockRefused, BedrockThrottled, BedrockUnavailable, JobUnknown, QuotaReached
from tasks.base.ports import CLOCK_SKEW, Job, JobRequest, JobStatus, RecordFailed

#: What to do about an error that stays, by AWS's code and a part of its message; the first that fits is shown.
_ADVICE = (
    ("AccessDeniedException", "PassRole", "grant the submitter iam:PassRole on MODERATION_ROLE_ARN"),
    (
        "AccessDeniedException",
        "",
        "compare the submitter's policy and the role's trust policy with infra/iam/README.md",
    ),
    ("ValidationException", "not authorized", "the account is not entitled to batch inference: open a support case"),
    ("ValidationException", "role", "check MODERATION_ROLE_ARN and its trust policy"),
    ("ValidationException", "inference profile", "set MODERATION_MODEL_ID to an inference profile (global., jp. ...)"),
    ("ValidationException", "", "check MODERATION_MODEL_ID, MODERATION_BATCH_URI and MODERATION_ROLE_ARN"),
    ("ResourceNotFoundException", "invocation job", "the job is not of this account and Region: check AWS_REGION"),
    ("ResourceNotFoundException", "", "check MODERATION_MODEL_ID and model access in this Region"),
)


#: Jobs a listing shows at a time. Source: ListModelInvocationJobs, maxResults.
_PAGE_SIZE = 1000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

#: Errors of a single call that say nothing about the next one. Source: InvokeModel, errors.
_RECORD_ERRORS = {"ValidationException", "ModelErrorException", "ModelTimeoutException", "ModelStreamErrorException"}


class Bedrock:
    """See `tasks.base.ports.BatchInference`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @property
    def _client(self) -> Any:
        return self._aws.bedrock

    def create_job(self, request: JobRequest) -> str:
        """See BatchInference."""
        output: dict[str, Any] = {"s3Uri": request.output_uri}
        if request.kms_key_id:
            output["s3EncryptionKeyId"] = request.kms_key_id
        owner = {"s3BucketOwner": request.bucket_owner} if request.bucket_owner else {}
        with _translated(f"create job {request.job_name}"):
            try:
                answer = self._client.create_model_invocation_job(
                    jobName=request.job_name,
                    clientRequestToken=request.client_request_token,
                    modelId=request.model_id,
                    modelInvocationType=request.invocation_type,
                    roleArn=request.role_arn,
                    inputDataConfig={
                        "s3InputDataConfig": {"s3Uri": request.input_uri, "s3InputFormat": "JSONL"} | owner
                    },
                    outputDataConfig={"s3OutputDataConfig": output | owner},
                    timeoutDurationInHours=request.timeout_h,
                    tags=[{"key": key, "value": value} for key, value in request.tags],
                )
            except ClientError as error:
                if error_code(error) != "ConflictException":
                    raise
                answer = {}
        return str(answer.get("jobArn") or self._repeated(request))

    def _repeated(self, request: JobRequest) -> str:
        """The ARN of the job that the token made before: botocore's own retry of a call whose answer was lost.

        AWS documents that a repeated token is ignored without an error, not what is answered: the ARN, none, or a
        conflict all end here or in `create_job`.
        """
        jobs = self.find_jobs(request)
        if not jobs:
            raise BedrockUnavailable(f"create job {request.job_name}: its token was used before, but no job is listed")
        return jobs[0].job_arn

    def get_job(self, job_arn: str) -> Job:
        """See BatchInference."""
        what = f"get job {job_arn}"
        with _translated(what):
            try:
                return _job(self._client.get_model_invocation_job(jobIdentifier=job_arn))
            except ClientError as error:
                if error_code(error) != "ResourceNotFoundException":
                    raise
                raise JobUnknown(
                    f"{what}: {error_text(error)} (it is of another account or Region: check AWS_REGION)"
                ) from None

    def find_jobs(self, request: JobRequest) -> list[Job]:
        """See BatchInference."""
        named = [job for job in self._list(nameContains=request.job_name) if job.job_name == request.job_name]
        since = self._list(submitTimeAfter=request.intended_at - CLOCK_SKEW)
        token = request.client_request_token
        by_arn = {job.job_arn: job for job in (*named, *since) if job in named or job.client_request_token == token}
        return sorted(by_arn.values(), key=lambda job: job.submitted_at or _LONG_AGO, reverse=True)

    def list_jobs(self, name_contains: str, submitted_after: datetime) -> list[Job]:
        """See BatchInference."""
        return self._list(nameContains=name_contains, submitTimeAfter=submitted_after)

    def _list(self, **query: Any) -> list[Job]:
        with _translated(f"list jobs {query.get('nameContains', '')}".strip()):
            pages = self._client.get_paginator("list_model_invocation_jobs").paginate(
                sortBy="CreationTime", sortOrder="Descending", PaginationConfig={"PageSize": _PAGE_SIZE}, **query
            )
            return [_job(item) for page in pages for item in page.get("invocationJobSummaries", ())]

    def stop_job(self, job_arn: str) -> None:
        """See BatchInference."""
        with _translated(f"stop job {job_arn}"):
            try:
                self._client.stop_model_invocation_job(jobIdentifier=job_arn)
            except ClientError as error:
                # Conflict: it has ended, or is stopping already.
                if error_code(error) != "ConflictException":
                    raise

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """See BatchInference."""
        client = self._aws.bedrock_runtime if limit_s is None else self._aws.bedrock_runtime_once(limit_s)
        with _translated(f"invoke {model_id}"):
            try:
                if invocation_type == "Converse":
                    answer: dict[str, Any] = client.converse(modelId=model_id, **body)
                    answer.pop("ResponseMetadata", None)
                    return answer
                raw = client.invoke_model(
                    modelId=model_id, body=json.dumps(body), contentType="application/json", accept="application/json"
                )["body"].read()
            except ParamValidationError as error:
                raise RecordFailed("ValidationException", error_text(error)) from None
            except ClientError as error:
                if error_code(error) in _RECORD_ERRORS and not _is_about_all(error):
                    # One line: further ones may repeat the signed headers.
                    raise RecordFailed(error_code(error), error_text(error).partition(": ")[2]) from None
                raise
            except UNREADABLE:  # nothing that Converse answers; paid for all the same
                raise _no_output() from None
        try:
            output = json.loads(raw)
        except (ValueError, RecursionError):
            output = None
        if not isinstance(output, dict):
            raise _no_output()
        return output


def _no_output() -> RecordFailed:
    return RecordFailed("ModelErrorException", "the model's output is not a JSON object")


def _is_about_all(error: ClientError) -> bool:
    """Whether a validation error is about the model or the account rather than the one request."""
    text = str(error).lower()
    return any(part in text for part in ("on-demand throughput", "model identifier", "not authorized", "modelid"))


def _job(item: dict[str, Any]) -> Job:
    submitted_at: datetime | None = item.get("submitTime")
    if submitted_at is not None and submitted_at.tzinfo is None:  # botocore keeps a time without a zone as it came
        submitted_at = submitted_at.replace(tzinfo=UTC)
    return Job(
        job_arn=item["jobArn"],
        job_name=item.get("jobName", ""),
        status=JobStatus(item["status"]),
        message=item.get("message"),
        client_request_token=item.get("clientRequestToken"),
        model_id=item.get("modelId"),
        input_uri=item.get("inputDataConfig", {}).get("s3InputDataConfig", {}).get("s3Uri"),
        output_uri=item.get("outputDataConfig", {}).get("s3OutputDataConfig", {}).get("s3Uri"),
        submitted_at=submitted_at,
        total_count=item.get("totalRecordCount", 0),
        processed_count=item.get("processedRecordCount", 0),
    )


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        # Not "from error": a traceback would show botocore's error whole, which may repeat the signed headers.
        if isinstance(error, ClientError) and error_code(error) == "ServiceQuotaExceededException":
            raise QuotaReached(f"{what}: {error_text(error)}") from None
        if is_transient_error(error):
            is_free = isinstance(error, ClientError) and error_code(error) in THROTTLING_CODES
            raise (BedrockThrottled if is_free else BedrockUnavailable)(f"{what}: {error_text(error)}") from None
        raise BedrockRefused(f"{what}: {error_text(error)}{_advice(error)}") from None


def _advice(error: Exception) -> str:
    code = error_code(error) if isinstance(error, ClientError) else ""
    text = str(error).lower()
    return next((f" ({advice})" for name, part, advice in _ADVICE if name == code and part.lower() in text), "")
