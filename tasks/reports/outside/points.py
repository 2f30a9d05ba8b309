"""A night as metrics for CloudWatch; docs/telemetry.md lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from data_contracts.documents.summary import Night
from data_contracts.tables.verdicts import Status
from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.facts import Point
from tasks.base.errors import Unbalanced
from tasks.base.ports import Severity
from tasks.reports.outside.night_figures import whole_rows


def night_points(night: Night, max_cost_usd: float) -> Iterator[Point]:
    """The figures of a published night; what is not known is left out, never 0.

    Args:
        night: its summary.
        max_cost_usd: the budget of a night.
    """
    books = night.balance
    yield Point(names.PUBLISHED, 1, "Count")
    yield Point(names.STOPPED, 0, "Count")
    yield Point(names.UNBALANCED, 0, "Count")
    yield Point(names.HOURS_SINCE, 0)
    yield Point("Comments", books.ingested_count, "Count")
    yield Point("Rejected", books.rejected_count, "Count")
    yield Point("Unjudged", sum(night.statuses.values()) - night.statuses.get(Status.JUDGED, 0), "Count")
    yield Point("Violations", night.violation_count, "Count")
    yield Point("InputTokens", books.ledger_input_tokens, "Count")
    yield Point("OutputTokens", books.ledger_output_tokens, "Count")
    yield Point("StageSeconds", sum(night.seconds.values()), "Seconds")
    if night.cost_usd is not None:
        yield Point("CostUsd", night.cost_usd)
        yield Point(names.BUDGET_USED, night.cost_usd / max_cost_usd)
    rows = whole_rows(night)
    severities = Counter(row.severity for row in rows.values())
    for severity in Severity:
        yield Point(names.DEGRADED, severities[severity.value], "Count", ((names.BY_SEVERITY, str(severity)),))
    for row in rows.values():
        if row.value is not None:
            yield Point(
                names.MEASUREMENT, row.value, dimensions=((names.BY_METRIC, row.metric), (names.BY_SLICE, "all"))
            )


def stop_points(error_name: str) -> Iterator[Point]:
    """The figures of a night that an error of this name has stopped."""
    yield Point(names.PUBLISHED, 0, "Count")
    yield Point(names.STOPPED, 1, "Count")
    yield Point(names.UNBALANCED, int(error_name == Unbalanced.__name__), "Count")
