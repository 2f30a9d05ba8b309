"""What an alert says: plain text that any channel can show, with ids and numbers but never a comment's text."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from data_contracts.metrics import Kind
from tasks.metric_history import Row
from tasks.metric_rules import RULES, Change, Group, Scale
from tasks.paths import RunPaths
from tasks.ports import AlertMessage

#: Longest id, and longest reason, that an alert repeats.
MAX_ID_CHARS = 64
MAX_REASON_CHARS = 600
#: Measures described one by one; the rest are counted.
MAX_MEASURES = 12

#: What stopped the night, and what the operator can do about it.
_ADVICE = {
    "InputAbsent": "The day has no input: check the upstream export.",
    "InputChanged": "Input files were replaced while the night ran: run the day again.",
    "SchemaDrift": "The upstream export changed its columns: have it fixed, or widen the contract.",
    "TooManyRejected": "Too many rows broke the contract; nothing was sent to Bedrock: look at the input.",
    "BelowMinimum": "There are fewer comments than a batch job takes.",
    "OverBudget": "The estimate is over the budget; nothing was submitted: raise MODERATION_MAX_COST_USD or look why.",
    "BedrockRefused": "Bedrock will not take the job; asking again will not help before the cause is removed.",
    "JobFailed": "A batch job failed as a whole; what was answered is kept.",
    "DeadlinePassed": "The jobs did not end in time; the next run adopts them and pays nothing twice.",
    "TooFewJudged": "Too few comments were judged to publish; what was answered is kept for the next run.",
    "Unbalanced": "Rows were lost or made up on the way: a defect of this program; nothing was published.",
    "SettingsInvalid": "A setting is missing or wrong.",
    "PromptInvalid": "The prompt file does not say what it must.",
    "UnsupportedModel": "No model family answers to this model id.",
    "StorageRefused": "S3 refused for a reason that stays, such as a missing bucket or permission.",
    "StorageUnavailable": "S3 did not answer as it should, also after retries: run the day again later.",
    "BedrockUnavailable": "Bedrock did not answer as it should, also after retries: run the day again later.",
    "QuotaReached": "Bedrock takes no further job until one of the account's jobs ends: run the day again later.",
}
#: Signs that make a mention, a link or a tag of a word in chat and mail, and what stands for them.
_HARMLESS = str.maketrans("<>@`*", "‹›＠'·")
_UNKNOWN_ADVICE = "An unexpected error; what was answered is kept, and running the day again pays nothing twice."


class Finding(NamedTuple):
    """A degraded measurement and, where they help, ids of comments that show it."""

    row: Row
    comment_ids: tuple[str, ...] = ()


def degraded_message(findings: Sequence[Finding], paths: RunPaths) -> AlertMessage:
    """One alert for everything that is degraded tonight, by group, the largest deviation of each group first."""
    groups = {group: [item for item in findings if _group(item) is group] for group in Group}
    named = [group for group, items in groups.items() if items]
    measures = "1 measure" if len(findings) == 1 else f"{len(findings)} measures"
    are = "is" if len(findings) == 1 else "are"
    lines = [f"The verdicts of {paths.run_date} are published, but {measures} {are} degraded."]
    room = MAX_MEASURES
    for group in named:
        items = sorted(groups[group], key=_order)
        lines += ["", str(group).upper(), *(line for item in items[: max(room, 0)] for line in _lines(item))]
        if len(items) > max(room, 0):
            lines.append(f"- and {len(items) - max(room, 0)} more in the metrics table")
        room -= len(items)
    lines += ["", *_footer(paths), f"Next: {_query(paths, named)}"]
    title = f"nightly {paths.run_date}: {measures} degraded ({', '.join(named)})"
    return AlertMessage(
        title=title, body="\n".join(lines), is_failure=Group.QUALITY in named or Group.PIPELINE in named
    )


def stopped_message(error_name: str, reason: str, paths: RunPaths) -> AlertMessage:
    """The alert of a night that was not published."""
    name = safe_id(error_name)
    lines = [
        f"The night of {paths.run_date} stopped with {name}; nothing new was published.",
        safe_text(reason, MAX_REASON_CHARS),
        "",
        _ADVICE.get(error_name, _UNKNOWN_ADVICE),
        *_footer(paths, has_report=False),
        f"Next: python -m flows nightly --run-date {paths.run_date}",
    ]
    return AlertMessage(title=f"nightly {paths.run_date} stopped: {name}", body="\n".join(lines), is_failure=True)


def reason_key(error_name: str, reason: str) -> str:
    """What makes two stopped nights the same incident."""
    return hashlib.sha256(f"{error_name}\x1f{reason}".encode()).hexdigest()[:16]


def describe(row: Mapping[str, object]) -> str:
    """One degraded measurement in one line: what, how much against what, since when, on how many."""
    rule = RULES[str(row["metric"])]
    part = "" if row["slice"] == "all" else f" ({safe_id(str(row['slice']))})"
    facts = [f"{rule.words}{part}: {_amount(row, 'value')}"]
    if row["baseline"] is not None:
        facts.append(f"expected {_amount(row, 'baseline')}")
    if row["effect"] is not None and row["threshold"] is not None:
        facts.append(f"a change of {_change(row, 'effect')}, limit {_change(row, 'threshold', signed=False)}")
    if row["ci_low"] is not None:
        facts.append(f"95% interval {_amount(row, 'ci_low')} to {_amount(row, 'ci_high')}")
    if row["kind"] != Kind.COUNT:
        facts.append(f"n {row['n']:,}")
    facts.append(f"since {row['since']}")
    reason = f". {safe_text(str(row['reason']), MAX_REASON_CHARS)}" if row["reason"] else ""
    return ", ".join(facts) + reason


def safe_id(text: str) -> str:
    """An id as any channel can show it: letters, digits and a few signs, never a mention, a link or hidden marks."""
    kept = "".join(sign if sign.isalnum() or sign in "-_.=+#" else "?" for sign in text[: MAX_ID_CHARS + 1])
    return kept if len(kept) <= MAX_ID_CHARS else kept[: MAX_ID_CHARS - 1] + "…"


def safe_text(text: str, most: int) -> str:
    """A line of words of at most `most` characters, without control or bidirectional characters, mentions or markup."""
    plain = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text[: 4 * most])
    folded = " ".join(plain.split()).translate(_HARMLESS)
    return folded if len(folded) <= most else folded[: most - 1] + "…"


def _group(item: Finding) -> Group:
    return RULES[item.row["metric"]].group


def _order(item: Finding) -> tuple[float, str, str]:
    return -abs(item.row["statistic"] or 0.0), item.row["metric"], item.row["slice"]


def _lines(item: Finding) -> list[str]:
    shown = ", ".join(safe_id(comment_id) for comment_id in item.comment_ids)
    return [f"- {describe(item.row)}", *([f"  for example comments {shown}"] if shown else [])]


def _amount(row: Mapping[str, object], column: str) -> str:
    value = row[column]
    if not isinstance(value, float | int):
        return "unknown"
    if row["kind"] == Kind.RATE:
        return f"{value:.1%}"
    if row["metric"] == "cost_usd":
        return f"${value:,.2f}"
    return f"{value:,.0f}" if row["kind"] == Kind.COUNT else f"{value:.2f}"


def _change(row: Mapping[str, object], column: str, *, signed: bool = True) -> str:
    value, rule = row[column], RULES[str(row["metric"])]
    baseline = row["baseline"]
    if not isinstance(value, float | int):
        return "unknown"
    plus = "+" if signed else ""
    if rule.scale is Scale.SHARE:
        return f"{100 * value:{plus}.1f} points"
    if rule.change is Change.RELATIVE and rule.scale is Scale.TOTAL and isinstance(baseline, float) and baseline > 0:
        return f"{100 * value / baseline:{plus}.0f}%"
    return f"{value:{plus}.2f}"


def _footer(paths: RunPaths, *, has_report: bool = True) -> list[str]:
    report = [f"Report: {paths.file('report.html')}"] if has_report else []
    return [f"Run {safe_id(paths.run_id)} of {paths.run_date}.", *report]


def _query(paths: RunPaths, groups: Sequence[Group]) -> str:
    """A command that shows more: why answers failed, or every degraded measure."""
    if groups == [Group.PIPELINE]:
        words = ("SELECT status, status_detail, count(*) FROM", "verdicts", "GROUP BY ALL ORDER BY 3 DESC")
    else:
        words = ("SELECT metric, slice, value, baseline, reason FROM", "metrics", "WHERE state = 'degraded'")
    select, table, rest = words
    return f"duckdb -c \"{select} '{paths.plain(table)}' {rest}\""
