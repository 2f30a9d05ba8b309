"""What the watchdog's and the late input check's messages say, in both languages."""

from __future__ import annotations

import re

import pytest

from tasks.alerts.problem_text import MAX_TOLD, notice_message, say
from tasks.alerts.problems import Changes, Problem
from tasks.alerts.words import NOTICE_WORDS
from tasks.base.ports import Severity
from tests.measured_nights import DAY

#: Every fact that any sentence may show.
FACTS = {
    "ago_s": "5400", "arn": "arn:aws:bedrock:x:1:model-invocation-job/abc", "changed": "1", "count": "2", "due": "noon",
    "error": "no route", "expected": "9", "folder": "s3://in/date=D", "found": "8", "gone": "0", "ingested": "10",
    "job": "nm-x", "names": "b.parquet", "new": "1", "reason": "why", "rejected": "1", "run": "run-1",
    "status": "InProgress", "table": "verdicts", "uri": "s3://b/k", "valid": "9", "verdicts": "8",
}  # fmt: skip


def problem(kind: str = "absent", severity: Severity = Severity.PAGE, **facts: str) -> Problem:
    return Problem(key=f"{kind} {facts}", kind=kind, severity=severity, day=DAY, facts=FACTS | facts)


def changes(*new: Problem, still: tuple[Problem, ...] = (), over: tuple[Problem, ...] = ()) -> Changes:
    return Changes(new, still, over, ())


@pytest.mark.parametrize("language", sorted(NOTICE_WORDS))
@pytest.mark.parametrize("kind", sorted(NOTICE_WORDS["en"].problems))
def test_every_kind_has_its_words(kind: str, language: str) -> None:
    """Each kind has a sentence whose facts are all known, and an advice, in every language."""
    told = say(problem(kind), language)
    assert not re.search(r"[{}]", told)
    assert NOTICE_WORDS[language].advice[kind]


def test_the_languages_say_the_same_things() -> None:
    """Titles, kinds, advice and phrases are the same set in each language, with the same facts in them."""
    english, japanese = NOTICE_WORDS["en"], NOTICE_WORDS["ja"]
    for part in ("headings", "problems", "advice", "phrases"):
        left, right = getattr(english, part), getattr(japanese, part)
        assert left.keys() == right.keys()
        for key in left:
            assert set(re.findall(r"{\w+}", left[key])) == set(re.findall(r"{\w+}", right[key])), key
    assert {name: titles.keys() for name, titles in english.titles.items()} == {
        name: titles.keys() for name, titles in japanese.titles.items()
    }


@pytest.mark.parametrize(
    ("told", "title", "is_recovery"),
    [
        pytest.param(changes(problem()), "watchdog: 1 wrong", False, id="begins"),
        pytest.param(
            changes(problem(), still=(problem("stuck"),)), "watchdog: 1 new, 2 wrong in all", False, id="one-more"
        ),
        pytest.param(changes(still=(problem(),)), "watchdog: still 1 wrong", False, id="goes-on"),
        pytest.param(changes(over=(problem(),)), "watchdog: all well again", True, id="ends"),
        pytest.param(Changes((), (), (), (problem(),)), "watchdog: 1 no longer watched", False, id="falls-out"),
    ],
)
def test_the_title_says_how_it_stands(told: Changes, title: str, is_recovery: bool) -> None:
    """A recovery is one only when nothing is left, and what fell out of sight never counts as one."""
    message = notice_message("watchdog", told, "en")
    assert (message.title, message.is_recovery) == (title, is_recovery)


def test_a_message_names_what_to_run() -> None:
    """Each problem that a command mends comes with it, once; late days share one."""
    late = [
        Problem(key=f"late {day}", kind="late_input", severity=Severity.TICKET, day=DAY.replace(day=day), facts=FACTS)
        for day in (12, 14)
    ]
    body = notice_message("late_input", changes(*late), "en").body
    assert body.count("python -m flows") == 1
    assert "python -m flows backfill --mode late_input --start-date 2026-11-12 --end-date 2026-11-14" in body
    body = notice_message("watchdog", changes(problem(), problem("unknown_job"), problem("plain_rows")), "en").body
    assert f"python -m flows nightly --run-date {DAY}" in body
    assert f"aws bedrock stop-model-invocation-job --job-identifier {FACTS['arn']}" in body
    assert f"python -m flows remeasure --start-date {DAY} --end-date {DAY}" in body


def test_names_from_outside_are_harmless() -> None:
    """A file name or an error of upstream's cannot mention, link or hide anything in a chat."""
    name = "<!channel> https://evil.example/\u202etxt.parquet `x` @all"
    body = notice_message("late_input", changes(problem("late_input", Severity.TICKET, names=name)), "en").body
    for sign in ("<!channel>", "https://", "\u202e", "`", "@all"):
        assert sign not in body


def test_many_problems_are_counted() -> None:
    """A message stays readable however much is wrong."""
    body = notice_message("watchdog", changes(*(problem(run=str(n)) for n in range(MAX_TOLD + 5))), "en").body
    assert body.count("The night of") == MAX_TOLD
    assert "and 5 more" in body


def test_a_japanese_message() -> None:
    """The whole message is in the channel's language; the title has an English twin for what takes no other letters."""
    message = notice_message("watchdog", changes(problem("died")), "ja")
    assert message.title == "watchdog: 1 件の異常"
    assert message.ascii_title == "watchdog: 1 wrong"
    assert "90 分前" in message.body
