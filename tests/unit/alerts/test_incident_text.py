"""Alerts say what, how much against what, since when and what to do next, and carry nothing that a channel obeys."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tasks.alerts.incident_text import (
    MAX_MEASURES,
    Finding,
    degraded_message,
    describe,
    reason_key,
    recovery_message,
    stopped_message,
)
from tasks.alerts.incidents import Incident, News, Trouble

from data_contracts.tables.metrics import Kind, ReasonCode
from tasks.alerts.words import WORDS
from tasks.base.advice import OF_NIGHTS
from tasks.base.paths import RunPaths
from tasks.base.ports import AlertMessage, Severity
from tasks.base.safe_text import MAX_ID_CHARS, safe_id, safe_text
from tasks.measure.detect.rules import RULES
from tests.measured_nights import DAY, settings_in
from tests.measured_nights import degraded_row as row

LANGUAGES = {language: RunPaths(settings_in(Path("/data"), language=language), DAY, "run-1") for language in WORDS}
PATHS = LANGUAGES["en"]
GOLDEN = Path(__file__).parents[2] / "golden"
REASON = "estimated $200.00 is over MODERATION_MAX_COST_USD=150"


def golden(name: str, language: str) -> str:
    """A golden file: title, blank line, body."""
    return (GOLDEN / f"{name}{'' if language == 'en' else f'.{language}'}.txt").read_text(encoding="utf-8")


def shown(message: AlertMessage) -> str:
    """A message as the golden files keep it."""
    return f"{message.title}\n\n{message.body}\n"


FINDINGS = [
    Finding(row("violation_rate"), ("c-1", "c-2")),
    Finding(
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
    ),
    Finding(
        row(
            "malformed_rate",
            baseline=None,
            effect=None,
            threshold=None,
            statistic=None,
            severity="page",
            reason_code="incomplete",
        ),
        ("c-9",),
    ),
    Finding(row("violation_category_share", slice="category=spam", statistic=8.0)),
    Finding(
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
    ),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_degraded_golden(language: str) -> None:
    """The alert of a bad night reads as its golden file: by group, the largest deviation first."""
    message = degraded_message(FINDINGS, LANGUAGES[language])
    assert shown(message) == golden("degraded_alert", language)
    assert message.severity is Severity.PAGE
    assert message.ascii_title == golden("degraded_alert", "en").splitlines()[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_stopped_golden(language: str) -> None:
    """The alert of a stopped night reads as its golden file: which night, why, what it means, what to run."""
    assert shown(stopped_message("OverBudget", REASON, LANGUAGES[language])) == golden("stopped_alert", language)


def test_order_does_not_matter() -> None:
    """The text does not depend on the order of the findings."""
    assert degraded_message(FINDINGS[::-1], PATHS) == degraded_message(FINDINGS, PATHS)


@pytest.mark.parametrize("severity", Severity)
def test_severity_is_the_rows(severity: Severity) -> None:
    """An alert is as urgent as the row says; of a row of an earlier version the next working day is soon enough."""
    assert degraded_message([Finding(row("accuracy", severity=severity))], PATHS).severity is severity
    assert degraded_message([Finding(row("accuracy", severity=None))], PATHS).severity is Severity.TICKET


def test_the_most_urgent_finding_counts() -> None:
    """An alert is as urgent as the worst thing in it."""
    rows = [row("language_share", severity="report"), row("violation_rate"), row("accuracy", severity="page")]
    assert degraded_message([Finding(item) for item in rows], PATHS).severity is Severity.PAGE
    assert degraded_message([Finding(item) for item in rows[:2]], PATHS).severity is Severity.TICKET


@pytest.mark.parametrize(
    ("metrics", "tables"),
    [
        (["error_rate"], ["verdicts", ""]),
        (["refused_rate"], ["verdicts"]),
        (["accuracy"], ["metrics"]),
        (["accuracy", "error_rate"], ["metrics", "verdicts", ""]),
    ],
)
def test_next_commands(metrics: list[str], tables: list[str]) -> None:
    """The commands to run next show the degraded measures, and where answers failed the reasons in the verdicts."""
    body = degraded_message([Finding(row(metric)) for metric in metrics], PATHS).body
    commands = [line for line in body.splitlines() if line.startswith("Next: ")]
    named = [PATHS.plain(table) if table else f"--mode partial --start-date {DAY}" for table in tables]
    assert [name in line for name, line in zip(named, commands, strict=True)] == [True] * len(tables)


@pytest.mark.parametrize("language", WORDS)
def test_a_night_that_stopped_after_it_published_says_so(language: str) -> None:
    """Readers see the new verdicts: nobody is told that nothing was published."""
    before = stopped_message("StorageUnavailable", REASON, LANGUAGES[language]).body
    after = stopped_message("StorageUnavailable", REASON, LANGUAGES[language], is_published=True).body
    assert WORDS[language].leads["stopped_after"].format(day=DAY, error="StorageUnavailable") in after
    assert before.splitlines()[1:] == after.splitlines()[1:]
    assert before.splitlines()[0] not in after


def test_long_alerts_are_cut() -> None:
    """Beyond a dozen measures the rest are counted, and the text stays short enough for a chat."""
    many = [Finding(row("language_share", slice=f"language=l{place}"), ("x" * 500,) * 5) for place in range(40)]
    body = degraded_message(many, PATHS).body
    assert body.count("share of comments by language") == MAX_MEASURES
    assert "and 28 more" in body
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
    message = stopped_message("OverBudget", "estimated $200\n is over", PATHS)
    assert message.title == f"nightly {DAY} stopped: OverBudget"
    assert "estimated $200 is over" in message.body
    assert "An unexpected error" in stopped_message("KeyError", "x", PATHS).body


INCIDENT = Incident(
    opened=DAY - timedelta(7),
    told=DAY - timedelta(7),
    troubles=(Trouble(metric="accuracy", severity=Severity.PAGE), Trouble(metric="volume", severity=Severity.PAGE)),
)


@pytest.mark.parametrize(
    ("language", "title", "line"),
    [
        ("en", f"nightly {DAY}: still degraded, night 8 (quality, inputs)", "comments received: cannot tell tonight"),
        ("ja", f"nightly {DAY}: 悪化が継続、8 夜目(品質、入力)", "受信コメント数: 今夜は判断できません"),
    ],
)
def test_reminder(language: str, title: str, line: str) -> None:
    """A reminder says how many nights it has been, what is degraded, and of what tonight cannot tell."""
    findings = [Finding(row("accuracy"))]
    message = degraded_message(findings, LANGUAGES[language], News.REMINDER, INCIDENT, ["volume"])
    assert message.title == title
    assert line in message.body
    assert str(INCIDENT.opened) in message.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_recovery(language: str) -> None:
    """A recovery names what is ok again, is no failure, and is as urgent as what it ends."""
    message = recovery_message(LANGUAGES[language], INCIDENT)
    assert message.is_recovery
    assert message.severity is Severity.PAGE
    assert all(WORDS[language].metrics[trouble.metric] in message.body for trouble in INCIDENT.troubles)
    assert message.ascii_title == f"nightly {DAY}: ok again, was degraded since {INCIDENT.opened} (quality, inputs)"


def test_an_earlier_day_is_named() -> None:
    """What late labels say of an earlier day is told with that day."""
    found = Finding(row("accuracy", date=DAY - timedelta(3)))
    assert f"labels on {DAY - timedelta(3)}: 20.0%" in degraded_message([found], PATHS).body


def test_both_languages_say_everything() -> None:
    """No sentence of one language lacks in another, and none needs a value that the other does not."""

    def blanks(texts: Any) -> dict[str, set[str]]:
        return {str(key): set(re.findall(r"{(\w+)}", text)) for key, text in texts.items()}

    for words in WORDS.values():
        assert set(words.metrics) == set(RULES)
        for field in ("titles", "leads", "severities", "groups", "headings", "advice", "stopped", "reasons", "phrases"):
            theirs, ours = blanks(getattr(words, field)), blanks(getattr(WORDS["en"], field))
            assert set(theirs) == set(ours)
            if field != "leads":
                assert theirs == ours


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
    ringing = {"shift", "jump", "creep", "no_input", "incomplete", "no_labels"}
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
    for language, paths in LANGUAGES.items():
        assert set(WORDS[language].stopped) == {"", *OF_NIGHTS}
        body = stopped_message("InputAbsent", "no input", paths).body
        assert WORDS[language].stopped["InputAbsent"] in body
        assert "docs/runbook.md#inputabsent" in body
        assert "docs/runbook.md#an-unexpected-error" in stopped_message("KeyError", "x", paths).body


def test_reason_key() -> None:
    """Two stops are the same incident if error and reason are."""
    assert reason_key("A", "x") == reason_key("A", "x") != reason_key("A", "y")
