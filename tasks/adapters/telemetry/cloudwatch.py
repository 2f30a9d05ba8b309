"""CloudWatch: figures as metrics of our own namespace, in one call that is never waited for long."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tasks.adapters.aws import Aws, error_text
from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.facts import Point

#: What one PutMetricData takes. Source: Amazon CloudWatch API Reference, "PutMetricData".
MOST_POINTS = 1_000


class FiguresUndelivered(Exception):
    """CloudWatch did not take the figures; the text says why, without a secret."""


class FigureSink(Protocol):
    """Where figures go."""

    def put(self, deployment: str, points: Sequence[Point], at: datetime) -> int:
        """Send the points that are numbers, each with the deployment as a dimension; how many that were.

        Raises:
            FiguresUndelivered: if they cannot be delivered within some seconds.
        """
        ...


class NoFigures:
    """Where there is no CloudWatch."""

    def put(self, deployment: str, points: Sequence[Point], at: datetime) -> int:
        """See FigureSink."""
        raise FiguresUndelivered("there is no CloudWatch here")


class CloudWatch:
    """Puts points into the namespace; nothing is called before that."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def put(self, deployment: str, points: Sequence[Point], at: datetime) -> int:
        """See FigureSink."""
        data = [
            {
                "MetricName": point.name,
                "Dimensions": [
                    {"Name": name, "Value": value}
                    for name, value in ((names.DEPLOYMENT, deployment), *point.dimensions)
                ],
                "Timestamp": at,
                "Value": point.value,
                "Unit": point.unit,
            }
            for point in points
            if math.isfinite(point.value)
        ]
        if len(data) > MOST_POINTS:
            raise FiguresUndelivered(f"{len(data)} figures are more than CloudWatch takes at once")
        try:
            client = self._aws.client_in(
                self._aws.region, "cloudwatch", attempts=2, read_timeout_s=3, connect_timeout_s=1.5
            )
            client.put_metric_data(Namespace=names.NAMESPACE, MetricData=data)
        except (ClientError, BotoCoreError) as error:
            raise FiguresUndelivered(f"PutMetricData: {error_text(error)}") from None
        return len(data)
