"""Report and overview in both languages: no text is lacking, no blank gets lost."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from data_contracts.documents.trust import Answer
from data_contracts.tables.metrics import State
from tasks.measure.detect.rules import Group
from tasks.past_days.backfill.tables import COLUMNS, STATES
from tasks.reports.overview.days import DayState
from tasks.reports.overview.lines import HEADINGS, KEY
from tasks.reports.report import JUDGE_MOVES
from tasks.reports.report_parts import QUALITY, SOURCES, TYPICAL
from tasks.reports.words.english import ENGLISH
from tasks.reports.words.japanese import JAPANESE
from tasks.reports.words.say import say_in
from tests.sample_nights import metric

ROOT = Path(__file__).parents[3]
REPORTS = ROOT / "tasks" / "reports"
#: Where people are spoken to in their language: the report, and what the Prefect UI shows.
SPEAKING = (REPORTS, ROOT / "tasks" / "past_days" / "backfill", ROOT / "flows")
#: Texts that are looked up by a value.
LOOKED_UP = {
    *HEADINGS,
    KEY,
    *COLUMNS,
    *STATES,
    *SOURCES.values(),
    *JUDGE_MOVES.values(),
    *(state.replace("_", " ") for state in State),
    *("F1" if metric == "f1" else metric.capitalize() for metric in QUALITY),
    *("language", "product group", "repeated texts", "prompt version", "model version"),
    *("policy", "pipeline errors", "rest"),
}


def blanks(text: str) -> set[str]:
    """The names of the blanks in a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def page_texts() -> set[str]:
    """Every text that the page's templates and the overview say."""
    found = set()
    for path in sorted(REPORTS.rglob("*.j2")):
        found |= set(re.findall(r'_\("([^"]*)"', path.read_text(encoding="utf-8")))
    for path in sorted(path for folder in SPEAKING for path in folder.rglob("*.py")):
        found |= set(re.findall(r'(?:say|self)\.plain\(\s*"([^"]*)"', path.read_text(encoding="utf-8")))
        found |= set(re.findall(r"(?:say|self)\.plain\(\s*'([^']*)'", path.read_text(encoding="utf-8")))
    return found


def test_every_text_of_the_page_is_in_japanese() -> None:
    """No English is left on a Japanese page, no Japanese is left of a text that went, and no blank differs."""
    texts = page_texts() | LOOKED_UP
    assert len(page_texts()) > 100
    assert texts == JAPANESE.page.keys()
    assert not {text for text, said in JAPANESE.page.items() if blanks(text) != blanks(said)}


@pytest.mark.parametrize("name", ["answers", "reasons", "steps", "versions", "states", "groups", "labels", "typical"])
def test_both_languages_say_the_same(name: str) -> None:
    """Each has every sentence of the other, and no blank that the other's facts do not fill."""
    english, japanese = getattr(ENGLISH, name), getattr(JAPANESE, name)
    assert english.keys() == japanese.keys()
    for key in english:
        assert blanks(japanese[key]) <= blanks(english[key]) | {"new"}


def test_everything_that_can_be_said_has_a_word() -> None:
    """Answers, states and groups are named whatever they are."""
    assert set(ENGLISH.answers) == set(Answer)
    assert set(ENGLISH.states) == {str(state) for state in DayState}
    assert {str(group) for group in Group} <= set(ENGLISH.groups)
    assert set(ENGLISH.typical) == TYPICAL


def test_a_fact_is_escaped_and_a_text_is_not() -> None:
    """What comes from outside is dead text in either language."""
    for language in ("en", "ja"):
        assert "&lt;b&gt;" in say_in(language)("since {day}", day="<b>")


def test_a_reason_without_a_japanese_sentence_is_told_as_it_is() -> None:
    """Nothing is kept back because nobody translated it."""
    assert say_in("ja").why(metric("accuracy", reason="3 labels point to no comment")) == "3 labels point to no comment"
    assert say_in("ja").why(metric("volume", state="learning", reason="x", reason_code="few_nights")).startswith("比較")


def test_dates_and_durations_are_written_as_people_do() -> None:
    """A weekday in the language's own way, hours and minutes in its words."""
    assert say_in("ja").long_date("2026-11-19") == "2026年11月19日(木)"
    assert say_in("en").long_date("2026-11-19") == "Thursday 19 November 2026"
    assert say_in("ja").duration(3725) == "1 時間 02 分"
