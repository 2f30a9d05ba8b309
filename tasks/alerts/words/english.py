"""Alerts in English; what a stopped night means, and what to do about it, is said by `tasks/base/advice.py`."""

from __future__ import annotations

from tasks.alerts.words.forms import Words
from tasks.base.advice import OF_NIGHTS, UNEXPECTED
from tasks.base.ports import Severity
from tasks.measure.detect.rules import Group

ENGLISH = Words(
    titles={
        "opened": "{where} [{severity}] {group}: {headline}",
        "escalated": "{where} [{severity}] {group}, was {before}: {headline}",
        "added": "{where} [{severity}] {group}, also: {headline}",
        "reminded": "{where} [{severity}] {group}, day {days}: {headline}",
        "recovered": "{where} [ok] {group}: over on day {days}",
        "dropped": "{where} [report] {group}: no longer watched: {headline}",
    },
    leads={
        "quality": "The verdicts of {day} are published, and the signs are that more of them are wrong than before.",
        "outputs": "The verdicts of {day} are published, and are unlike those of earlier nights. Whether they are "
        "wrong is not known yet.",
        "inputs": "The verdicts of {day} are published. What came in is unlike earlier nights.",
        "pipeline": "The verdicts of {day} are published, but not everything worked as it should.",
        "money": "The verdicts of {day} are published, and cost more than expected.",
        "blind": "The verdicts of {day} are published. How good they are, nobody can tell: labels have stopped coming.",
    },
    occasions={
        "escalated": "This was a {before} since {opened}. Now it is a {severity}.",
        "added": "Something of this group has been open since {opened}. What is new comes first.",
        "reminded": "It has been open since {opened}. The next reminder comes in {remind} days.",
        "woken": "The snooze is over. It has been open since {opened}.",
        "recovered": "What people were told of since {opened} is over. Nothing needs to be done.",
        "dropped": "It was open since {opened}. Nobody saw it end, and it is too old to be looked at.",
    },
    severities={
        Severity.PAGE: "Severity: page. Somebody should look now.",
        Severity.TICKET: "Severity: ticket. The next working day is soon enough.",
        Severity.REPORT: "Severity: report. For information.",
    },
    groups={group: str(group) for group in Group},
    advice={
        Group.QUALITY: "Do: see in the report which labels and verdicts differ. If prompt or model changed, set "
        "MODERATION_PROMPT_VERSION or MODERATION_MODEL_ID back; until then do not act on verdicts unseen.",
        Group.OUTPUTS: "Do: read the example comments. If the verdicts are right, the site has changed; if not, treat "
        "it as a loss of quality.",
        Group.INPUTS: "Do: ask upstream what changed (an export, a campaign, a wave of spam). Verdicts may well be "
        "right.",
        Group.PIPELINE: "Do: see why answers failed with the command below. Comments without an answer have no "
        "verdict. A backfill in mode partial asks for these alone, and pays for these alone; refused ones are for "
        "people.",
        Group.MONEY: "Do: compare tokens per comment with earlier nights: a longer prompt, longer comments or a dearer "
        "model. MODERATION_MAX_COST_USD holds the next night back.",
    },
    metrics={
        "volume": "comments received",
        "text_length_log": "mean log length of a comment",
        "language_share": "share of comments by language",
        "product_share": "share of comments by product",
        "duplicate_rate": "comments that repeat another",
        "oov_rate": "words never seen before",
        "text_shift": "the texts' distance from the first days",
        "violation_rate": "comments judged violations",
        "violation_category_share": "share of violations by category",
        "input_tokens_log": "mean log input tokens",
        "output_tokens_log": "mean log output tokens",
        "rejected_rate": "rows that broke the contract",
        "malformed_rate": "answers that break the contract",
        "refused_rate": "comments the model refused to judge",
        "error_rate": "records that Bedrock failed",
        "missing_rate": "records without an answer",
        "cost_usd": "dollars paid",
        "label_error_rate": "labels that cannot be used",
        "accuracy": "verdicts that agree with the labels",
        "golden_flip_rate": "golden comments judged anew",
        "golden_accuracy": "golden comments judged as expected",
        "attack_success_rate": "golden attacks that succeeded",
        "overturn_rate": "verdicts that people overturned",
        "precision": "flags that labelers agree with",
        "recall": "labelled violations that were flagged",
        "f1": "F1 of the flags",
        "prevalence": "comments that labelers call violations",
    },
    stopped={"": str(UNEXPECTED)} | {name: str(advice) for name, advice in OF_NIGHTS.items()},
    reasons={
        "shift": "The evidence of this and earlier nights has reached its limit of {evidence_limit}",
        "jump": "{statistic} deviations in one night",
        "no_input": "No comments came in",
        "incomplete": "{x} of {n} answers failed so; with the other failures these are more than a night may have",
        "no_labels": "No labels came, and earlier days had some",
    },
    silences={
        "no_input": "no comments came in",
        "no_labels": "no labels came",
    },
    phrases={
        "between_ids": ", ",
        "part": " ({part})",
        "of_day": " on {day}",
        "between_facts": ", ",
        "expected": "expected {value}",
        "change": "a change of {effect}, limit {threshold}",
        "interval": "95% interval {low} to {high}",
        "n": "n {n}",
        "since": "since {day}",
        "reason": ". {reason}",
        "points": "{points} points",
        "unknown": "unknown",
        "amount": "{name} {value}",
        "amount_expected": "{name} {value}, expected {baseline}",
        "silence": "{name}: {silence}",
        "and_more": "{headline} (+{count})",
        "unknown_now": "- {name}: was degraded, no news of it tonight",
        "ok": "- {name}: as it should be",
        "ok_now": "- {name}: {value} now, expected {baseline}",
        "moved": "  moved most: {slices}",
        "slice": "{part} {value} (expected {baseline})",
        "problem": "- {text}",
        "advice": "  Do: {text}",
        "over": "- over: {head}",
        "dropped": "- never seen to end: {head}",
        "new": "NEW",
        "still": "STILL OPEN",
        "prompt": "On {day} the prompt changed from {before} to {after}.",
        "model": "On {day} the model changed from {before} to {after}.",
        "same_versions": "Prompt and model are the same as on {first}.",
        "event": "Announced: {name}, {first} to {last}. What came in may differ because of that.",
        "hours": "{count} h",
        "minutes": "{count} min",
        "examples": "  for example comments {ids}",
        "more": "- and {count} more",
        "run": "Run {run} of {day}.",
        "report": "Report: {uri}",
        "runbook": "Runbook: {place}",
        "open": "Open: {link}",
        "next": "Next: {command}",
        "snooze": "Snooze: {command}",
    },
)
