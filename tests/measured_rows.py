"""A row of the metrics table, as alerts are given it."""

from __future__ import annotations

from typing import Any

from tests.measured_nights import DAY


def row(metric: str, **overrides: Any) -> dict[str, Any]:
    """A degraded row of the metrics table."""
    values = {"x": 60.0, "n": 300, "mean": None, "variance": None, "value": 0.2, "ci_low": 0.16, "ci_high": 0.25}
    against = {"baseline": 0.1, "effect": 0.1, "threshold": 0.07, "statistic": 6.1, "state": "degraded", "since": DAY}
    named = {"date": DAY, "metric": metric, "slice": "all", "kind": "rate"}
    return {**named, **values, **against, "reason": "6.1 deviations above 28 earlier nights, limit 4", **overrides}
