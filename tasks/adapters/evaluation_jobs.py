"""Bedrock's evaluation jobs through boto3: answers that lie in S3, judged by a model."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from tasks.adapters.aws import Aws, error_code, translated
from tasks.base.errors import BedrockRefused, BedrockUnavailable
from tasks.base.ports import EvaluationJob, EvaluationRequest

_PAGE_SIZE = 100
_SCALE = (("met", 1.0), ("not met", 0.0))


class NoEvaluationJobs:
    """Where there are none; see `tasks.base.ports.EvaluationJobs`."""

    def create(self, request: EvaluationRequest) -> str:
        """See EvaluationJobs."""
        raise BedrockRefused(f"create evaluation job {request.job_name}: there are none here")

    def get(self, job_arn: str) -> EvaluationJob:
        """See EvaluationJobs."""
        raise BedrockRefused(f"get evaluation job {job_arn}: there are none here")


class BedrockEvaluationJobs:
    """See `tasks.base.ports.EvaluationJobs`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def create(self, request: EvaluationRequest) -> str:
        """See EvaluationJobs."""
        what = f"create evaluation job {request.job_name}"
        with translated(what, BedrockUnavailable, BedrockRefused):
            try:
                return str(self._aws.bedrock.create_evaluation_job(**_body(request))["jobArn"])
            except ClientError as error:
                if error_code(error) != "ConflictException":
                    raise
            pages = self._aws.bedrock.get_paginator("list_evaluation_jobs").paginate(
                nameContains=request.job_name, PaginationConfig={"PageSize": _PAGE_SIZE}
            )
            jobs = [job for page in pages for job in page.get("jobSummaries", ())]
        named = [str(job["jobArn"]) for job in jobs if job["jobName"] == request.job_name]
        if not named:
            raise BedrockUnavailable(f"{what}: its token was used before, but no job is listed")
        return named[0]

    def get(self, job_arn: str) -> EvaluationJob:
        """See EvaluationJobs."""
        with translated(f"get evaluation job {job_arn}", BedrockUnavailable, BedrockRefused):
            found = self._aws.bedrock.get_evaluation_job(jobIdentifier=job_arn)
        return EvaluationJob(status=found["status"], messages=tuple(found.get("failureMessages", ())))


def _body(request: EvaluationRequest) -> dict[str, Any]:
    evaluator = {"bedrockEvaluatorModels": [{"modelIdentifier": request.evaluator_model_id}]}
    scale = [{"definition": word, "value": {"floatValue": value}} for word, value in _SCALE]
    metrics = [
        {"customMetricDefinition": {"name": name, "instructions": instructions, "ratingScale": scale}}
        for name, instructions in request.metrics
    ]
    config = {
        "taskType": request.task_type,
        "dataset": {"name": "explanations", "datasetLocation": {"s3Uri": request.dataset_uri}},
        "metricNames": [name for name, _ in request.metrics],
    }
    key = {"customerEncryptionKeyId": request.kms_key_id} if request.kms_key_id else {}
    return {
        "jobName": request.job_name,
        "clientRequestToken": request.client_request_token,
        "roleArn": request.role_arn,
        "applicationType": "ModelEvaluation",
        "evaluationConfig": {
            "automated": {
                "datasetMetricConfigs": [config],
                "evaluatorModelConfig": evaluator,
                "customMetricConfig": {"customMetrics": metrics, "evaluatorModelConfig": evaluator},
            }
        },
        "inferenceConfig": {
            "models": [{"precomputedInferenceSource": {"inferenceSourceIdentifier": request.source_id}}]
        },
        "outputDataConfig": {"s3Uri": request.output_uri},
        "jobTags": [{"key": "project", "value": "nightly-moderation"}],
        **key,
    }
