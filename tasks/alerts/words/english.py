"""Alerts in English; what a stopped night means, and what to do about it, is said by `tasks/base/advice.py`."""

from __future__ import annotations

from tasks.alerts.words.forms import Words
from tasks.base.advice import OF_NIGHTS, UNEXPECTED
from tasks.base.ports import Severity
from tasks.measure.detect.rules import Group

ENGLISH = Words(
    titles={
        "one": "nightly {day}: 1 measure degraded ({groups})",
        "opening": "nightly {day}: {count} measures degraded ({groups})",
        "worse": "nightly {day}: more is degraded, {count} in all ({groups})",
        "reminder": "nightly {day}: still degraded, night {nights} ({groups})",
        "recovery": "nightly {day}: ok again, was degraded since {opened} ({groups})",
        "stopped": "nightly {day} stopped: {error}",
    },
    leads={
        "one": "The verdicts of {day} are published, but 1 measure is degraded.",
        "opening": "The verdicts of {day} are published, but {count} measures are degraded.",
        "worse": "The verdicts of {day} are published. Something is degraded since {opened}, and tonight more is.",
        "reminder": "The verdicts of {day} are published. Night {nights} since {opened} that is not ok; "
        "the next reminder comes in {remind} nights.",
        "recovery": "What was degraded since {opened} is ok again on {day}. Nothing needs to be done.",
        "stopped": "The night of {day} stopped with {error}; nothing new was published.",
        "stopped_after": "The night of {day} stopped with {error} after its verdicts were published: readers see them, "
        "but measurements or report may be lacking, and the night is not closed.",
    },
    severities={
        Severity.PAGE: "Severity: page. Somebody should look now.",
        Severity.TICKET: "Severity: ticket. The next working day is soon enough.",
        Severity.REPORT: "Severity: report. For information.",
    },
    groups={group: str(group) for group in Group},
    headings={group: str(group).upper() for group in Group},
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
    },
    metrics={
        "volume": "comments received",
        "text_length_log": "mean log length of a comment",
        "language_share": "share of comments by language",
        "product_share": "share of comments by product",
        "duplicate_rate": "comments that repeat another",
        "oov_rate": "words never seen before",
        "text_shift": "distance of the texts from those of the first days",
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
        "attack_success_rate": "attacks of the golden pack that succeeded",
        "overturn_rate": "verdicts that people overturned",
        "precision": "flagged comments that labelers flagged too",
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
    phrases={
        "between_groups": ", ",
        "between_ids": ", ",
        "measure": "- {name}: {facts}",
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
        "waiting": "- {name}: cannot tell tonight",
        "ok": "- {name}: ok",
        "examples": "  for example comments {ids}",
        "more": "- and {count} more in the metrics table",
        "run": "Run {run} of {day}.",
        "report": "Report: {uri}",
        "runbook": "Runbook: {place}",
        "next": "Next: {command}",
    },
)
