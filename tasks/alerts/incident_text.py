"""What an alert says: plain text that any channel can show, with ids and numbers but never a comment's text.

The sentences are in `words`, a module a language; what goes into them is put together here.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from data_contracts.tables.metrics import Kind, MetricRow
from tasks.alerts.incidents import REMIND_NIGHTS, Incident, News, Trouble
from tasks.alerts.words import WORDS, Words
from tasks.base.advice import runbook_place
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertMessage, Severity
from tasks.base.safe_text import safe_id, safe_text
from tasks.measure.detect.rules import Group, rule_of

#: Longest reason that an alert repeats.
MAX_REASON_CHARS = 600
#: Measures described one by one; the rest are counted.
MAX_MEASURES = 12


#: Measures of answers that a backfill in mode partial asks for again; a refusal stays one.
_ASKED_AGAIN = frozenset({"malformed_rate", "error_rate", "missing_rate"})


class Finding(NamedTuple):
    """A degraded measurement and, where they help, ids of comments that show it."""

    row: MetricRow
    comment_ids: tuple[str, ...] = ()


def degraded_message(
    findings: Sequence[Finding],
    paths: RunPaths,
    news: News = News.OPENING,
    incident: Incident | None = None,
    waiting: Sequence[str] = (),
) -> AlertMessage:
    """One alert for everything that is degraded tonight, by group, the largest deviation of each group first.

    Args:
        findings: what is degraded; may be empty in a reminder of what tonight cannot tell.
        paths: of the run.
        news: why it is told: it begins, gets worse or goes on.
        incident: what began on an earlier night.
        waiting: metrics of the incident of which tonight cannot tell.
    """
    words = _words(paths)
    groups = {group: sorted((item for item in findings if _group(item) is group), key=_order) for group in Group}
    named = [group for group in Group if groups[group] or any(rule_of(metric).group is group for metric in waiting)]
    facts = _facts(paths, len(findings), incident)
    key = "one" if news is News.OPENING and len(findings) == 1 else str(news)
    troubles = {Trouble.of(item.row) for item in findings}
    severity = _most_urgent(troubles or (incident.troubles if incident else ()))
    lines = [words.leads[key].format_map(facts), words.severities[severity]]
    room = MAX_MEASURES
    for group in named:
        items = groups[group]
        lines += ["", words.headings[group]]
        lines += [line for item in items[: max(room, 0)] for line in _lines(item, paths.run_date, words)]
        if len(items) > max(room, 0):
            lines.append(words.phrases["more"].format(count=len(items) - max(room, 0)))
        lines += [
            words.phrases["waiting"].format(name=words.metric(metric))
            for metric in waiting
            if rule_of(metric).group is group
        ]
        lines.append(words.advice[group])
        room -= len(items)
    lines += [
        "",
        *_footer(paths, words),
        *(words.phrases["next"].format(command=command) for command in _commands(paths, named, findings)),
    ]
    return _message(paths, key, facts, named, lines, severity)


def recovery_message(paths: RunPaths, incident: Incident) -> AlertMessage:
    """What a channel gets when everything that it heard of is ok again."""
    words = _words(paths)
    metrics = sorted({trouble.metric for trouble in incident.troubles})
    facts = _facts(paths, len(metrics), incident)
    lines = [words.leads["recovery"].format_map(facts)]
    lines += [words.phrases["ok"].format(name=words.metric(metric)) for metric in metrics]
    named = [group for group in Group if any(rule_of(metric).group is group for metric in metrics)]
    severity = _most_urgent(incident.troubles)
    return _message(paths, "recovery", facts, named, [*lines, "", *_footer(paths, words)], severity)


def stopped_message(error_name: str, reason: str, paths: RunPaths, *, is_published: bool = False) -> AlertMessage:
    """The alert of a night that was not closed; `is_published` if its verdicts are what readers see now."""
    words = _words(paths)
    facts = {"day": str(paths.run_date), "error": safe_id(error_name)}
    lines = [
        words.leads["stopped_after" if is_published else "stopped"].format_map(facts),
        words.severities[Severity.PAGE],
        safe_text(reason, MAX_REASON_CHARS),
        "",
        words.stopped.get(error_name, words.stopped[""]),
        words.phrases["runbook"].format(place=runbook_place(error_name)),
        *_footer(paths, words, has_report=False),
        words.phrases["next"].format(command=f"python -m flows nightly --run-date {paths.run_date}"),
    ]
    return _message(paths, "stopped", facts, [], lines, Severity.PAGE)


def reason_key(error_name: str, reason: str) -> str:
    """What makes two stopped nights the same incident."""
    return hashlib.sha256(f"{error_name}\x1f{reason}".encode()).hexdigest()[:16]


def describe(row: MetricRow, run_date: date | None = None, words: Words = WORDS["en"]) -> str:
    """One degraded measurement in one line: what, how much against what, since when, on how many, and why.

    Args:
        row: of the metrics table.
        run_date: the night that it is told of; a measurement of another day says so.
        words: the language's sentences.
    """
    say = words.phrases
    name = words.metric(row.metric)
    if row.slice != "all":
        name += say["part"].format(part=safe_id(row.slice))
    if run_date is not None and row.date != run_date:
        name += say["of_day"].format(day=row.date)
    facts = [_amount(row, row.value, words)]
    if row.baseline is not None:
        facts.append(say["expected"].format(value=_amount(row, row.baseline, words)))
    if row.effect is not None and row.threshold is not None:
        threshold = _change(row, row.threshold, words, signed=False)
        facts.append(say["change"].format(effect=_change(row, row.effect, words), threshold=threshold))
    if row.ci_low is not None:
        low, high = _amount(row, row.ci_low, words), _amount(row, row.ci_high, words)
        facts.append(say["interval"].format(low=low, high=high))
    if row.kind is not Kind.COUNT and row.n is not None:
        facts.append(say["n"].format(n=f"{row.n:,}"))
    if row.since is not None:
        facts.append(say["since"].format(day=row.since))
    line = f"{name}: {say['between_facts'].join(facts)}"
    reason = _reason(row, words)
    return line + say["reason"].format(reason=safe_text(reason, MAX_REASON_CHARS)) if reason else line


def _reason(row: MetricRow, words: Words) -> str:
    """Why it is degraded, by its reason code; a row of an earlier version has none and says it in English."""
    if row.reason_code is None or row.reason_code not in words.reasons:
        return row.reason or ""
    numbers = {"x": row.x, "n": row.n, "evidence_limit": row.evidence_limit}
    facts = {name: words.phrases["unknown"] if value is None else f"{value:,.0f}" for name, value in numbers.items()}
    facts["statistic"] = words.phrases["unknown"] if row.statistic is None else f"{abs(row.statistic):,.0f}"
    return words.reasons[row.reason_code].format_map(facts)


def _words(paths: RunPaths) -> Words:
    return WORDS[paths.settings.language]


def _facts(paths: RunPaths, count: int, incident: Incident | None) -> dict[str, str]:
    opened = incident.opened if incident else paths.run_date
    nights = (paths.run_date - opened).days + 1
    numbers = {"count": count, "nights": nights, "remind": REMIND_NIGHTS}
    return {"day": str(paths.run_date), "opened": str(opened), **{name: str(value) for name, value in numbers.items()}}


def _message(
    paths: RunPaths,
    key: str,
    facts: dict[str, str],
    groups: Sequence[Group],
    lines: Sequence[str],
    severity: Severity,
) -> AlertMessage:
    def title(words: Words) -> str:
        named = words.phrases["between_groups"].join(words.groups[group] for group in groups)
        return words.titles[key].format_map({**facts, "groups": named})

    return AlertMessage(
        title=title(_words(paths)),
        ascii_title=title(WORDS["en"]),
        body="\n".join(lines),
        severity=severity,
        is_recovery=key == "recovery",
    )


def _most_urgent(troubles: Iterable[Trouble]) -> Severity:
    return min((trouble.severity for trouble in troubles), key=lambda severity: severity.rank)


def _group(item: Finding) -> Group:
    return rule_of(item.row.metric).group


def _order(item: Finding) -> tuple[float, str, str, date]:
    return -abs(item.row.statistic or 0.0), item.row.metric, item.row.slice, item.row.date


def _lines(item: Finding, run_date: date, words: Words) -> list[str]:
    shown = words.phrases["between_ids"].join(safe_id(comment_id) for comment_id in item.comment_ids)
    examples = [words.phrases["examples"].format(ids=shown)] if shown else []
    return [f"- {describe(item.row, run_date, words)}", *examples]


def _amount(row: MetricRow, value: float | None, words: Words) -> str:
    if value is None:
        return words.phrases["unknown"]
    if row.kind is Kind.RATE:
        return f"{value:.1%}"
    if row.metric == "cost_usd":
        return f"${value:,.2f}"
    return f"{value:,.0f}" if row.kind is Kind.COUNT else f"{value:.2f}"


def _change(row: MetricRow, value: float, words: Words, *, signed: bool = True) -> str:
    plus = "+" if signed else ""
    if row.kind is Kind.RATE:
        return words.phrases["points"].format(points=f"{100 * value:{plus}.1f}")
    if row.kind is Kind.COUNT and row.baseline:
        return f"{100 * value / row.baseline:{plus}.0f}%"
    return f"{value:{plus}.2f}"


def _footer(paths: RunPaths, words: Words, *, has_report: bool = True) -> list[str]:
    report = [words.phrases["report"].format(uri=paths.file("report.html"))] if has_report else []
    return [words.phrases["run"].format(run=safe_id(paths.run_id), day=paths.run_date), *report]


def _commands(paths: RunPaths, groups: Sequence[Group], findings: Sequence[Finding]) -> Iterator[str]:
    """What to run next, as printed: every degraded measure, why answers failed, and what asks for the missing ones."""
    if groups != [Group.PIPELINE]:
        columns = '"metric", "slice", "value", "baseline", "reason"'
        yield _query(paths.plain("metrics"), f'.filter(pl.col("severity").is_not_null()).select({columns})')
    if Group.PIPELINE in groups:
        rest = '.group_by("status", "status_detail").len().sort("len", descending=True)'
        yield _query(paths.plain("verdicts"), rest)
    if days := sorted({item.row.date for item in findings if item.row.metric in _ASKED_AGAIN}):
        yield (
            f"python -m flows backfill --mode partial --start-date {days[0]} --end-date {days[-1]} "
            '--reason "missing answers"'
        )


def _query(table: str, rest: str) -> str:
    """A query that takes nothing but this project's own environment; `date` is in the file and in its path."""
    wide = "pl.Config(tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=200)"
    read = f"pl.read_parquet({json.dumps(table, ensure_ascii=False)}, hive_partitioning=False)"
    return f"python -c {shlex.quote(f'import polars as pl; {wide}; print({read}{rest})')}"
