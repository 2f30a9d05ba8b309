"""What the stages ask of the outside world; the docstrings are the contract that every implementation keeps."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from data_contracts.batch_lines import InvocationType


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
        """The job as it is now."""
        ...

    def find_job(self, request: JobRequest) -> Job | None:
        """The newest job that was accepted for this request's name or token, or None.

        It answers whether a create call whose answer was lost had been accepted.
        """
        ...

    def stop_job(self, job_arn: str) -> None:
        """Ask that the job be stopped; a job that has ended stays as it is."""
        ...

    def invoke(self, model_id: str, invocation_type: InvocationType, body: dict[str, Any]) -> dict[str, Any]:
        """The model's output for one `modelInput`, as a batch job would write it.

        Bedrock has no token here: a call repeated is a call paid twice. RecordFailed if this request alone is at fault.
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
