"""A published night in figures, for who watches from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from data_contracts.documents.summary import Night
from data_contracts.tables.metrics import MetricRow, State
from tasks.adapters.telemetry import conventions as names
from tasks.adapters.telemetry.facts import Evaluation, Figure
from tasks.base.ports import Severity

#: The metrics that say how good the verdicts are.
QUALITY = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "overturn_rate",
    "label_error_rate",
    "golden_accuracy",
    "golden_flip_rate",
    "attack_success_rate",
)


def whole_rows(night: Night) -> dict[str, MetricRow]:
    """The night's measurements of everything together, by metric."""
    return {row.metric: row for row in night.metrics if row.slice == "all"}


def evaluations_of(night: Night) -> tuple[Evaluation, ...]:
    """How the metrics of quality came out; one without data has no value."""
    rows = whole_rows(night)
    return tuple(Evaluation(name, rows[name].value, str(rows[name].state)) for name in QUALITY if name in rows)


def figures_of(night: Night | None, seconds: Mapping[str, float]) -> Iterator[Figure]:
    """The figures of a night; of one that stopped, that it did and how long its stages took."""
    yield Figure(*names.PUBLISHED_METRIC, float(night is not None), {})
    for stage, took_s in seconds.items():
        yield Figure(*names.STAGE_METRIC, took_s, {names.STAGE: stage})
    if night is None:
        return
    for status, count in night.statuses.items():
        yield Figure(*names.COMMENTS_METRIC, count, {names.STATUS: status})
    yield Figure(*names.COMMENTS_METRIC, night.balance.rejected_count, {names.STATUS: "rejected"})
    yield Figure(*names.TOKENS_METRIC, night.balance.ledger_input_tokens, {names.TOKEN_TYPE: "input"})
    yield Figure(*names.TOKENS_METRIC, night.balance.ledger_output_tokens, {names.TOKEN_TYPE: "output"})
    if night.cost_usd is not None:
        yield Figure(*names.COST_METRIC, night.cost_usd, {})
    rows = whole_rows(night).values()
    states, severities = Counter(row.state for row in rows), Counter(row.severity for row in rows)
    for state in State:
        yield Figure(*names.MEASUREMENTS_METRIC, states[state], {names.STATE: str(state)})
    for severity in Severity:
        yield Figure(*names.ALERTS_METRIC, severities[severity.value], {names.SEVERITY: str(severity)})
