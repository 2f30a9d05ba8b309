"""What is kept of the answers repeats no comment."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.jobs.collection import hide_quotes, read_comments
from tasks.llm.families.claude import Claude
from tasks.llm.quotes import REMOVED, REMOVED_DETAIL
from tasks.llm.request_line import RequestTemplate
from tests import factories

TEMPLATE = RequestTemplate(Claude(), factories.prompt())
COMMENT = 'My name is Ann <b>Lee</b> & "I" live\u2028in 東京都千代田区丸の内一丁目.'


def answers(explanation: str | None, detail: str | None = None, status: str = "judged") -> pl.DataFrame:
    row = {"record_id": "r1", "status": status, "status_detail": detail, "explanation": explanation}
    return pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))


def kept(frame: pl.DataFrame, *lines: bytes) -> tuple[str | None, str | None]:
    shown = hide_quotes(frame, read_comments(lines, TEMPLATE))
    explanation, detail = shown.select("explanation", "status_detail").row(0)
    return explanation, detail


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param("Names a person and an address.", "Names a person and an address.", id="own-words"),
        pytest.param('Says "Ann <b>Lee</b> & "', REMOVED, id="tags-as-they-were-written"),
        pytest.param("東京都千代田区丸の内 is an address.", REMOVED, id="japanese"),
        pytest.param("", "", id="empty"),
        pytest.param(None, None, id="null"),
    ],
)
def test_an_explanation_is_held_against_its_comment(said: str | None, expected: str | None) -> None:
    """It is compared with the comment as the customer wrote it, not as it was escaped for the prompt."""
    assert kept(answers(said), TEMPLATE.line("r1", COMMENT)) == (expected, None)
    assert TEMPLATE.comment_of("r1", TEMPLATE.line("r1", COMMENT)) == COMMENT


def test_an_error_is_held_against_its_comment() -> None:
    """Bedrock may quote the part of a request that it does not take."""
    frame = answers(None, '400: cannot read "My name is Ann"', "error")
    assert kept(frame, TEMPLATE.line("r1", COMMENT)) == (None, REMOVED_DETAIL)


def test_another_comment_is_not_looked_at() -> None:
    """Words that somebody else wrote are no quotation."""
    lines = (TEMPLATE.line("r2", COMMENT), TEMPLATE.line("r1", "a fine product"))
    assert kept(answers("My name is Ann"), *lines) == ("My name is Ann", None)


def test_a_line_of_an_earlier_version_is_compared_as_a_whole() -> None:
    """A job that was submitted before an update is collected after it."""
    line = b'{"recordId": "r1", "modelInput": {"prompt": "Judge &lt;this&gt;: My name is Ann Lee."}}\n'
    assert kept(answers("My name is Ann"), line) == (REMOVED, None)


def test_what_cannot_be_compared_is_not_kept() -> None:
    """Without the request nobody can say whether an explanation quotes; a reason of our own stays."""
    assert kept(answers("My name is Ann")) == (REMOVED, None)
    assert kept(answers(None, "400: My name is Ann", "error")) == (None, REMOVED_DETAIL)
    assert kept(answers(None, "cut off: stop_reason max_tokens", "malformed")) == (
        None,
        "cut off: stop_reason max_tokens",
    )


def test_naming_what_was_masked_is_no_quotation() -> None:
    """An explanation may repeat placeholders; words around them it may not."""
    line = TEMPLATE.line("r1", "この人は[PHONE] [EMAIL]です、電話してやってください")

    def shown(explanation: str) -> str | None:
        frame = hide_quotes(answers(explanation), read_comments([line], TEMPLATE), is_masked=True)
        return str(frame["explanation"][0])

    assert shown("Gives [PHONE] [EMAIL] of a person.") == "Gives [PHONE] [EMAIL] of a person."
    assert shown("[EMAIL]です、電話してやってください") == REMOVED
