"""Alerts say what, how much against what, since when and what to do next, and carry nothing that a channel obeys."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.alert_text import (
    MAX_ID_CHARS,
    MAX_MEASURES,
    Finding,
    degraded_message,
    describe,
    reason_key,
    safe_id,
    safe_text,
    stopped_message,
)
from tasks.errors import ModerationError
from tasks.paths import RunPaths
from tests.nights import DAY, settings_in

PATHS = RunPaths(settings_in(Path("/data")), DAY, "run-1")
GOLDEN = Path(__file__).parents[1] / "golden" / "degraded_alert.txt"


def row(metric: str, **overrides: Any) -> dict[str, Any]:
    """A degraded row of the metrics table."""
    values = {"x": 60.0, "n": 300, "mean": None, "variance": None, "value": 0.2, "ci_low": 0.16, "ci_high": 0.25}
    against = {"baseline": 0.1, "effect": 0.1, "threshold": 0.07, "statistic": 6.1, "state": "degraded", "since": DAY}
    named = {"date": DAY, "metric": metric, "slice": "all", "kind": "rate"}
    return {**named, **values, **against, "reason": "6.1 deviations above 28 earlier nights, limit 4", **overrides}


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
            statistic=-9.0,
            reason="9.0 deviations below 28 earlier nights, limit 4",
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
            reason="60 of 300 answers failed in all (20.0%), limit 5.0%",
        ),
        ("c-9",),
    ),
    Finding(row("violation_category_share", slice="category=spam", statistic=8.0)),
    Finding(row("accuracy", value=0.61, ci_low=0.55, ci_high=0.66, baseline=0.88, effect=-0.27, statistic=-7.7)),
]


def test_golden() -> None:
    """The alert of a bad night reads as its golden file: by group, the largest deviation first."""
    message = degraded_message(FINDINGS, PATHS)
    assert f"{message.title}\n\n{message.body}\n" == GOLDEN.read_text(encoding="utf-8")
    assert message.is_failure


def test_order_does_not_matter() -> None:
    """The text does not depend on the order of the findings."""
    assert degraded_message(FINDINGS[::-1], PATHS) == degraded_message(FINDINGS, PATHS)


@pytest.mark.parametrize(
    ("metric", "is_failure"),
    [
        pytest.param("accuracy", True, id="quality"),
        pytest.param("error_rate", True, id="pipeline"),
        pytest.param("violation_rate", False, id="outputs"),
        pytest.param("language_share", False, id="inputs"),
    ],
)
def test_severity(metric: str, is_failure: bool) -> None:
    """Wrong or missing verdicts are failures; a change of what came in or out is a warning."""
    assert degraded_message([Finding(row(metric))], PATHS).is_failure is is_failure


def test_pipeline_alert_shows_why_answers_failed() -> None:
    """The next command of a pure pipeline alert counts the reasons in the verdicts."""
    body = degraded_message([Finding(row("error_rate"))], PATHS).body
    assert "status_detail" in body.splitlines()[-1]
    assert PATHS.plain("verdicts") in body


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
            {"kind": "mean", "metric": "text_length_log", "value": 3.8, "effect": 0.3}, "a change of +0.30", id="mean"
        ),
        pytest.param({"kind": "count", "metric": "cost_usd", "value": 12.5}, "$12.50", id="dollars"),
        pytest.param({"kind": "count", "metric": "volume", "value": 12345.0}, "12,345", id="count"),
        pytest.param({"value": None}, "unknown", id="no value"),
    ],
)
def test_amounts(overrides: dict[str, Any], part: str) -> None:
    """Numbers are written in their own unit."""
    assert part in describe({**row("violation_rate"), **overrides})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("k-20261119-0000001", "k-20261119-0000001", id="as it is"),
        pytest.param("<!channel> @everyone", "??channel???everyone", id="mentions"),
        pytest.param("a\u202eb\u0000c\n", "a?b?c?", id="hidden signs"),
        pytest.param("https://evil.example/x", "https???evil.example?x", id="links"),
        pytest.param("日本-1", "日本-1", id="letters of any script"),
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
        assert not set("<>@`*") & set(shown)
    assert len(safe_id(text)) <= MAX_ID_CHARS
    assert len(safe_text(text, 200)) <= 200


def test_stopped_message() -> None:
    """A stopped night says which night, why, what it means and the command that runs it again."""
    message = stopped_message("OverBudget", "estimated $200 is over\n MODERATION_MAX_COST_USD=150", PATHS)
    assert message.title == f"nightly {DAY} stopped: OverBudget"
    assert "estimated $200 is over MODERATION_MAX_COST_USD=150" in message.body
    assert message.body.endswith(f"Next: python -m flows nightly --run-date {DAY}")
    assert "raise MODERATION_MAX_COST_USD" in message.body
    assert "An unexpected error" in stopped_message("KeyError", "x", PATHS).body


def test_every_error_has_advice() -> None:
    """Whatever our own errors stop a night with, the alert says what to do; a backfill's nights alert themselves."""

    def names(error: type[BaseException]) -> list[str]:
        return [
            name
            for sub in error.__subclasses__()
            for name in ([sub.__name__] if not sub.__subclasses__() else names(sub))
        ]

    ours = {name for name in names(ModerationError) if name not in {"BackfillIncomplete"}}
    assert [name for name in sorted(ours) if "An unexpected error" in stopped_message(name, "x", PATHS).body] == []


def test_reason_key() -> None:
    """Two stops are the same incident if error and reason are."""
    assert reason_key("A", "x") == reason_key("A", "x") != reason_key("A", "y")
