"""The CloudWatch dashboard of a deployment, from the names of the metrics that nights send.

CloudFormation takes a dashboard as one string of JSON, and its linter does not look into it: so the string is made
here, and a test holds every metric in it against what a night sends. `${...}` is what CloudFormation fills in.

Source: Amazon CloudWatch User Guide, "Dashboard body structure and syntax" and "Search expression syntax".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tasks.adapters.telemetry import conventions as names
from tasks.base.ports import Severity

#: Filled in by CloudFormation.
REGION, DEPLOYMENT = "${AWS::Region}", "${Deployment}"
#: Where Bedrock keeps what it says of batch inference. Two of its metrics' names are not documented, so that all that
#: are there are searched for.
BEDROCK_BATCH = "AWS/Bedrock/Batch"
#: The dashboard is 24 wide; three graphs a row.
_WIDTH, _HEIGHT = 8, 6
#: A point a night: what lies within a day is shown as one.
_DAY_S = 86_400

Metric = list[Any]


def ours(name: str, *dimensions: str, **options: Any) -> Metric:
    """A metric of the deployment."""
    metric: Metric = [names.NAMESPACE, name, names.DEPLOYMENT, DEPLOYMENT, *dimensions]
    return [*metric, options] if options else metric


def search(query: str, stat: str, period_s: int) -> Metric:
    """Every metric that a search finds, as graphs of one widget."""
    return [{"expression": f"SEARCH('{query}', '{stat}', {period_s})"}]


def graph(title: str, metrics: Sequence[Metric], stat: str = "Maximum", period_s: int = _DAY_S) -> dict[str, Any]:
    """A widget; its place comes later."""
    properties = {
        "title": title,
        "metrics": list(metrics),
        "region": REGION,
        "stat": stat,
        "period": period_s,
        "view": "timeSeries",
    }
    return {"type": "metric", "width": _WIDTH, "height": _HEIGHT, "properties": properties}


def widgets() -> list[dict[str, Any]]:
    """What an operator looks at, the most urgent first."""
    quality = [
        ours(names.MEASUREMENT, names.BY_METRIC, metric, names.BY_SLICE, "all", label=metric)
        for metric in ("accuracy", "f1", "golden_accuracy", "attack_success_rate", "overturn_rate")
    ]
    outputs = [
        ours(names.MEASUREMENT, names.BY_METRIC, metric, names.BY_SLICE, "all", label=metric)
        for metric in ("violation_rate", "malformed_rate", "refused_rate", "missing_rate")
    ]
    return [
        graph("Hours since a night was published", [ours(names.HOURS_SINCE)], period_s=3600),
        graph("Nights published and stopped", [ours(names.PUBLISHED), ours(names.STOPPED)], "Sum"),
        graph("Degraded measures", [ours(names.DEGRADED, names.BY_SEVERITY, str(severity)) for severity in Severity]),
        graph("Comments", [ours("Comments"), ours("Rejected"), ours("Unjudged"), ours("Violations")]),
        graph("Dollars a night", [ours("CostUsd"), ours(names.BUDGET_USED, yAxis="right")]),
        graph("Tokens a night", [ours("InputTokens"), ours("OutputTokens")]),
        graph("Quality", quality, "Average"),
        graph("Verdicts", outputs, "Average"),
        graph(
            "Bedrock batch: all that it reports", [search(f"{{{BEDROCK_BATCH},ModelId}}", "Maximum", 300)], period_s=300
        ),
    ]


def dashboard_body() -> str:
    """The dashboard as CloudFormation takes it, one widget a line, three to a row."""
    placed = []
    for number, widget in enumerate(widgets()):
        place = {"x": number % 3 * _WIDTH, "y": number // 3 * _HEIGHT}
        placed.append(json.dumps({**place, **widget}))
    return '{"widgets": [\n' + ",\n".join(placed) + "\n]}"
