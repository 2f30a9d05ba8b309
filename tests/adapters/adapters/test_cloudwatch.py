"""Figures in CloudWatch, over real HTTP to moto."""

from __future__ import annotations

from datetime import UTC, datetime

import boto3
import pytest

from sandbox.s3 import CREDENTIALS, REGION
from sandbox.serve import Sandbox
from tasks import adapters
from tasks.adapters.telemetry.cloudwatch import FiguresUndelivered
from tasks.adapters.telemetry.facts import Point
from tests.factories import settings

NOW = datetime.now(UTC)


@pytest.fixture
def outside(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> adapters.Adapters:
    """Adapters whose CloudWatch is moto's."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", sandbox.s3_url)
    return adapters.connect(settings())


def test_figures_are_metrics_of_our_namespace(outside: adapters.Adapters, sandbox: Sandbox) -> None:
    """Each figure is there with its deployment and its own dimensions; what is no number is left out."""
    points = (Point("Degraded", 2, "Count", (("Severity", "page"),)), Point("CostUsd", float("nan")))
    assert outside.figures.put("s3://out", points, NOW) == 1
    client = boto3.client("cloudwatch", endpoint_url=sandbox.s3_url, region_name=REGION, **CREDENTIALS)
    (metric,) = client.list_metrics(Namespace="NightlyModeration")["Metrics"]
    assert metric["MetricName"] == "Degraded"
    assert {item["Name"]: item["Value"] for item in metric["Dimensions"]} == {
        "Deployment": "s3://out",
        "Severity": "page",
    }


def test_a_cloudwatch_that_is_not_there_is_named(outside: adapters.Adapters, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port where nobody listens is one error of ours, within the client's two tries."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:9")
    with pytest.raises(FiguresUndelivered, match="PutMetricData"):
        adapters.connect(settings()).figures.put("s3://out", (Point("CostUsd", 1),), NOW)
