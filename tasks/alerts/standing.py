"""How a night stands: its degraded metrics as causes by group, and which metrics are as they should be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from data_contracts.documents.alerts import METRIC, Cause, GroupName, metric_key
from data_contracts.tables.metrics import MetricRow, ReasonCode, State
from tasks.alerts.groups.machine import End, Look
from tasks.alerts.tell import GROUPS
from tasks.base.ports import Severity
from tasks.measure.detect.rules import rings, rule_of

#: Degraded slices of a metric that stay on record.
_MAX_ROWS = 12


def looks_of(rows: Sequence[MetricRow], night: date, run_id: str, now: datetime) -> dict[GroupName, Look]:
    """A night's look, for every group.

    Args:
        rows: how things stand tonight, a row a metric and slice.
        night: the day that was judged.
        run_id: its run.
        now: the time of the look.
    """
    healthy = healthy_metrics(rows)

    def end_of(cause: Cause) -> End:
        return End.OVER if cause.is_metric and cause.metric in healthy else End.UNSURE

    ringing: dict[str, list[MetricRow]] = {}
    for row in rows:
        if row.rings:
            ringing.setdefault(row.metric, []).append(row)
    causes = [metric_cause(metric, found, now) for metric, found in sorted(ringing.items())]
    return {
        group: Look(tuple(cause for cause in causes if rule_of(cause.metric).group == group), end_of, night, run_id)
        for group in GROUPS
    }


def metric_cause(metric: str, rows: Iterable[MetricRow], now: datetime) -> Cause:
    """The cause that a metric is degraded in these slices."""
    ordered = sorted(rows, key=lambda row: (_severity(row).rank, -abs(row.statistic or 0.0), row.slice))
    return Cause(
        key=metric_key(metric),
        kind=METRIC,
        severity=str(_severity(ordered[0])),
        at=now,
        day=max(row.date for row in ordered),
        since=min(row.since or row.date for row in ordered),
        rows=tuple(ordered[:_MAX_ROWS]),
    )


def healthy_metrics(rows: Sequence[MetricRow]) -> frozenset[str]:
    """Metrics that have a value where they could ring, and ring nowhere; on announced days nobody can tell."""
    could_tell = {
        row.metric
        for row in rows
        if row.state in (State.OK, State.LEARNING)
        and row.value is not None
        and rings(row.metric, row.slice)
        and row.reason_code != ReasonCode.EVENT
    }
    return frozenset(could_tell - {row.metric for row in rows if row.rings})


def _severity(row: MetricRow) -> Severity:
    """How urgent a degraded row is; a row of an earlier version does not say."""
    return Severity(row.severity) if row.severity else Severity.TICKET
