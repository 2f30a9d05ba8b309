"""S3, Delta Lake, Bedrock, alert channels, heartbeat, the clock: the only code that touches the outside.

No stages: each calls `adapters.connect(settings)`, which picks the real things: the one seam that tests replace. Beside
it a stage may take from here the types that it is handed or hands over (`Storage`, `Lake`, `StoredObject`), the errors
that it expects, `reading_lake`, and the upkeep of tables; flows take the heartbeat.
Keeps the ports of `tasks/base/ports.py`. What AWS and Delta Lake say of a call becomes an error of ours: Transient for
what may pass, else a refusal, so that nobody else needs to know theirs.
Never here: a decision about a comment, a night or money.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from data_contracts.expectations import RunSuite, counts_by_check
from tasks.adapters.aws import aws_environment, shared
from tasks.adapters.bedrock import Bedrock
from tasks.adapters.bedrock_models import BedrockModels, NoModelFacts
from tasks.adapters.channels.apprise import alert_channels
from tasks.adapters.clock import SystemClock
from tasks.adapters.evaluation_jobs import BedrockEvaluationJobs, NoEvaluationJobs
from tasks.adapters.lake import Lake
from tasks.adapters.prompt_optimiser import BedrockPromptOptimiser, NoPromptOptimiser
from tasks.adapters.service_quotas import NoQuotas, ServiceQuotas
from tasks.adapters.storage import Protection, Storage
from tasks.adapters.telemetry.cloudwatch import CloudWatch, FigureSink, NoFigures
from tasks.base.ports import (
    AccountQuotas,
    AlertChannel,
    BatchInference,
    Clock,
    EvaluationJobs,
    ModelFacts,
    PromptOptimiser,
)
from tasks.base.settings import Settings


@dataclass(frozen=True)
class Adapters:
    """Everything outside the process that a stage may touch.

    Attributes:
        run_suite: counts what is as expected. Great Expectations runs in the process, but takes so long that whoever
            plays many nights may want another.
    """

    storage: Storage
    lake: Lake
    bedrock: BatchInference
    alerts: tuple[AlertChannel, ...]
    models: ModelFacts = field(default_factory=NoModelFacts)
    quotas: AccountQuotas = field(default_factory=NoQuotas)
    evaluations: EvaluationJobs = field(default_factory=NoEvaluationJobs)
    prompt_optimiser: PromptOptimiser = field(default_factory=NoPromptOptimiser)
    clock: Clock = field(default_factory=SystemClock)
    figures: FigureSink = field(default_factory=NoFigures)
    run_suite: RunSuite = counts_by_check


def connect(settings: Settings) -> Adapters:
    """Clients for these settings; nothing is called yet.

    Raises:
        SettingsInvalid: if no AWS region can be found.
    """
    aws = shared(aws_environment())
    protection = Protection(settings.bucket_owner, settings.kms_key_id)
    roots = (settings.output_uri, settings.batch_uri)
    return Adapters(
        storage=Storage(aws, {urlsplit(root).netloc: protection for root in roots if root.startswith("s3://")}),
        lake=Lake(aws, settings.kms_key_id, settings.bucket_owner),
        bedrock=Bedrock(aws),
        alerts=alert_channels(settings, aws),
        models=BedrockModels(aws),
        quotas=ServiceQuotas(aws),
        figures=CloudWatch(aws),
        evaluations=BedrockEvaluationJobs(aws),
        prompt_optimiser=BedrockPromptOptimiser(aws),
    )


def local_lake() -> Lake:
    """The tables of a copy on this machine, which take no AWS."""
    return Lake(None)
