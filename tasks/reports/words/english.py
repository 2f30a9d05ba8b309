"""Report and overview in English; the page's own texts are English in its templates."""

from __future__ import annotations

from data_contracts.documents.trust import Answer
from tasks.reports.words.forms import ReportWords

ENGLISH = ReportWords(
    answers={Answer.YES: "Yes", Answer.NO: "No", Answer.CANNOT_TELL: "Cannot tell"},
    reasons={
        "unbalanced": "The books do not balance: {count} verdicts for {valid} valid comments.",
        "incomplete": "Only {share} of the comments were judged: {lacking} of {count} have no verdict.",
        "accuracy": "Verdicts agree with human labels less than before: {value} of {n} labels of {day}, where "
        "{baseline} was usual.",
        "golden_accuracy": "The golden pack is judged worse than before: {value} as expected, where {baseline} was "
        "usual.",
        "golden_flip_rate": "The judge changed: {value} of the golden pack's items got another answer than at first.",
        "attack_success_rate": "More attacks of the golden pack succeed than before: {value}, where {baseline} was "
        "usual.",
        "empty": "No comment came in, so there is no verdict to trust.",
        "labels_stopped": "No labels come any more, though earlier days had some.",
        "no_labels": "No human labels of the last {days} days say whether the verdicts are right.",
        "learning": "Verdicts agree with {value} of {n} labels ({low} to {high}), but there are too few nights to "
        "compare with.",
        "provisional": "The labels of {day} are still coming: {n} so far.",
        "few_labels": "There are too few labels to tell: {n} of {day}.",
        "changed": "The {what} has been {new} since {change_day}, and the newest labels that count are of {day}.",
        "alert_open": "An alert about quality is still open.",
        "outputs": "The verdicts changed: {metric} {value}, where {baseline} was usual; no labels of that night say "
        "whether rightly.",
        "agrees": "Verdicts agree with {value} of {n} labels of {day} ({low} to {high}), as before.",
        "lacking": "{lacking} of {count} comments have no verdict.",
        "apart": "Something is unusual that does not make verdicts wrong: {metric}.",
    },
    steps={
        "judge_again": "Judge the day again before anybody uses it.",
        "ask_again": "Ask again for the {lacking} comments whose answer failed; only these are paid for.",
        "review": "Let people look at the {lacking} comments without a verdict: they are on the review list.",
        "set_prompt_back": "Do not act on verdicts unseen. Set MODERATION_PROMPT_VERSION back to {old}: {new} has "
        "judged since {day}. What changed:",
        "set_model_back": "Do not act on verdicts unseen. Set MODERATION_MODEL_ID back to {old}: {new} has judged "
        "since {day}.",
        "label": "Do not act on verdicts unseen. Neither prompt nor model changed before it got worse, so let people "
        "label the night to see what is judged wrongly.",
        "label_first": "Let people label the night; until then treat its verdicts with care.",
        "ask_upstream": "Ask upstream whether the day really had no comments.",
        "ask_labelers": "Ask those who label why nothing comes.",
        "wait": "Nothing now: labels and nights to come will tell.",
        "look": "Nothing about the verdicts; look below at what is unusual.",
        "nothing": "Nothing.",
    },
    versions={"prompt": "prompt", "model": "model"},
    states={
        "published": "published",
        "degraded": "degraded",
        "partial": "partial",
        "running": "running",
        "stopped": "stopped",
        "not_published": "not published",
    },
    groups={"quality": "quality", "outputs": "outputs", "inputs": "inputs", "pipeline": "pipeline", "money": "money"},
    labels={"sample labels": "sample labels", "planted labels": "planted labels", "no labels": "no labels"},
    codes={},
    typical={
        "text_length_log": "characters of a typical comment",
        "input_tokens_log": "input tokens of a typical answer",
        "output_tokens_log": "output tokens of a typical answer",
    },
    page={},
)
