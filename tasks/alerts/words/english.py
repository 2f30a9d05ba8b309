"""Alerts in English."""

from __future__ import annotations

from tasks.alerts.words.forms import Words
from tasks.base.ports import Severity
from tasks.measure.metric_rules import RULES, Group

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
        "verdict: have them looked at, or run the day again with a higher epoch, which pays for it again.",
    },
    metrics={metric: rule.words for metric, rule in RULES.items()},
    stopped={
        "": "An unexpected error; what was answered is kept, and running the day again pays nothing twice.",
        "InputAbsent": "The day has no input: check the upstream export.",
        "InputIncomplete": "Upstream did not say that the day is complete; running it by hand judges what is there.",
        "InputChanged": "Input files were replaced while the night ran: run the day again.",
        "SchemaDrift": "The upstream export changed its columns: have it fixed, or widen the contract.",
        "TooManyRejected": "Too many rows broke the contract; nothing was sent to Bedrock: look at the input.",
        "CriticalExpectationFailed": "The day as a whole is not what it should be; nothing was sent to Bedrock: "
        "look at the input and the upstream export.",
        "BelowMinimum": "There are fewer comments than a batch job takes.",
        "OverBudget": "The estimate is over the budget; nothing was submitted: raise MODERATION_MAX_COST_USD or look "
        "why.",
        "CanaryFailed": "The model does not take the night's request, tried on one comment; nothing was submitted: "
        "compare prompt and model.",
        "BedrockRefused": "Bedrock will not take the job; asking again will not help before the cause is removed.",
        "JobUnknown": "Bedrock does not know a job of this day: compare account and Region with those that made it.",
        "JobFailed": "A batch job failed as a whole; what was answered is kept.",
        "DeadlinePassed": "The jobs did not end in time; the next run adopts them and pays nothing twice.",
        "TooFewJudged": "Too few comments were judged to publish; what was answered is kept for the next run.",
        "DayInUse": "Another run works on the day: wait until it ends, or see what holds it up.",
        "StartedTooOften": "The run crashed each time: look at its states and logs, then start a new run of the day.",
        "LeaseLost": "Another run took the day over: this one wrote nothing more, see how that one ends.",
        "IllegalMove": "The day's ledger would have been written wrongly: a defect of this program; it stays as it "
        "was. Open an issue with the line above before running the day again.",
        "Unbalanced": "Rows were lost or made up on the way: a defect of this program; nothing was published.",
        "LibraryPanicked": "A library gave up; what was answered is kept, and running the day again pays nothing "
        "twice. Look first at the input that the reason names.",
        "SettingsInvalid": "A setting is missing or wrong.",
        "PromptInvalid": "The prompt file does not say what it must.",
        "UnsupportedModel": "No model family answers to this model id.",
        "StorageRefused": "S3 refused for a reason that stays, such as a missing bucket or permission, or an archived "
        "object.",
        "StorageUnavailable": "S3 did not answer as it should, also after retries: run the day again later.",
        "BedrockUnavailable": "Bedrock did not answer as it should, also after retries: run the day again later.",
        "BedrockThrottled": "Bedrock turned calls away for now, also after retries: run the day again later.",
        "QuotaReached": "Bedrock takes no further job until one of the account's jobs ends: run the day again later.",
    },
    reasons=(),
    phrases={
        "between_groups": ", ",
        "between_reasons": "; ",
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
        "next": "Next: {command}",
    },
)
