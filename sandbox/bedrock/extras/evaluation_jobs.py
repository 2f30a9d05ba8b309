"""Evaluation jobs: a model judges answers that lie in S3, by the metrics that the caller has written.

Source: Bedrock User Guide, model-evaluation-prompt-datasets-judge (a line of the dataset, at most 1,000 of them),
model-evaluation-report-s3 (where the output lies, and a line of it). It is done at the second look.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.bedrock.catalog import ACCOUNT_ID
from sandbox.bedrock.errors import conflict, not_found
from sandbox.bedrock.files import split_uri

_MOST_PROMPTS = 1_000

Job = dict[str, Any]


class EvaluationJobs:
    """The jobs of an endpoint.

    Args:
        s3: a boto3 S3 client.
        reply: what the stand-in says to a prompt; None where it has nothing to say.
        clock: Unix time.
    """

    def __init__(self, s3: Any, reply: Callable[[str], str | None], clock: Callable[[], float]) -> None:
        self._s3, self._reply, self._clock = s3, reply, clock
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget every job."""
        with self._lock:
            self._jobs.clear()

    def create(self, parameters: Job, region: str) -> Job:
        """A new job, or the one that its token already made.

        Raises:
            ServiceError: ConflictException for a name that is taken.
        """
        with self._lock:
            for job in self._jobs.values():
                if job["clientRequestToken"] == parameters.get("clientRequestToken"):
                    return {"jobArn": job["jobArn"]}
                if job["jobName"] == parameters["jobName"]:
                    raise conflict(f"An evaluation job with the name {job['jobName']} already exists.")
            arn = f"arn:aws:bedrock:{region}:{ACCOUNT_ID}:evaluation-job/{uuid.uuid4().hex[:12]}"
            self._jobs[arn] = {
                **parameters,
                "clientRequestToken": parameters.get("clientRequestToken"),
                "jobArn": arn,
                "status": "InProgress",
                "jobType": "Automated",
                "applicationType": parameters.get("applicationType", "ModelEvaluation"),
                "creationTime": datetime.fromtimestamp(self._clock(), UTC),
                "looks": 0,
            }
            return {"jobArn": arn}

    def get(self, parameters: Job) -> Job:
        """A job as it is; the second look finds it over.

        Raises:
            ServiceError: ResourceNotFoundException.
        """
        with self._lock:
            job = self._jobs.get(parameters["jobIdentifier"])
            if job is None:
                raise not_found("The evaluation job was not found.")
            job["looks"] += 1
            if job["status"] == "InProgress" and job["looks"] > 1:
                self._finish(job)
            return _shown(job)

    def find(self, parameters: Job) -> Job:
        """The jobs whose name contains a text, the newest first."""
        wanted = parameters.get("nameContains", "")
        with self._lock:
            jobs = [_shown(job) for job in reversed(self._jobs.values()) if wanted in job["jobName"]]
        names = ("jobArn", "jobName", "status", "creationTime", "jobType")
        return {"jobSummaries": [{**{name: job[name] for name in names}, "evaluationTaskTypes": []} for job in jobs]}

    def _finish(self, job: Job) -> None:
        (config,) = job["evaluationConfig"]["automated"]["datasetMetricConfigs"]
        source = job["inferenceConfig"]["models"][0]["precomputedInferenceSource"]["inferenceSourceIdentifier"]
        bucket, key = split_uri(config["dataset"]["datasetLocation"]["s3Uri"])
        lines = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()
        records = [json.loads(line) for line in lines]
        fault = _fault(records, source)
        if fault:
            job["status"], job["failureMessages"] = "Failed", [fault]
            return
        written = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self._judged(records, config, job))
        bucket, prefix = split_uri(job["outputDataConfig"]["s3Uri"])
        folder = f"{prefix.rstrip('/')}/{job['jobName']}/{uuid.uuid4()}/models/{source}/taskTypes/{config['taskType']}"
        name = f"{folder}/datasets/{config['dataset']['name']}/{uuid.uuid4()}_output.jsonl"
        self._s3.put_object(Bucket=bucket, Key=name, Body=written.encode())
        job["status"] = "Completed"

    def _judged(self, records: list[Job], config: Job, job: Job) -> Iterator[Job]:
        evaluator = job["evaluationConfig"]["automated"]["evaluatorModelConfig"]["bedrockEvaluatorModels"][0]
        details = [{"modelIdentifier": evaluator["modelIdentifier"], "explanation": "By rote."}]
        for record in records:
            said = self._reply(f"{record['prompt']}\n\nEXPLANATION\n{record['modelResponses'][0]['response']}")
            found = json.loads(said) if said else {}
            scores = [
                {"metricName": name, "result": _result(found.get(name)), "evaluatorDetails": details}
                for name in config["metricNames"]
            ]
            yield {"automatedEvaluationResult": {"scores": scores}, "inputRecord": record}


def _fault(records: list[Job], source: str) -> str | None:
    if not 0 < len(records) <= _MOST_PROMPTS:
        return f"The dataset has {len(records)} prompts, and 1 to {_MOST_PROMPTS} are allowed."
    for record in records:
        answers = record.get("modelResponses", [])
        if len(answers) != 1 or answers[0].get("modelIdentifier") != source:
            return "Each prompt needs one response of the inference source."
    return None


def _result(value: object) -> float | None:
    return float(value) if isinstance(value, bool) else None


def _shown(job: Job) -> Job:
    return {name: value for name, value in job.items() if name not in ("looks", "clientRequestToken", "jobTags")}
