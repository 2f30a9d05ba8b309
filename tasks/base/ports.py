"""What the stages ask of the outside world; the docstrings are the contract that every implementation keeps."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from data_contracts.batch_lines import InvocationType

#: How far Bedrock's clock and ours may be apart.
CLOCK_SKEW = timedelta(minutes=15)


class Clock(Protocol):
    """How long things take, and waiting. What day or hour it is, a stage is handed by whoever calls it."""

    def monotonic(self) -> float:
        """Seconds since some moment; only differences mean something."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event, so many seconds at most; whether it has come."""
        ...


class JobStatus(StrEnum):
    """Bedrock's ten statuses of a batch job, as botocore's service model lists them."""

    SUBMITTED = "Submitted"
    VALIDATING = "Validating"
    SCHEDULED = "Scheduled"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    PARTIALLY_COMPLETED = "PartiallyCompleted"
    FAILED = "Failed"
    STOPPED = "Stopped"
    EXPIRED = "Expired"


#: Statuses that a job does not leave any more.
ENDED = frozenset(
    {
        JobStatus.COMPLETED,
        JobStatus.PARTIALLY_COMPLETED,
        JobStatus.FAILED,
        JobStatus.STOPPED,
        JobStatus.EXPIRED,
    }
)


class JobRequest(BaseModel):
    """What is asked of Bedrock for one shard."""

    model_config = ConfigDict(frozen=True)

    job_name: str
    client_request_token: str
    model_id: str
    invocation_type: InvocationType
    role_arn: str
    input_uri: str
    output_uri: str
    timeout_h: int
    #: when the call was first intended: a job for this request that is older is not its own
    intended_at: datetime
    #: the model behind `model_id`, where that is an application inference profile
    profiled_model_id: str | None = None
    kms_key_id: str | None = None
    bucket_owner: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


class Job(BaseModel):
    """A batch job as Bedrock reports it.

    `processed_count` and `total_count` are 0 until processing starts, and may lag by a minute: 0 is a placeholder,
    never a measurement.
    """

    model_config = ConfigDict(frozen=True)

    job_arn: str
    job_name: str
    status: JobStatus
    message: str | None = None
    client_request_token: str | None = None
    model_id: str | None = None
    input_uri: str | None = None
    output_uri: str | None = None
    submitted_at: datetime | None = None
    total_count: int = 0
    processed_count: int = 0

    @property
    def job_id(self) -> str:
        """Last segment of the ARN: the name of the job's output folder."""
        return self.job_arn.rsplit("/", 1)[-1]


class RecordFailed(Exception):
    """Bedrock will not answer this one request; the others may still be asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class BatchInference(Protocol):
    """Amazon Bedrock's inference: batch jobs, and single calls for what is too little for a job.

    Every method raises BedrockUnavailable for what may pass (throttling, 5xx, timeouts, connections) after the
    client's own retries, QuotaReached when no further job is taken, and BedrockRefused with AWS's message and what to
    do about it for what stays (validation, access, entitlement).
    """

    def create_job(self, request: JobRequest) -> str:
        """Ask for a job and return its ARN; the same token again makes no second job."""
        ...

    def get_job(self, job_arn: str) -> Job:
        """The job as it is now; JobUnknown if there is none, or if Bedrock has not heard of its own answer yet."""
        ...

    def find_jobs(self, request: JobRequest) -> list[Job]:
        """Every job that was accepted with this request's name or token, the newest first, ended ones included.

        It answers whether a create call whose answer was lost had been accepted. A job of our token under another name
        is found if it was submitted since the request was intended, a clock's error allowed.
        """
        ...

    def list_jobs(self, name_contains: str, submitted_after: datetime) -> list[Job]:
        """Every job with this in its name that was submitted since, the newest first, ended ones included."""
        ...

    def stop_job(self, job_arn: str) -> None:
        """Ask that the job be stopped; a job that has ended stays as it is."""
        ...

    def invoke(
        self, model_id: str, invocation_type: InvocationType, body: dict[str, Any], *, limit_s: float | None = None
    ) -> dict[str, Any]:
        """The model's output for one `modelInput`, as a batch job would write it.

        Bedrock has no token here: a call repeated is a call paid twice. RecordFailed if this request alone is at fault,
        BedrockThrottled if no model has seen it.

        Args:
            limit_s: how long an answer is waited for, and then the call is made once; else as often as the client does.
        """
        ...


class EvaluationRequest(BaseModel):
    """What Bedrock is asked to evaluate.

    Attributes:
        job_name: 1 to 63 lower letters, digits and hyphens.
        dataset_uri: JSON lines with prompts and their answers.
        output_uri: where the report goes, with the final slash.
        metrics: name and instructions of each; every one is met or not.
        source_id: whose the answers in the dataset are.
    """

    model_config = ConfigDict(frozen=True)

    job_name: str
    client_request_token: str
    role_arn: str
    dataset_uri: str
    output_uri: str
    evaluator_model_id: str
    task_type: str
    metrics: tuple[tuple[str, str], ...]
    source_id: str
    kms_key_id: str | None = None


class EvaluationJob(BaseModel):
    """An evaluation job as it is: `InProgress`, `Completed`, `Failed`, `Stopping`, `Stopped`, and why it failed."""

    model_config = ConfigDict(frozen=True)

    status: str
    messages: tuple[str, ...] = ()


class EvaluationJobs(Protocol):
    """Bedrock's own evaluation of answers by a model.

    Every method raises BedrockUnavailable for what may pass, BedrockRefused for what stays.
    """

    def create(self, request: EvaluationRequest) -> str:
        """Ask for a job and return its ARN; the same token again makes no second job."""
        ...

    def get(self, job_arn: str) -> EvaluationJob:
        """The job as it is now."""
        ...


class PromptOptimiser(Protocol):
    """Bedrock's own rewriting of prompts."""

    def optimise(self, text: str, target_model_id: str) -> str:
        """A prompt's text as Bedrock would write it for a foundation model; empty if it says nothing.

        A call repeated is a call paid twice. BedrockUnavailable for what may pass, BedrockRefused for what stays.
        """
        ...


class FactUnavailable(Exception):
    """AWS does not say it: the operation, the model or the permission is lacking, or it took too long."""


class Lifecycle(BaseModel):
    """How far a model's life has come, as Bedrock tells it.

    Attributes:
        is_legacy: a successor is out, and new customers are turned away.
        ends_at: when requests begin to fail; None while no date is set.
    """

    model_config = ConfigDict(frozen=True)

    is_legacy: bool = False
    ends_at: datetime | None = None


class ModelFacts(Protocol):
    """What Bedrock tells of a model, free of charge, where it tells it.

    Another endpoint that speaks Bedrock's API may not: every method raises FactUnavailable then, within five seconds,
    and nothing that a night needs depends on it, but for `profiled_model`.
    """

    def count_tokens(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> int:
        """Tokens that the model would read of one `modelInput`; by Converse without its JSON schema."""
        ...

    def lifecycle(self, model_id: str) -> Lifecycle:
        """The life of the model behind a model id or an inference profile's id."""
        ...

    def profiled_model(self, profile_arn: str) -> str:
        """The model behind an application inference profile, as the id of a model or of a system's own profile.

        A night whose settings name such a profile does depend on it: it is asked again where that may help.

        Raises:
            FactUnavailable: if Bedrock does not say it, or may not say it to us.
            BedrockUnavailable: if Bedrock cannot say it now.
        """
        ...


class BatchQuotas(BaseModel):
    """What the account may have of a model's batch inference.

    Attributes:
        jobs_in_flight: jobs that may be submitted and not ended.
        records: the lesser of records per job and per file; None where that is not known.
        size_bytes: the lesser of the sizes of a job and of a file; None where that is not known.
    """

    model_config = ConfigDict(frozen=True)

    jobs_in_flight: int
    records: int | None = None
    size_bytes: int | None = None


class AccountQuotas(Protocol):
    """What the account may have of a thing, where that can be asked."""

    def batch_quotas(self, model_id: str) -> BatchQuotas:
        """The quotas of the model's batch jobs, which have one file each.

        Raises:
            FactUnavailable: within five seconds, where Service Quotas does not say how many jobs there may be.
        """
        ...


class Severity(StrEnum):
    """How soon somebody should look at an alert, the soonest first."""

    #: at once: verdicts are wrong or lacking
    PAGE = "page"
    #: on the next working day: what came out has changed
    TICKET = "ticket"
    #: when there is time: what came in has changed, which need not harm anybody
    REPORT = "report"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return list(Severity).index(self)


class AlertMessage(BaseModel):
    """An alert as it is sent.

    Attributes:
        title: one line, in the deployment's language.
        ascii_title: the same in English, for what takes no other letters.
        body: plain text of several lines.
        severity: of the most urgent thing in it.
        is_recovery: whether it says that something is over.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    ascii_title: str
    body: str
    severity: Severity
    is_recovery: bool = False


class AlertChannel(Protocol):
    """Somewhere an alert can go; `name` never shows a secret, and `severities` are those that it wants."""

    name: str
    severities: frozenset[Severity]

    def send(self, message: AlertMessage) -> None:
        """Deliver the message, or raise AlertUndelivered."""
        ...


class AlertUndelivered(Exception):
    """A channel did not take the message; the text names the channel, never its secret."""
