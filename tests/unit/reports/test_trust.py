"""What the first screen answers in each case, why, and what it tells to do."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from data_contracts.documents.trust import Answer, Trust
from data_contracts.tables.metrics import MetricRow
from tasks.reports.trust import Change, Evidence, decide
from tasks.reports.words.say import LANGUAGES, say_in
from tests.sample_nights import RUN_DATE, compared, estimated, metric

BEFORE = RUN_DATE - timedelta(days=3)
NEW_MODEL = Change(RUN_DATE, "model", "claude-old", "claude-new")
NEW_PROMPT = Change(BEFORE, "prompt", "v1", "v2")


def accuracy(state: str = "ok", day: date = RUN_DATE, **facts: Any) -> MetricRow:
    """The accuracy that stands tonight."""
    return estimated("accuracy", "all", 0.94, 250, 0.03, state=state, baseline=0.95, date=str(day), **facts)


def low(name: str, day: date = RUN_DATE, **facts: Any) -> MetricRow:
    """A degraded metric."""
    row = {"state": "degraded", "severity": "page", "since": str(day), "date": str(day)}
    return compared(name, facts.pop("part", "all"), 0.8, 0.95, 0.01, **row | facts)


def seen(*rows: MetricRow, **facts: Any) -> Evidence:
    """A whole night with these rows, but for what is said otherwise."""
    counts = {"valid_count": 1000, "verdict_count": 1000, "judged_count": 1000}
    return Evidence(run_date=RUN_DATE, rows=rows, **counts | facts)


def verdict(evidence: Evidence) -> tuple[str, list[str], str]:
    """The answer, the codes of its reasons and of what to do."""
    trust = decide(evidence)
    return str(trust.answer), [said.code for said in trust.reasons], trust.step.code


NO, YES, OPEN = "no", "yes", "cannot_tell"
CASES = {
    "all well": (seen(accuracy()), YES, ["agrees"], "nothing"),
    "labels of an earlier night": (seen(accuracy(day=BEFORE)), YES, ["agrees"], "nothing"),
    "a few answers failed": (
        seen(accuracy(), judged_count=980, open_count=15), YES, ["agrees", "lacking"], "ask_again"
    ),
    "a few were refused": (seen(accuracy(), judged_count=980), YES, ["agrees", "lacking"], "review"),
    "just enough judged": (seen(accuracy(), judged_count=950), YES, ["agrees", "lacking"], "review"),
    "too few judged": (seen(accuracy(), judged_count=949, open_count=51), NO, ["incomplete"], "ask_again"),
    "too many refused": (seen(accuracy(), judged_count=900), NO, ["incomplete"], "review"),
    "unbalanced": (seen(accuracy(), valid_count=1001), NO, ["unbalanced"], "judge_again"),
    "quality fell": (seen(low("accuracy")), NO, ["accuracy"], "label"),
    "quality fell after a new prompt": (
        seen(low("accuracy"), changes=(NEW_PROMPT,)), NO, ["accuracy"], "set_prompt_back"
    ),
    "quality fell after a new model": (seen(low("accuracy"), changes=(NEW_MODEL,)), NO, ["accuracy"], "set_model_back"),
    "quality fell before a new model": (
        seen(low("accuracy", BEFORE), changes=(NEW_MODEL,)), NO, ["accuracy"], "label"
    ),
    "golden pack worse": (
        seen(accuracy(), low("golden_accuracy"), low("golden_flip_rate")), NO, ["golden_accuracy", "golden_flip_rate"],
        "label",
    ),
    "attacks succeed": (seen(accuracy(), low("attack_success_rate")), NO, ["attack_success_rate"], "label"),
    "several at once": (
        seen(low("accuracy"), low("attack_success_rate"), judged_count=10, open_count=990), NO,
        ["incomplete", "accuracy", "attack_success_rate"], "ask_again",
    ),
    "no comments": (
        seen(accuracy(), valid_count=0, verdict_count=0, judged_count=0), OPEN, ["empty"], "ask_upstream"
    ),
    "no labels ever": (seen(), OPEN, ["no_labels"], "label_first"),
    "no labels tonight": (seen(metric("accuracy", state="no_data", n=0)), OPEN, ["no_labels"], "label_first"),
    "labels stopped": (
        seen(metric("accuracy", state="no_data", n=0, severity="ticket")), OPEN, ["labels_stopped"], "ask_labelers"
    ),
    "labels still come": (
        seen(accuracy("cannot_tell", reason_code="provisional")), OPEN, ["provisional"], "wait"
    ),
    "too few labels": (seen(accuracy("cannot_tell", reason_code="few_items")), OPEN, ["few_labels"], "label_first"),
    "a new site": (seen(accuracy("learning")), OPEN, ["learning"], "wait"),
    "a new model, older labels": (
        seen(accuracy(day=BEFORE), changes=(NEW_MODEL,)), OPEN, ["changed"], "label_first"
    ),
    "a new model, labels of tonight": (seen(accuracy(), changes=(NEW_MODEL,)), YES, ["agrees"], "nothing"),
    "a new model, the golden pack is well": (
        seen(accuracy(day=BEFORE), compared("golden_accuracy", "all", 0.97, 0.97, 0.01), changes=(NEW_MODEL,)), YES,
        ["agrees"], "nothing",
    ),
    "an alert is open": (seen(accuracy(), open_groups=frozenset({"quality"})), OPEN, ["alert_open"], "label_first"),
    "an alert about inputs is open": (
        seen(accuracy(), open_groups=frozenset({"inputs"})), YES, ["agrees"], "nothing"
    ),
    "verdicts changed": (
        seen(accuracy(day=BEFORE), low("violation_rate")), OPEN, ["outputs"], "label_first"
    ),
    "verdicts changed, and labels say rightly": (
        seen(accuracy(), low("violation_rate")), YES, ["agrees", "apart"], "look"
    ),
    "inputs changed": (seen(accuracy(day=BEFORE), low("volume")), YES, ["agrees", "apart"], "look"),
    "dear": (seen(accuracy(), low("cost_usd", kind="count")), YES, ["agrees", "apart"], "look"),
}  # fmt: skip


@pytest.mark.parametrize(("evidence", "answer", "reasons", "step"), CASES.values(), ids=CASES)
def test_what_the_first_screen_says(evidence: Evidence, answer: str, reasons: list[str], step: str) -> None:
    """The first level on which a rule holds is the answer, with all its reasons, and with one thing to do."""
    assert verdict(evidence) == (answer, reasons, step)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("evidence", [case[0] for case in CASES.values()], ids=CASES)
def test_every_answer_has_words(evidence: Evidence, language: str) -> None:
    """Whatever is decided can be said in either language, with no blank left open."""
    trust, say = decide(evidence), say_in(language)
    told = [say.words.answers[trust.answer], *map(say.reason, trust.reasons), say.step(trust.step)]
    assert all(text and "{" not in text and "None" not in text for text in told)


def test_the_numbers_of_a_reason_are_the_metrics_own() -> None:
    """Accuracy, interval and labels of the sentence are those of the table's row."""
    trust = decide(seen(accuracy()))
    assert say_in("en").reason(trust.reasons[0]) == (
        "Verdicts agree with 94.0% of 250 labels of 2026-11-19 (91.0% to 97.0%), as before."
    )


def test_the_command_is_the_next_one() -> None:
    """What is to be run stands there whole, with the night's day in it."""
    assert decide(seen(accuracy(), judged_count=900, open_count=100)).command == (
        "python -m flows backfill --mode partial --start-date 2026-11-19 --end-date 2026-11-19 "
        '--reason "missing answers"'
    )
    assert decide(seen(low("accuracy"), changes=(NEW_PROMPT,))).command == "python -m flows prompts --diff v1 v2"
    assert decide(seen(accuracy())).command is None


def test_a_trust_reads_back() -> None:
    """What summary.json keeps is what was decided."""
    trust = decide(seen(low("accuracy"), changes=(NEW_PROMPT,)))
    assert Trust.model_validate_json(trust.model_dump_json()) == trust
    assert trust.answer is Answer.NO
