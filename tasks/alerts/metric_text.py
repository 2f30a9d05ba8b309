"""A degraded metric in words: what, how much against what, since when, on how many, and why; never a comment's text.

The sentences are in `words`, a module a language; the numbers come from the row of the metrics table, and the reason
from its code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from data_contracts.tables.metrics import Kind, MetricRow
from tasks.alerts.words import WORDS, Words
from tasks.base.safe_text import safe_id, safe_text

#: Longest reason that an alert repeats.
MAX_REASON_CHARS = 600
#: Slices that are named as those that moved most.
MAX_MOVED = 3
#: Metrics that say more of another one, beside its slices.
_PARTS_OF = {"accuracy": ("precision", "recall")}


def describe(row: MetricRow, run_date: date | None = None, words: Words = WORDS["en"]) -> str:
    """One degraded measurement in one line: what, how much against what, since when, on how many, and why.

    Args:
        row: of the metrics table.
        run_date: the night that it is told of; a measurement of another day says so.
        words: the language's sentences.
    """
    say = words.phrases
    name = _name(row, words)
    if run_date is not None and row.date != run_date:
        name += say["of_day"].format(day=row.date)
    facts = [amount(row, row.value, words)]
    if row.baseline is not None:
        facts.append(say["expected"].format(value=amount(row, row.baseline, words)))
    if row.effect is not None and row.threshold is not None:
        threshold = _change(row, row.threshold, words, signed=False)
        facts.append(say["change"].format(effect=_change(row, row.effect, words), threshold=threshold))
    if row.ci_low is not None:
        low, high = amount(row, row.ci_low, words), amount(row, row.ci_high, words)
        facts.append(say["interval"].format(low=low, high=high))
    if row.kind is not Kind.COUNT and row.n is not None:
        facts.append(say["n"].format(n=f"{row.n:,}"))
    if row.since is not None:
        facts.append(say["since"].format(day=row.since))
    line = f"{name}: {say['between_facts'].join(facts)}"
    reason = _reason(row, words)
    return line + say["reason"].format(reason=safe_text(reason, MAX_REASON_CHARS)) if reason else line


def headline(row: MetricRow, words: Words) -> str:
    """The measurement in a few words, for a title."""
    say, name = words.phrases, _name(row, words)
    if row.value is None or row.reason_code == "no_input":
        silence = words.silences.get(row.reason_code or "", say["unknown"])
        return say["silence"].format(name=name, silence=silence)
    value = amount(row, row.value, words)
    if row.baseline is None:
        return say["amount"].format(name=name, value=value)
    return say["amount_expected"].format(name=name, value=value, baseline=amount(row, row.baseline, words))


def how_it_is_now(row: MetricRow, words: Words) -> str:
    """A measurement that is as it should be again."""
    if row.value is None or row.baseline is None:
        return words.phrases["ok"].format(name=_name(row, words))
    value, baseline = amount(row, row.value, words), amount(row, row.baseline, words)
    return words.phrases["ok_now"].format(name=_name(row, words), value=value, baseline=baseline)


def find_moved(row: MetricRow, rows: Iterable[MetricRow]) -> tuple[MetricRow, ...]:
    """The parts of a whole that moved most the same way, the furthest first; none for what is a part itself."""
    if row.slice != "all" or not row.effect:
        return ()
    others = _PARTS_OF.get(row.metric, ())
    parts = (
        part
        for part in rows
        if part.date == row.date
        and ((part.metric == row.metric and part.slice != "all") or (part.metric in others and part.slice == "all"))
    )
    moved = [part for part in parts if part.effect is not None and part.effect * row.effect > 0]
    return tuple(sorted(moved, key=_furthest)[:MAX_MOVED])


def describe_moved(rows: Sequence[MetricRow], words: Words) -> Iterator[str]:
    """The parts that moved most, in one line."""
    say = words.phrases
    if rows:
        slices = (
            say["slice"].format(
                part=safe_id(row.slice) if row.slice != "all" else words.metric(row.metric),
                value=amount(row, row.value, words),
                baseline=amount(row, row.baseline, words),
            )
            for row in rows
        )
        yield say["moved"].format(slices=say["between_facts"].join(slices))


def amount(row: MetricRow, value: float | None, words: Words) -> str:
    """A number in the metric's own unit."""
    if value is None:
        return words.phrases["unknown"]
    if row.kind is Kind.RATE:
        return f"{value:.1%}"
    if row.metric == "cost_usd":
        return f"${value:,.2f}"
    return f"{value:,.0f}" if row.kind is Kind.COUNT else f"{value:.2f}"


def _name(row: MetricRow, words: Words) -> str:
    name = words.metric(row.metric)
    return name if row.slice == "all" else name + words.phrases["part"].format(part=safe_id(row.slice))


def _change(row: MetricRow, value: float, words: Words, *, signed: bool = True) -> str:
    plus = "+" if signed else ""
    if row.kind is Kind.RATE:
        return words.phrases["points"].format(points=f"{100 * value:{plus}.1f}")
    if row.kind is Kind.COUNT and row.baseline:
        return f"{100 * value / row.baseline:{plus}.0f}%"
    return f"{value:{plus}.2f}"


def _reason(row: MetricRow, words: Words) -> str:
    """Why it is degraded, by its reason code; a row of an earlier version has none and says it in English."""
    if row.reason_code is None or row.reason_code not in words.reasons:
        return row.reason or ""
    numbers = {"x": row.x, "n": row.n, "evidence_limit": row.evidence_limit}
    facts = {name: words.phrases["unknown"] if value is None else f"{value:,.0f}" for name, value in numbers.items()}
    facts["statistic"] = words.phrases["unknown"] if row.statistic is None else f"{abs(row.statistic):,.0f}"
    return words.reasons[row.reason_code].format_map(facts)


def _furthest(row: MetricRow) -> tuple[float, float, str, str]:
    return -abs(row.statistic or 0.0), -abs(row.effect or 0.0), row.metric, row.slice
