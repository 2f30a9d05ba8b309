"""From measurements to rows of the metrics table: each compared with earlier nights and with the fixed limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from data_contracts.tables.metrics import METRICS, Kind, State
from tasks.base.settings import Thresholds
from tasks.measure.baselines import Comparison, compare
from tasks.measure.measurement import ALL, Measurement
from tasks.measure.metric_history import History, Reading, Row
from tasks.measure.metric_rules import FAILURES, RULES


def judge(measured: Measurement, run_date: date, history: History, limits: Thresholds) -> Comparison:
    """What earlier nights say about one measurement."""
    if measured.value is None:
        return Comparison(State.LEARNING if measured.is_learning else State.NO_DATA, measured.reason)
    if measured.kind is not Kind.COUNT and not measured.n:
        return Comparison(State.NO_DATA, measured.reason)
    tonight = Reading(run_date, measured.value, float(measured.n or 0), measured.variance)
    earlier = history.readings(measured.metric, measured.slice, limits)
    found = compare(tonight, earlier, RULES[measured.metric], limits)
    smallest = limits.min_violations if measured.metric == "violation_category_share" else 0
    if found.state is not State.LEARNING and tonight.n < smallest:
        reason = f"{measured.n} violations, {smallest} are needed to judge their split"
        return Comparison(State.CANNOT_TELL, reason, found.baseline, found.effect)
    return found


def failed_answers(measured: Sequence[Measurement], limits: Thresholds) -> dict[str, str]:
    """Which failure rates are to blame, and why, when more answers failed than a night may have without a baseline.

    To blame are those that make up at least a quarter of the failures: of four rates, at least one does.
    """
    rates = {item.metric: item for item in measured if item.metric in FAILURES and item.slice == ALL and item.x}
    failed_count = sum(item.x or 0 for item in rates.values())
    asked_count = max((item.n or 0 for item in rates.values()), default=0)
    if failed_count <= limits.max_failed_fraction * asked_count:
        return {}
    reason = (
        f"{failed_count:.0f} of {asked_count} answers failed in all ({failed_count / asked_count:.1%}), "
        f"limit {limits.max_failed_fraction:.1%}"
    )
    return {metric: reason for metric, item in rates.items() if (item.x or 0) * len(FAILURES) >= failed_count}


def judge_all(
    measured: Sequence[Measurement], run_date: date, history: History, limits: Thresholds
) -> list[tuple[Measurement, Comparison]]:
    """Each measurement with what earlier nights and the fixed limit on failed answers say about it."""
    over_limit = failed_answers(measured, limits)
    judged = []
    for item in measured:
        found = judge(item, run_date, history, limits)
        if item.slice == ALL and item.metric in over_limit and found.state is not State.DEGRADED:
            found = found._replace(state=State.DEGRADED, reason=over_limit[item.metric])
        judged.append((item, found))
    return judged


class Stamp(NamedTuple):
    """What all rows of one measurement share; named as the columns of the metrics table."""

    date: date
    measured_at: datetime
    verdicts_run_id: str
    run_id: str


def metric_rows(judged: Sequence[tuple[Measurement, Comparison]], history: History, stamp: Stamp) -> pl.DataFrame:
    """One row of the metrics table per measurement, in the order given."""
    rows: list[Row] = [
        {
            **stamp._asdict(),
            "metric": item.metric,
            "slice": item.slice,
            "kind": str(item.kind),
            "x": item.x,
            "n": item.n,
            "mean": item.mean,
            "variance": item.variance,
            "value": item.value,
            "ci_low": item.interval.low if item.interval else None,
            "ci_high": item.interval.high if item.interval else None,
            "baseline": found.baseline,
            "effect": found.effect,
            "threshold": found.threshold,
            "statistic": found.statistic,
            "state": str(found.state),
            "since": history.degraded_since(item.metric, item.slice, stamp.date)
            if found.state is State.DEGRADED
            else None,
            "method": item.method,
            "reason": "; ".join(filter(None, dict.fromkeys((found.reason, item.reason)))) or None,
        }
        for item, found in judged
    ]
    return pl.DataFrame(rows, schema=METRICS.polars_schema)
