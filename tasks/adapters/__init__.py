"""The composition root: where real things are picked. Stages call `adapters.connect(settings)` and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.adapters.alerts import alert_channels
from tasks.adapters.aws import AwsEnvironment, shared
from tasks.adapters.bedrock import Bedrock
from tasks.adapters.lake import Lake
from tasks.adapters.storage import Storage
from tasks.ports import AlertChannel, BatchInference
from tasks.settings import Settings


@dataclass(frozen=True)
class Adapters:
    """Everything outside the process that a stage may touch."""

    storage: Storage
    lake: Lake
    bedrock: BatchInference
    alerts: tuple[AlertChannel, ...]


def connect(settings: Settings) -> Adapters:
    """Clients for these settings; nothing is called yet.

    Raises:
        SettingsInvalid: if no AWS region can be found.
    """
    aws = shared(AwsEnvironment())
    return Adapters(
        storage=Storage(aws),
        lake=Lake(aws),
        bedrock=Bedrock(aws),
        alerts=alert_channels(settings, aws),
    )
