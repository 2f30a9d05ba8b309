"""Alerts say what, how much against what, since when and what to do next, and carry nothing that a channel obeys."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents.alerts import AlertGroup, Cause, Move
from data_contracts.tables.metrics import Kind, MetricRow, ReasonCode
from tasks.alerts.groups.machine import Step
from tasks.alerts.message import MAX_CAUSES, MAX_ROWS, Scene, compose
from tasks.alerts.metric_text import describe
from tasks.alerts.send_alerts import reason_key, stop_problem
from tasks.alerts.standing import metric_cause
from tasks.alerts.versions import VersionChange, Versions
from tasks.alerts.words import WORDS
from tasks.base.advice import OF_NIGHTS, runbook_place
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertMessage, Severity
from tasks.base.safe_text import MAX_ID_CHARS, safe_id, safe_text
from tasks.measure.detect.rules import RULES, Group, rule_of
from tests.measured_nights import DAY, settings_in
from tests.measured_nights import degraded_row as row

SETTINGS = {language: settings_in(Path("/data"), language=language) for language in WORDS}
GOLDEN = Path(__file__).parents[2] / "golden"
REASON = "estimated $200.00 is over MODERATION_MAX_COST_USD=150"
NOW = datetime(2026, 11, 19, 20, tzinfo=UTC)
TODAY = date(2026, 11, 20)
#: Values of tonight that are not degraded, and that say more.
PARTS = (
    row("accuracy", slice="stratum=flagged", value=0.5, baseline=0.84, effect=-0.34, statistic=-9.0, state="ok"),
    row("accuracy", slice="language=ja", value=0.6, baseline=0.87, effect=-0.27, statistic=-7.0, state="ok"),
    row("accuracy", slice="language=en", value=0.9, baseline=0.89, effect=0.01, statistic=0.2, state="ok"),
    row("recall", value=0.55, baseline=0.86, effect=-0.31, statistic=-8.0, state="ok"),
)


def message(
    degraded: Sequence[MetricRow],
    language: str = "en",
    move: Move = Move.OPENED,
    before: AlertGroup | None = None,
    **scene: Any,
) -> AlertMessage:
    """What is said of degraded rows of one group."""
    metrics = sorted({item.metric for item in degraded})
    causes = [metric_cause(name, [item for item in degraded if item.metric == name], NOW) for name in metrics]
    name = rule_of(metrics[0]).group if metrics else "quality"
    known = before or AlertGroup.model_validate({"group": name})
    opened = {"causes": tuple(causes), "peak": "page", "opened_at": known.opened_at or NOW}
    step = Step(known, known.model_copy(update=opened), move, news=tuple(causes))
    return compose(step, scene_of(language, **scene))


def scene_of(language: str = "en", **overrides: Any) -> Scene:
    """The night of DAY."""
    given: dict[str, Any] = {"settings": SETTINGS[language], "now": NOW, "night": DAY, "run_id": "run-1"} | overrides
    return Scene(**given)


def stopped(error: str, reason: str, language: str = "en", *, is_published: bool = False) -> AlertMessage:
    """What is said of a night that stopped."""
    paths = RunPaths(SETTINGS[language], DAY, "run-1")
    cause = stop_problem(paths, error, reason, NOW, is_published=is_published).as_cause(NOW)
    before = AlertGroup(group="pipeline")
    after = before.model_copy(update={"causes": (cause,), "peak": "page", "opened_at": NOW})
    return compose(Step(before, after, Move.OPENED, news=(cause,)), scene_of(language))


def golden(name: str, language: str) -> str:
    """A golden file: title, blank line, body."""
    return (GOLDEN / f"{name}{'' if language == 'en' else f'.{language}'}.txt").read_text(encoding="utf-8")


def shown(message: AlertMessage) -> str:
    """A message as the golden files keep it."""
    return f"{message.title}\n\n{message.body}\n"


ROWS = {
    "quality": [
        row(
            "accuracy",
            value=0.61,
            ci_low=0.55,
            ci_high=0.66,
            baseline=0.88,
            effect=-0.27,
            statistic=-7.7,
            severity="page",
            evidence=2117.0,
            evidence_limit=2117.0,
        )
    ],
    "outputs": [row("violation_rate"), row("violation_category_share", slice="category=spam", statistic=8.0)],
    "inputs": [
        row(
            "volume",
            kind="count",
            value=300.0,
            n=300,
            ci_low=None,
            ci_high=None,
            baseline=610.0,
            effect=-310.0,
            threshold=95.4,
            severity="report",
            reason_code="jump",
            statistic=-14.0,
            since=DAY - timedelta(2),
        )
    ],
    "pipeline": [
        row(
            "malformed_rate",
            baseline=None,
            effect=None,
            threshold=None,
            statistic=None,
            severity="page",
            reason_code="incomplete",
        )
    ],
    "money": [row("cost_usd", kind="count", value=61.2, baseline=30.4, effect=30.8, threshold=9.0, ci_low=None)],
}
EXAMPLES = {("violation_rate", "all"): ("c-1", "c-2"), ("malformed_rate", "all"): ("c-9",)}
VERSIONS = Versions(
    DAY - timedelta(28),
    (
        VersionChange(DAY, "model", "anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.nova-lite-v1:0"),
        VersionChange(DAY - timedelta(9), "prompt", "v1", "v2"),
    ),
)


@pytest.mark.parametrize("language", SETTINGS)
@pytest.mark.parametrize("group", ROWS)
def test_degraded_golden(group: str, language: str) -> None:
    """The message of a group that opens reads as its golden file."""
    by_metric = {"accuracy": (*ROWS["quality"], *PARTS[:3]), "recall": PARTS[3:]}
    told = message(ROWS[group], language, rows=by_metric, examples=EXAMPLES, versions=VERSIONS)
    assert shown(told) == golden(f"alert_{group}", language)
    assert told.ascii_title == golden(f"alert_{group}", "en").splitlines()[0]
    assert told.ascii_title.isascii()


@pytest.mark.parametrize("language", SETTINGS)
def test_stopped_golden(language: str) -> None:
    """The alert of a stopped night reads as its golden file: which night, why, what it means, what to run."""
    assert shown(stopped("OverBudget", REASON, language)) == golden("stopped_alert", language)


def test_order_does_not_matter() -> None:
    """The text does not depend on the order of the rows."""
    assert message(ROWS["outputs"][::-1]) == message(ROWS["outputs"])


@pytest.mark.parametrize("severity", Severity)
def test_severity_is_the_rows(severity: Severity) -> None:
    """An alert is as urgent as the row says; of a row of an earlier version the next working day is soon enough."""
    assert message([row("accuracy", severity=severity)]).severity is severity
    assert message([row("accuracy", severity=None)]).severity is Severity.TICKET


def test_the_most_urgent_cause_comes_first() -> None:
    """A message is as urgent as the worst thing in it, and its title names that."""
    told = message([row("golden_accuracy", statistic=99.0), row("accuracy", severity="page")])
    assert told.severity is Severity.PAGE
    assert told.title == (
        f"nightly {DAY} [page] quality: verdicts that agree with the labels 20.0%, expected 10.0% (+1)"
    )


@pytest.mark.parametrize(
    ("metrics", "parts"),
    [
        (["error_rate"], ["/verdicts/", "--mode partial"]),
        (["refused_rate"], ["/verdicts/"]),
        (["rejected_rate"], ["/rejected/"]),
        (["accuracy"], ["/metrics/"]),
        (["label_error_rate", "error_rate"], ["/metrics/", "/verdicts/", "--mode partial"]),
    ],
)
def test_next_commands(metrics: list[str], parts: list[str]) -> None:
    """The commands to run next show the exact rows, and where answers failed the reasons; the last one is silence."""
    lines = message([row(metric) for metric in metrics]).body.splitlines()
    commands = [line for line in lines if line.startswith("Next: ")]
    assert [part in line for part, line in zip(parts, commands, strict=True)] == [True] * len(parts)
    group = rule_of(metrics[0]).group
    assert lines[-1] == f"Snooze: python -m flows alerts snooze {group} --until {TODAY + timedelta(7)}"


@pytest.mark.parametrize("language", WORDS)
def test_a_night_that_stopped_after_it_published_says_so(language: str) -> None:
    """Readers see the new verdicts: nobody is told that nothing was published."""
    before = stopped("StorageUnavailable", REASON, language)
    after = stopped("StorageUnavailable", REASON, language, is_published=True)
    assert before.title != after.title
    assert before.body.splitlines()[3:] == after.body.splitlines()[3:]
    assert before.body.splitlines()[2] not in after.body


def test_long_alerts_are_cut() -> None:
    """Of many slices and many metrics the first are told, the rest are counted: it stays short enough for a chat."""
    many = [row("language_share", slice=f"language=l{place}") for place in range(40)]
    examples = {("language_share", f"language=l{place}"): ("x" * 500,) * 5 for place in range(40)}
    body = message(many, examples=examples).body
    assert body.count("share of comments by language") == MAX_ROWS
    assert "and 9 more" in body  # of the twelve slices that stay on record
    body = message([row(f"unheard_{place}") for place in range(MAX_CAUSES + 5)]).body
    assert body.count("- unheard") == MAX_CAUSES
    assert "and 5 more" in body
    assert len(body) < 9000


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        pytest.param(
            {"kind": Kind.MEAN, "metric": "text_length_log", "value": 3.8, "effect": 0.3},
            "a change of +0.30",
            id="mean",
        ),
        pytest.param({"kind": Kind.COUNT, "metric": "cost_usd", "value": 12.5}, "$12.50", id="dollars"),
        pytest.param({"kind": Kind.COUNT, "metric": "volume", "value": 12345.0}, "12,345", id="count"),
        pytest.param({"value": None}, "unknown", id="no value"),
    ],
)
def test_amounts(overrides: dict[str, Any], part: str) -> None:
    """Numbers are written in their own unit."""
    assert part in describe(row("violation_rate").model_copy(update=overrides))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("k-20261119-0000001", "k-20261119-0000001", id="as it is"),
        pytest.param("<!channel> @everyone", "??channel???everyone", id="mentions"),
        pytest.param("a\u202eb\u0000c\n", "a?b?c?", id="hidden signs"),
        pytest.param("https://evil.example/x", "https???evil?example?x", id="links"),
        pytest.param("日本-1", "日本-1", id="letters of any script"),
        pytest.param("v1.2.3-rc.1", "v1.2.3-rc.1", id="dots before digits"),
        pytest.param("evil.test", "evil?test", id="a host"),
        pytest.param("店.みんな", "店?みんな", id="a host in any script"),
        pytest.param("y" * 65, "y" * 63 + "…", id="too long"),
    ],
)
def test_safe_id(text: str, expected: str) -> None:
    """An id keeps letters, digits and a few signs."""
    assert safe_id(text) == expected


@given(st.text(max_size=300))
def test_nothing_hidden_gets_through(text: str) -> None:
    """Whatever an id or a reason holds, no control, bidirectional or private character reaches a channel."""
    for shown in (safe_id(text), safe_text(text, 200)):
        assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        assert not set("<>@`*[]|~") & set(shown)
    assert len(safe_id(text)) <= MAX_ID_CHARS
    assert len(safe_text(text, 200)) <= 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("see https://evil.test/x", "see https：//evil．test/x", id="link"),
        pytest.param("[pay](HTTP://evil.test)", "［pay］(HTTP：//evil．test)", id="Markdown link"),
        pytest.param("at www.evil.test", "at www．evil．test", id="host"),
        pytest.param("read s3://bucket/key", "read s3://bucket/key", id="an object"),
        pytest.param("||veiled|| ~~struck~~", "¦¦veiled¦¦ ～～struck～～", id="veils"),
    ],
)
def test_safe_text_links_nowhere(text: str, expected: str) -> None:
    """Nothing that a reason holds is a link or hides words, and it can still be read."""
    assert safe_text(text, 200) == expected


def test_stopped_message() -> None:
    """A reason is one line, and an error that nobody foresaw has its own advice."""
    told = stopped("OverBudget", "estimated $200\n is over")
    assert told.title == f"nightly {DAY} [page] pipeline: the night of {DAY} stopped: OverBudget"
    assert "estimated $200 is over" in told.body
    assert "An unexpected error" in stopped("KeyError", "x").body


def known(severity: str = "page", **overrides: Any) -> AlertGroup:
    """The record of a group of quality that was opened a week ago."""
    cause = Cause.model_validate({"key": "metric accuracy", "kind": "metric", "severity": severity, "at": NOW})
    opened = {"peak": severity, "opened_at": NOW - timedelta(7), "causes": (cause,)}
    return AlertGroup.model_validate({"group": "quality", **opened, **overrides})


@pytest.mark.parametrize(
    ("language", "title", "line"),
    [
        ("en", "[page] quality, day 8: verdicts", "It has been open since 2026-11-13."),
        ("ja", "[page] 品質(8 日目): ラベル", "2026-11-13 から続いています。"),
    ],
)
def test_reminder(language: str, title: str, line: str) -> None:
    """A reminder says since when, which day it is, and how things are now."""
    told = message(ROWS["quality"], language, Move.REMINDED, known())
    assert title in told.title
    assert line in told.body
    assert "61.0%" in told.body


def test_escalation() -> None:
    """It says what it was, and what it is."""
    told = message(ROWS["quality"], "en", Move.ESCALATED, known("ticket"))
    assert "[page] quality, was ticket: verdicts" in told.title
    assert "This was a ticket since 2026-11-13. Now it is a page." in told.body


def test_what_is_new_comes_first() -> None:
    """One more thing that is wrong is told apart from what people know."""
    old, new = (stop_problem(RunPaths(SETTINGS["en"], DAY - timedelta(n), "r"), "OverBudget", "x", NOW,
                             is_published=False).as_cause(NOW) for n in (1, 0))  # fmt: skip
    before = AlertGroup(group="pipeline", causes=(old,), peak="page", opened_at=NOW - timedelta(1))
    after = before.model_copy(update={"causes": (old, new)})
    body = compose(Step(before, after, Move.ADDED, news=(new,)), scene_of()).body
    assert body.index("NEW") < body.index(f"The night of {DAY}") < body.index("STILL OPEN")
    assert body.index("STILL OPEN") < body.index(f"The night of {DAY - timedelta(1)}")


@pytest.mark.parametrize("language", SETTINGS)
def test_recovery(language: str) -> None:
    """An end says what is as it should be, with tonight's number; it is as urgent as what it ends, and no failure."""
    before = known()
    after = before.model_copy(update={"causes": (), "peak": None, "opened_at": None})
    good = row("accuracy", value=0.94, baseline=0.95, state="ok")
    told = compose(
        Step(before, after, Move.RECOVERED, over=before.causes), scene_of(language, rows={"accuracy": [good]})
    )
    assert (told.is_recovery, told.severity) == (True, Severity.PAGE)
    assert WORDS[language].metrics["accuracy"] in told.body
    assert "94.0%" in told.body
    assert told.ascii_title == f"nightly {DAY} [ok] quality: over on day 8"
    assert "alerts snooze" not in told.body


def test_what_nobody_saw_end_is_no_recovery() -> None:
    """What is too old to be looked at is said so, for information."""
    before = known()
    after = before.model_copy(update={"causes": (), "peak": None, "opened_at": None})
    told = compose(Step(before, after, Move.RECOVERED, dropped=before.causes), scene_of(night=None))
    assert (told.is_recovery, told.severity) == (False, Severity.REPORT)
    assert "no longer watched" in told.title
    assert "Nobody saw it end" in told.body


def test_an_earlier_day_is_named() -> None:
    """What late labels say of an earlier day is told with that day, and its rows are those to look at."""
    told = message([row("accuracy", date=DAY - timedelta(3))])
    assert f"labels on {DAY - timedelta(3)}: 20.0%" in told.body
    assert f"metrics/date={DAY - timedelta(3)}/" in told.body


def test_a_reminder_without_news_names_the_metric() -> None:
    """What was told by an earlier version, or was not measured since, is named without numbers."""
    before = known()
    told = compose(Step(before, before, Move.REMINDED), scene_of(night=None))
    assert "verdicts that agree with the labels: was degraded, no news of it tonight" in told.body


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (None, None),
        (Versions(DAY - timedelta(20), ()), f"Prompt and model are the same as on {DAY - timedelta(20)}."),
        (
            VERSIONS,
            f"On {DAY} the model changed from anthropic.claude-haiku-4-5-20251001-v1:0 to amazon.nova-lite-v1:0.",
        ),
    ],
)
def test_versions_are_told(versions: Versions | None, said: str | None) -> None:
    """Whether prompt or model changed is said where anybody knows, and never of what comes in."""
    told = {name: message(ROWS[name], versions=versions).body for name in ("quality", "outputs", "inputs")}
    assert [said is not None and said in told[name] for name in told] == [bool(said), bool(said), False]
    assert said or not any("rompt and model" in body for body in told.values())


def test_names_from_outside_are_harmless() -> None:
    """A model, a slice or an event by a hostile name mentions nobody and links nowhere."""
    name = "<!channel> https://evil.example/\u202e`x` @all"
    versions = Versions(DAY, (VersionChange(DAY, "model", name, name),))
    body = message([row("violation_rate", slice=f"language={name}")], versions=versions).body
    for sign in ("<!channel>", "https://", "\u202e", "`", "@all"):
        assert sign not in body.partition("Next: ")[0]


def test_labels_that_stopped_say_that_nobody_knows() -> None:
    """Without labels nothing is known to be wrong."""
    bare = dict.fromkeys(("x", "value", "ci_low", "ci_high", "baseline", "effect", "threshold", "since"))
    told = message([row("accuracy", state="no_data", reason_code="no_labels", n=0, **bare)])
    assert told.title.endswith("quality: verdicts that agree with the labels: no labels came")
    assert told.body.startswith(f"The verdicts of {DAY} are published. How good they are, nobody can tell")


@pytest.mark.parametrize("metric", RULES)
def test_titles_fit(metric: str) -> None:
    """A subject line of SNS has room for the title of every metric."""
    assert len(message([row(metric)]).ascii_title) <= 99


def test_both_languages_say_everything() -> None:
    """No sentence of one language lacks in another, and none needs a value that the other does not."""

    def blanks(texts: Any) -> dict[str, set[str]]:
        return {str(key): set(re.findall(r"{(\w+)}", text)) for key, text in texts.items()}

    for words in WORDS.values():
        assert set(words.metrics) == set(RULES)
        assert set(words.groups) == set(words.advice) == set(Group)
        for field in vars(words).keys() - {"metrics"}:
            theirs, ours = blanks(getattr(words, field)), blanks(getattr(WORDS["en"], field))
            assert theirs == ours, field


@pytest.mark.parametrize("code", WORDS["en"].reasons)
def test_every_reason_is_said_with_its_numbers(code: str) -> None:
    """Why a metric is degraded is said in each language by its code, with the same numbers."""
    degraded = row("accuracy", reason_code=code, reason="English of the table", n=300, x=60.0)
    said = {language: describe(degraded, None, words) for language, words in WORDS.items()}
    assert "English of the table" not in "".join(said.values())
    assert not re.search(r"[a-z]{4}", said["ja"].rpartition("。")[2])
    numbers = {
        name: sorted(re.findall(r"\d+(?:,\d{3})*", text.rpartition("。" if name == "ja" else ". ")[2]))
        for name, text in said.items()
    }
    assert numbers["ja"] == numbers["en"]


def test_reasons_that_ring_are_all_known() -> None:
    """Each code that the detector rings by has its sentence; a row without a code says its own."""
    ringing = {"shift", "jump", "no_input", "incomplete", "no_labels"}
    assert {str(code) for code in ReasonCode} > ringing == set(WORDS["en"].reasons) == set(WORDS["ja"].reasons)
    assert describe(row("accuracy", reason_code=None, reason="as it was said")).endswith(". as it was said")


def test_labels_that_stopped_coming() -> None:
    """A day without labels is told without numbers that nobody has."""
    bare = dict.fromkeys(("x", "value", "ci_low", "ci_high", "baseline", "effect", "threshold", "since"))
    nothing = row("accuracy", state="no_data", reason_code="no_labels", n=0, **bare)
    assert describe(nothing) == (
        "verdicts that agree with the labels: unknown, n 0. No labels came, and earlier days had some"
    )


def test_each_language_says_what_to_do_about_every_stop() -> None:
    """Whatever stops a night, the alert says what to do and where the runbook speaks of it."""
    for language in SETTINGS:
        assert set(WORDS[language].stopped) == {"", *OF_NIGHTS}
        body = stopped("InputAbsent", "no input", language).body
        assert WORDS[language].stopped["InputAbsent"] in body
        assert runbook_place("InputAbsent", language) in body
        assert runbook_place("KeyError", language) in stopped("KeyError", "x", language).body


def test_reason_key() -> None:
    """Two stops are the same incident if error and reason are."""
    assert reason_key("A", "x") == reason_key("A", "x") != reason_key("A", "y")
