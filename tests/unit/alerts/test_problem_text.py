"""What is said of problems that are no metric, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_contracts.documents.alerts import AlertGroup, GroupName, Move
from tasks.alerts.groups.machine import Step
from tasks.alerts.message import MAX_CAUSES, Scene, compose
from tasks.alerts.problem_text import head, say, say_over
from tasks.alerts.problems import Problem, group_of
from tasks.alerts.words import NOTICE_WORDS
from tasks.base.ports import AlertMessage, Severity
from tests.alert_place import NOW
from tests.measured_nights import DAY, settings_in

#: Every fact that any sentence may show.
FACTS = {
    "ago_s": "5400", "arn": "arn:aws:bedrock:x:1:model-invocation-job/abc", "changed": "1", "count": "2", "due": "noon",
    "error": "no route", "expected": "9", "folder": "s3://in/date=D", "found": "8", "gone": "0", "ingested": "10",
    "job": "nm-x", "names": "b.parquet", "new": "1", "reason": "why", "rejected": "1", "run": "run-1",
    "status": "InProgress", "table": "verdicts", "uri": "s3://b/k", "valid": "9", "verdicts": "8",
}  # fmt: skip
KINDS = sorted(NOTICE_WORDS["en"].problems)


def problem(kind: str = "absent", severity: Severity = Severity.PAGE, **facts: str) -> Problem:
    """A problem of this kind."""
    return Problem(key=f"{kind} {facts}", kind=kind, severity=severity, day=DAY, facts=FACTS | facts)


def message(*problems: Problem, language: str = "en", move: Move = Move.OPENED) -> AlertMessage:
    """What is told of them when they begin, or when they end."""
    causes = tuple(item.as_cause(NOW) for item in problems)
    name: GroupName = group_of(problems[0].kind)
    quiet = AlertGroup(group=name)
    open_ = quiet.model_copy(update={"causes": causes, "peak": causes[0].severity, "opened_at": NOW})
    scene = Scene(settings=settings_in(Path("/data"), language=language), now=NOW)
    if move is Move.RECOVERED:
        return compose(Step(open_, quiet, move, over=causes), scene)
    return compose(Step(quiet, open_, move, news=causes), scene)


@pytest.mark.parametrize("language", sorted(NOTICE_WORDS))
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_words(kind: str, language: str) -> None:
    """Each kind has a sentence, a title and an end whose facts are all known, and an advice, in every language."""
    told = [say(problem(kind), language), head(problem(kind), language), say_over(problem(kind), language)]
    told += [text for move in (Move.OPENED, Move.RECOVERED)
             for text in (message(problem(kind), language=language, move=move).body,)]  # fmt: skip
    assert not re.search(r"[{}]", "".join(told))
    assert NOTICE_WORDS[language].advice[kind]


def test_the_languages_say_the_same_things() -> None:
    """Titles, kinds, ends and advice are the same set in each language, with the same facts in them."""
    english, japanese = NOTICE_WORDS["en"], NOTICE_WORDS["ja"]
    for part in ("heads", "problems", "ends", "advice"):
        left, right = getattr(english, part), getattr(japanese, part)
        assert left.keys() == right.keys()
        for key in left:
            assert set(re.findall(r"{\w+}", left[key])) == set(re.findall(r"{\w+}", right[key])), key
    assert english.heads.keys() == english.problems.keys() == english.advice.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_titles_fit(kind: str) -> None:
    """A subject line of SNS has room for the title of every problem, and the name of its group in it."""
    title = message(problem(kind)).ascii_title
    assert len(title) <= 99
    assert title.startswith(f"watchdog [page] {group_of(kind)}: ")


def test_a_message_names_what_to_run() -> None:
    """Each problem that a command mends comes with it, once; late days share one."""
    late = [
        Problem(key=f"late {day}", kind="late_input", severity=Severity.TICKET, day=DAY.replace(day=day), facts=FACTS)
        for day in (12, 14)
    ]
    body = message(*late).body
    assert body.count("Next: ") == 1
    assert "python -m flows backfill --mode late_input --start-date 2026-11-12 --end-date 2026-11-14" in body
    body = message(problem(), problem("plain_rows")).body
    assert f"python -m flows nightly --run-date {DAY}" in body
    assert f"python -m flows remeasure --start-date {DAY} --end-date {DAY}" in body
    body = message(problem("unknown_job")).body
    assert f"aws bedrock stop-model-invocation-job --job-identifier {FACTS['arn']}" in body


def test_advice_comes_once_a_kind() -> None:
    """Several problems of a kind share the advice below the last of them."""
    body = message(*(problem("plain_rows", table=str(number)) for number in range(3))).body
    assert body.count("  Do: ") == 1


def test_names_from_outside_are_harmless() -> None:
    """A file name or an error of upstream's cannot mention, link or hide anything in a chat."""
    name = "<!channel> https://evil.example/\u202etxt.parquet `x` @all"
    told = message(problem("late_input", Severity.TICKET, names=name))
    for sign in ("<!channel>", "https://", "\u202e", "`", "@all"):
        assert sign not in told.title + told.body


def test_many_problems_are_counted() -> None:
    """A message stays readable however much is wrong."""
    body = message(*(problem(run=str(n)) for n in range(MAX_CAUSES + 5))).body
    assert body.count("The night of") == MAX_CAUSES
    assert "and 5 more" in body


def test_a_japanese_message() -> None:
    """The whole message is in the channel's language; the title has an English twin for what takes no other letters."""
    told = message(problem("died"), language="ja")
    assert told.title == f"watchdog [page] 処理: {DAY} の実行が異常終了"
    assert told.ascii_title == f"watchdog [page] pipeline: the run of {DAY} died"
    assert "90 分前" in told.body
