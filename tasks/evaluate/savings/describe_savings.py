"""Savings for a terminal: a line a policy, a line a threshold, and what these labels cannot prove."""

from __future__ import annotations

from collections.abc import Iterator

from data_contracts.documents.evaluation.savings import PolicySavings, ReplayRow
from tasks.base.figures import NONE, dollars, percent
from tasks.evaluate.savings.guarantee import violations_needed
from tasks.evaluate.savings.measure_savings import Savings

_HEAD = f"{'policy':14}{'per 1,000':>11}{'of plain':>10}{'F1':>8}{'recall':>8}{'precision':>11}{'loses at most':>15}"


def describe_savings(savings: Savings) -> list[str]:
    """The savings for a terminal."""
    counts = f"{savings.item_count:,} comments, {savings.violation_count:,} of them violations"
    lines = [f"{savings.set_name} v{savings.version}: {counts}; at the prices of batch, from stored answers", _HEAD]
    lines += map(_policy_line, savings.policies)
    lines += [f"{policy} is not scored: {reason}" for policy, reason in savings.lacking.items()]
    if any(row.policy == "cached" for row in savings.replay):
        lines.append(_cache_line(savings.cached_share))
    for policy in savings.proved:
        lines += _thresholds(savings, policy)
    return [*lines, *_labels_lines(savings)]


def _policy_line(row: PolicySavings) -> str:
    figures = f"{percent(row.f1):>8}{percent(row.recall):>8}{percent(row.precision):>11}"
    return (
        f"{row.policy:14}{_price(row.cost_per_1000_usd):>11}{percent(row.cost_ratio):>10}{figures}"
        f"{percent(row.recall_loss_high):>15}"
    )


def _price(usd: float | None) -> str:
    return NONE if usd is None else dollars(usd)


def _cache_line(share: float | None) -> str:
    if share is None:
        return "cached: no two nights are published, so its price is that of a cache which serves nothing"
    return f"cached: of the newest night's texts {percent(share)} were judged in the days before"


def _thresholds(savings: Savings, policy: str) -> Iterator[str]:
    rows = [row for row in savings.replay if row.policy == policy]
    yield f"{policy}: its {rows[0].step} step at other thresholds (* as the policy says it)"
    yield f"{'clear from':>12}{'per 1,000':>12}{'recall (95 %)':>26}{'lost':>12}{'loses at most':>15}"
    yield from map(_threshold_line, rows)
    proved, margin = savings.proved[policy], percent(savings.margin)
    if proved is None:
        yield f"these labels prove no threshold that loses at most {margin}"
    else:
        yield f"these labels prove {proved.threshold:g}: it loses at most {percent(proved.bound)}"


def _threshold_line(row: ReplayRow) -> str:
    recall = f"{percent(row.recall)} ({percent(row.recall_low)} to {percent(row.recall_high)})"
    lost = f"{row.lost:,} of {row.violations:,}"
    mark = "*" if row.is_shipped else " "
    return (
        f"{row.threshold:>11g}{mark}{_price(row.cost_per_1000_usd):>12}{recall:>26}{lost:>12}"
        f"{percent(row.recall_loss_high):>15}"
    )


def _labels_lines(savings: Savings) -> Iterator[str]:
    margin = percent(savings.margin)
    none_lost = violations_needed(0, 0, savings.margin)
    risky = [row for row in savings.policies if row.recall_loss_high]
    for row in risky:
        if row.needs_labels is not None:
            yield f"{row.policy}: about {row.needs_labels:,} labels more would prove that it loses at most {margin}"
        elif row.recall_loss_high is not None and row.recall_loss_high > savings.margin:
            yield f"{row.policy}: these labels speak against a loss of at most {margin}"
    if risky:
        yield f"(a loss of at most {margin} takes {none_lost:,} labelled violations of which none is lost)"
