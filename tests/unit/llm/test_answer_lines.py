"""A line that repeats its request is read by what follows the echo, and says what the whole line says."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.nights.answers import bad_lines
from tasks.llm.answer import MalformedAnswer, Verdict, read_answer
from tasks.llm.answer_lines import AnswerLine, LineReader
from tasks.llm.families.claude import Claude
from tasks.llm.request_line import RequestTemplate
from tests import factories
from tests.factories import claude_output
from tests.hostile_texts import TEXTS

PROMPT = factories.prompt()
TEMPLATE = RequestTemplate(Claude(), PROMPT)
RECORD = "0" * 31 + "a"
BETWEEN = (b"<comment>\\n", b"\\n</comment>")

OUTPUT = orjson.dumps(claude_output())
RESTS = (
    b',"modelOutput":' + OUTPUT + b"}",
    b', "modelOutput" : ' + OUTPUT + b" } \r",
    b',"modelOutput":null,"modelOutput":' + OUTPUT + b"}",
    b',"modelOutput":' + OUTPUT + b',"recordId":"another"}',
    b',"modelOutput":' + OUTPUT + b',"error":{"errorCode":1}}',
    b',"error":{"errorCode":400,"errorMessage":"no"}}',
    b',"modelOutput":[1]}',
    b',"modelOutput":' + b"[" * 500 + b"]" * 500 + b"}",
    b',"modelOutput":{"stop_reason":"end_turn","content":"\xff"}}',
    b',"modelOutput":{"stop_reason":"\\ud800"}}',
    b',"modelOutput":' + OUTPUT,
    b',"modelOutput":' + OUTPUT + b"}}",
    b"}",
    b"",
    b',"x":' + TEMPLATE.line(RECORD, "inside").rstrip() + b',"modelOutput":' + OUTPUT + b"}",
)


def both(line: bytes) -> tuple[AnswerLine | None, AnswerLine | None]:
    """The line as it is read with the template, and without it, decoded as a whole."""
    quick, whole = (LineReader(Claude(), PROMPT.categories, template, {RECORD}) for template in (TEMPLATE, None))
    return quick.read(line), whole.read(line)


def assert_alike(line: bytes) -> None:
    quick, whole = both(line)
    if quick is None or whole is None:
        assert quick == whole
    else:
        assert (quick[:3], quick.said) == (whole[:3], whole.said)


@given(st.text() | st.sampled_from(list(TEXTS.values())), st.sampled_from(RESTS), st.binary(max_size=3))
def test_what_follows_the_echo_says_what_the_line_says(comment: str, rest: bytes, junk: bytes) -> None:
    """Whatever the comment is and whatever comes after it, be it no JSON at all."""
    line = TEMPLATE.line(RECORD, comment)
    assert_alike(line.rstrip()[:-1] + rest)
    assert_alike(line.rstrip()[:-1] + rest + junk)
    assert_alike(line[:40] + junk + line[40:].rstrip()[:-1] + rest)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_bad_days_lines(text: str) -> None:
    """Every kind of bad line reads the same both ways, and the comment is the one that was asked about, or none."""
    for number in range(60):
        comment = f"{text} {number}"
        for line in bad_lines(TEMPLATE.line(RECORD, comment), BETWEEN):
            assert_alike(line)
            quick, _ = both(line)
            assert quick is None or quick.record_id != RECORD or quick.comment in (comment, None)


def test_an_echo_is_found_however_it_is_written() -> None:
    """Another writer's white space and escapes are the same echo; another body is none."""
    request = orjson.loads(TEMPLATE.line(RECORD, "déjà <vu>"))
    line = json.dumps({"modelOutput": claude_output(), **request}).encode()
    read, _ = both(line)
    assert read is not None
    assert read.comment == "déjà <vu>"
    request["modelInput"]["max_tokens"] += 1
    other, _ = both(json.dumps(request | {"modelOutput": claude_output()}).encode())
    assert other is not None
    assert other.comment is None


@given(
    st.sampled_from(["true", "false", "1"]),
    st.sampled_from(["spam", "none", "scam", ""]),
    st.sampled_from(["0", "1", "0.5", "1.0", "1.5", "-0", "1e-1", "00.5", ".5", "0." + "3" * 400]),
    st.text(max_size=20),
    st.sampled_from(["", " ", "\n", "```json\n", "text "]),
)
def test_the_usual_answer_is_read_as_any_other(
    violation: str, category: str, confidence: str, explanation: str, around: str
) -> None:
    """An answer with one key more takes the long way, and says the same."""
    head = f'"violation": {violation}, "category": "{category}", "confidence": {confidence}, "explanation": '
    for said in (json.dumps(explanation), json.dumps(explanation, ensure_ascii=False), f'"{explanation}"'):
        assert _verdict(f"{around}{{{head}{said}}}{around}") == _verdict(f'{around}{{"more": 1, {head}{said}}}{around}')


def _verdict(text: str) -> Verdict | str:
    try:
        return read_answer(text, ("spam", "none"))
    except MalformedAnswer as error:
        return str(error)


def test_an_answer_of_a_record_that_was_not_asked_is_read_whole() -> None:
    """What nobody asked has no comment to be held against."""
    line = TEMPLATE.line("f" * 32, "a comment").rstrip()[:-1] + b',"modelOutput":' + OUTPUT + b"}"
    read, _ = both(line)
    assert read is not None
    assert (read.record_id, read.comment) == ("f" * 32, None)
