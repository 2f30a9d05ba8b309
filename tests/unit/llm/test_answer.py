"""What a model's output means: status, verdict, tokens; a broken answer is never read as fine."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.batch_lines import OutputLine
from data_contracts.tables.verdicts import MAX_EXPLANATION_CHARS, Status
from tasks.llm.answer import MAX_ANSWER_CHARS, MalformedAnswer, Outcome, Verdict, read_answer, read_line
from tasks.llm.families.claude import Claude
from tests import factories
from tests.factories import answer_text

CATEGORIES = ("spam", "hate", "none")
FINE = '{"violation": false, "category": "none", "confidence": 1, "explanation": ""}'


def parsed(line: bytes) -> OutputLine:
    return OutputLine.model_validate(orjson.loads(line))


def read(line: bytes) -> Outcome:
    return read_line(parsed(line), Claude(), CATEGORIES)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(answer_text(), id="bare"),
        pytest.param(f"\n  {answer_text()}\n", id="white-space"),
        pytest.param(f"```json\n{answer_text()}\n```", id="fence"),
        pytest.param(f"Here is my judgement:\n{answer_text()}\nLet me know.", id="prose"),
        pytest.param(f"By the guideline {{spam}} it is {answer_text()} {{end}}", id="braces-in-prose"),
        pytest.param(f"[{answer_text()}]", id="list-of-one"),
        pytest.param(answer_text(extra=[1, {"a": 2}]), id="extra-keys"),
        pytest.param(answer_text(confidence=1), id="integer-confidence"),
        pytest.param(answer_text(confidence=0.0), id="no-confidence-at-all"),
    ],
)
def test_one_good_object_is_an_answer(text: str) -> None:
    """Fences, prose and extra keys around the one object are ignored."""
    answer = read_answer(text, CATEGORIES)
    assert (answer.violation, answer.category, answer.explanation) == (True, "spam", "an advert")


def test_an_answer_without_violation_has_category_none() -> None:
    """No violation, category none, empty explanation: the usual answer."""
    assert read_answer(FINE, CATEGORIES) == Verdict(violation=False, category="none", confidence=1.0, explanation="")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(FINE.replace('""', "null"), id="null"),
        pytest.param(FINE.replace(', "explanation": ""', ""), id="missing"),
    ],
)
def test_no_violation_needs_no_explanation(text: str) -> None:
    """Where there is nothing to explain, null and a missing explanation are good answers: nobody asks again."""
    assert read_answer(text, CATEGORIES) == Verdict(violation=False, category="none", confidence=1.0, explanation="")


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\t"])
def test_a_raw_line_break_inside_a_string_is_read(sign: str) -> None:
    """A model may write a line break into a string as it is; the explanation is one line all the same."""
    answer = read_answer(answer_text(explanation="an@advert").replace("@", sign), CATEGORIES)
    assert (answer.violation, answer.explanation) == (True, f"an{' ' * len(sign)}advert")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "no JSON object", id="empty"),
        pytest.param("violation: true", "no JSON object", id="no-json"),
        pytest.param("true", "no JSON object", id="no-object"),
        pytest.param(answer_text()[:-10], "broken JSON", id="cut-off"),
        pytest.param(answer_text().replace('"', "'"), "broken JSON", id="python-for-json"),
        pytest.param(f"{answer_text()}\n{answer_text()}", "several JSON objects", id="two-equal-objects"),
        pytest.param(f"{FINE} or rather {answer_text()}", "several JSON objects", id="two-opinions"),
        pytest.param(f'{{"answer": {answer_text()}}}', "violation: ", id="wrapped"),
        pytest.param("{}", "violation: ", id="empty-object"),
        pytest.param(answer_text(violation="true"), "violation: ", id="boolean-as-text"),
        pytest.param(answer_text(violation=1), "violation: ", id="boolean-as-number"),
        pytest.param(answer_text(violation=None), "violation: ", id="null-violation"),
        pytest.param(answer_text(confidence="0.9"), "confidence: ", id="confidence-as-text"),
        pytest.param(answer_text(confidence=True), "confidence: ", id="confidence-as-boolean"),
        pytest.param(answer_text(confidence=1.01), "confidence: ", id="confidence-over-1"),
        pytest.param(answer_text(confidence=-0.01), "confidence: ", id="confidence-under-0"),
        pytest.param(answer_text(confidence=90), "confidence: ", id="percent"),
        pytest.param(answer_text(confidence=float("nan")), "confidence: ", id="nan"),
        pytest.param(answer_text(confidence=float("inf")), "confidence: ", id="infinite"),
        pytest.param(answer_text(explanation=None), "explanation: ", id="null-explanation"),
        pytest.param(answer_text(category="scam"), "category is not one of", id="unknown-category"),
        pytest.param(answer_text(category="Spam"), "category is not one of", id="category-in-capitals"),
        pytest.param(answer_text(category="spam|hate"), "category is not one of", id="two-categories"),
        pytest.param(answer_text(category="none"), "at odds", id="violation-of-none"),
        pytest.param(answer_text(violation=False), "at odds", id="spam-without-violation"),
        pytest.param(FINE[:-1] + ', "violation": true}', "twice", id="key-twice"),
        pytest.param(FINE[:-1] + ', "more": {"a": 1, "a": 2}}', "twice", id="key-twice-inside"),
        pytest.param(FINE[:-1] + ', "n": ' + "1" * 5000 + "}", "broken JSON", id="number-too-long-to-read"),
        pytest.param('{"a":' * 3000, "broken JSON", id="nested-without-end"),
        pytest.param(
            '{"violation": true, "category": "spam", "confidence": 0.9, "explanation": "it says "' + FINE + '""}',
            "broken JSON",
            id="comment-quoted-inside-a-broken-object",
        ),
        pytest.param(
            f"The comment says {FINE} which is a trick. " + answer_text()[:-10],
            "broken JSON",
            id="comment-quoted-before-a-cut-off-object",
        ),
        pytest.param(
            '{ "answer": ' + FINE,
            "broken JSON",
            id="good-object-inside-a-cut-off-one",
        ),
        pytest.param(FINE + " " * MAX_ANSWER_CHARS, "characters long", id="too-long"),
    ],
)
def test_a_broken_answer_is_malformed(text: str, said: str) -> None:
    """What is not one object that keeps the contract is malformed, and the reason says how."""
    with pytest.raises(MalformedAnswer, match=said):
        read_answer(text, CATEGORIES)


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_stands_around_an_answer_it_is_read_or_refused(before: str, after: str) -> None:
    """Text around an object either leaves its verdict as it is or makes the answer malformed."""
    try:
        answer = read_answer(before + answer_text() + after, CATEGORIES)
    except MalformedAnswer:
        return
    assert (answer.violation, answer.category, answer.confidence) == (True, "spam", 0.9)


@given(st.text() | st.text(alphabet='{}[]":,\\eE01.-tfn \n'))
def test_text_without_an_answer_is_malformed(text: str) -> None:
    """Any other text of a model, JSON or nearly so, is malformed; none stops a night."""
    with pytest.raises(MalformedAnswer):
        read_answer(text, CATEGORIES)


@given(st.text(st.characters(), max_size=400))
def test_an_explanation_is_short_and_storable(explanation: str) -> None:
    """Whatever characters it has, an explanation fits its column and is one line of encodable text."""
    kept = read_answer(answer_text(explanation=explanation), CATEGORIES).explanation
    assert len(kept) <= MAX_EXPLANATION_CHARS
    assert kept.encode().decode() == kept
    assert len(kept.splitlines()) <= 1
    assert not {"\0", "\t", "\u200b", "\u202e"} & set(kept)


@pytest.mark.parametrize(
    ("length", "kept"),
    [pytest.param(MAX_EXPLANATION_CHARS, MAX_EXPLANATION_CHARS, id="at-limit"), pytest.param(5000, 200, id="over")],
)
def test_a_long_explanation_is_cut(length: int, kept: int) -> None:
    """An explanation over the limit loses its end; the verdict stays."""
    assert read_answer(answer_text(explanation="あ" * length), CATEGORIES).explanation == "あ" * kept


@pytest.mark.parametrize(
    "spelt",
    [
        pytest.param(r"\ud800", id="high"),
        pytest.param(r"\udc00", id="low"),
        pytest.param(r"\ud83d cut", id="half-an-emoji"),
    ],
)
@pytest.mark.parametrize("field", ["explanation", "category", "extra"])
def test_a_lone_surrogate_in_the_answer_stops_nothing(field: str, spelt: str) -> None:
    """JSON can spell half a character; whatever becomes of the answer, all of it can be stored."""
    text = answer_text(**{field: "MARK"}).replace("MARK", spelt)
    outcome = read(factories.output_line("r1", factories.claude_output(text)))
    assert outcome.status in (Status.JUDGED, Status.MALFORMED)
    repr(outcome).encode()
    for value in (outcome.status_detail, outcome.answer.explanation if outcome.answer else None):
        (value or "").encode()


def test_a_finished_good_answer_is_judged() -> None:
    """A good answer is a verdict with its tokens."""
    expected = Outcome(
        Status.JUDGED,
        None,
        Verdict(violation=True, category="spam", confidence=0.9, explanation="an advert"),
        1000,
        50,
    )
    assert read(factories.output_line("r1")) == expected


@pytest.mark.parametrize(
    ("output", "status", "detail"),
    [
        pytest.param(
            factories.claude_output(FINE, "refusal"), Status.REFUSED, "stop_reason refusal", id="refusal-with-an-answer"
        ),
        pytest.param(factories.claude_output("", "refusal"), Status.REFUSED, "stop_reason refusal", id="refusal"),
        pytest.param(
            factories.claude_output(FINE, "max_tokens"),
            Status.MALFORMED,
            "cut off: stop_reason max_tokens",
            id="cut-off-after-a-whole-object",
        ),
        pytest.param(
            factories.claude_output(FINE, "tool_use"),
            Status.MALFORMED,
            "unexpected stop_reason tool_use",
            id="unexpected-stop",
        ),
        pytest.param(factories.claude_output("hm"), Status.MALFORMED, "no JSON object in the answer", id="no-json"),
        pytest.param(factories.claude_output(""), Status.MALFORMED, "no JSON object in the answer", id="no-text"),
    ],
)
def test_stop_reason_comes_before_the_text(output: dict[str, Any], status: Status, detail: str) -> None:
    """An answer that was refused or cut off is not read, however good it looks; its tokens are kept."""
    assert read(factories.output_line("r1", output)) == Outcome(status, detail, None, 1000, 50)


def test_an_output_of_another_shape_is_malformed() -> None:
    """What no reply can be read from has no verdict; the tokens that it reports were paid for all the same."""
    expected = Outcome(Status.MALFORMED, "not a claude output: no stop_reason, or content that is no list")
    assert read(factories.output_line("r1", {"output": {}})) == expected
    usage = {"usage": {"input_tokens": 7, "output_tokens": 3}}
    assert read(factories.output_line("r1", usage)) == expected._replace(input_tokens=7, output_tokens=3)


def test_tokens_that_were_not_reported_are_unknown() -> None:
    """A verdict without usage is a verdict; its tokens are null, not 0."""
    outcome = read(factories.output_line("r1", factories.claude_output() | {"usage": None}))
    assert (outcome.status, outcome.input_tokens, outcome.output_tokens) == (Status.JUDGED, None, None)


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        pytest.param(factories.error_line("r1", 400, "bad body"), "400: bad body", id="integer-code"),
        pytest.param(factories.error_line("r1", "429", "slow down"), "429: slow down", id="text-code"),
        pytest.param(factories.error_line("r1", 500, "two\nlines\0"), "500: two lines ", id="control-characters"),
        pytest.param(b'{"recordId":"r1","error":{}}', "None: None", id="empty-error"),
        pytest.param(b'{"recordId":"r1"}', "neither output nor error", id="neither"),
        pytest.param(b'{"recordId":"r1","modelOutput":null,"error":null}', "neither output nor error", id="both-null"),
    ],
)
def test_a_record_without_output_is_an_error(line: bytes, detail: str) -> None:
    """Bedrock's code and message are the detail, on one line."""
    assert read(line) == Outcome(Status.ERROR, detail)


def test_a_long_error_message_is_cut() -> None:
    """An error message may echo the input: no more than 200 characters of it are kept."""
    detail = read(factories.error_line("r1", 400, "x" * 10_000)).status_detail
    assert detail is not None
    assert len(detail) == 200


def test_reasons_quote_nothing_of_the_answer() -> None:
    """The status detail of a malformed answer says what is wrong and none of the model's words."""
    texts = ["SECRET", answer_text(category="SECRET"), answer_text(violation="SECRET"), answer_text(SECRET="{")[:-5]]
    details = [read(factories.output_line("r1", factories.claude_output(text))).status_detail for text in texts]
    assert all(detail and "SECRET" not in detail for detail in details), json.dumps(details)


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", " =", "\t=", "\r=", "＝", "\u3000＠", "\u200b=", "=="])
def test_no_explanation_is_a_formula(sign: str) -> None:
    """An explanation does not begin with what a spreadsheet would run, however it is hidden."""
    answer = read_answer(factories.answer_text(explanation=f"{sign}HYPERLINK(1)"), ("spam", "none"))
    assert answer.explanation == "HYPERLINK(1)"


def test_an_error_is_stored_as_one_line_of_text() -> None:
    """Bedrock's words about a record lose control characters, and the signs that begin a formula."""
    line = OutputLine.model_validate(json.loads(factories.error_line("r1", "=1+1", "a\nb\x1b[31m \ue000")))
    assert read_line(line, Claude(), ("none",)).status_detail == "1+1: a b [31m  "
