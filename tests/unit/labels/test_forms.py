"""Raters' files: what they get, what spreadsheets make of it, and what is taken back."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts import load
from tasks.labels.exchange.answer_files import READERS
from tasks.labels.exchange.answers import Answer, Rules, read_answer
from tasks.labels.exchange.csv_form import read_csv, write_csv
from tasks.labels.exchange.export_labels import WRITERS
from tasks.labels.exchange.forms import COLUMNS, BadPlace, Task
from tasks.labels.exchange.label_studio import read_label_studio
from tasks.labels.exchange.row_forms import read_jsonl, read_parquet

ROOT = Path(__file__).parents[3]
DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
CATEGORIES = load("comment_review", "v1").categories
RULES = Rules(CATEGORIES, ZoneInfo("Asia/Tokyo"), NOW)
HEADER = "date,comment_id,product_id,language,text,labeler,violation,category,labeled_at,note\r\n"
HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "+1",
    "-1",
    "@SUM(A1)",
    "a,b;c\td",
    'say "no"',
    "two\nlines",
    "mac\r",
    "\x00",
]

FINE = {"violation": False, "category": "none"}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def task(comment_id: str = "c1", text: str = "good", rater: str | None = "ann") -> Task:
    """A comment for a rater."""
    return Task(DAY, comment_id, "p1", "ja", text, rater)


def values(**overrides: Any) -> dict[str, Any]:
    """A row that a rater has filled in."""
    row = {"date": "2026-11-19", "comment_id": "c1", "labeler": "ann", "violation": "true", "category": "spam"}
    return row | {"labeled_at": None} | overrides


def test_a_csv_file_as_it_is() -> None:
    """A mark for Excel, the columns in their order, the rater's empty; no stratum, no probability, no verdict."""
    body = write_csv([task(text="=1+1")])
    assert body.startswith(b"\xef\xbb\xbf")
    header, row, end = body.decode("utf-8-sig").split("\r\n")
    assert header == ",".join(f'"{name}"' for name in COLUMNS)
    assert row == '"2026-11-19","c1","p1","ja","=1+1","ann","","","",""'
    assert end == ""


def test_the_other_forms_as_they_are() -> None:
    """The same columns; Label Studio gets tasks without predictions."""
    one = [task(text="値段\u2028が")]
    assert list(json.loads(WRITERS["jsonl"](one))) == list(COLUMNS)
    assert pl.read_parquet(io.BytesIO(WRITERS["parquet"](one))).columns == list(COLUMNS)
    assert json.loads(WRITERS["label-studio"](one)) == [
        {"data": {"comment_id": "c1", "date": "2026-11-19", "text": "値段\u2028が"}}
    ]


@given(rows=st.lists(st.tuples(texts, texts | st.sampled_from(HOSTILE))))
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_comes_back_as_it_went(form: str, rows: list[tuple[str, str]]) -> None:
    """Whatever texts and ids hold, each row is found again, unanswered; an untouched file is no mistake."""
    tasks = [task(name, text) for name, text in rows if name.strip()]
    contents = READERS[form](WRITERS[form](tasks))
    assert [row.values["comment_id"] for row in contents.rows] == [one.comment_id for one in tasks]
    assert all(read_answer(row.values, RULES) is None for row in contents.rows)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_not_altered(text: str) -> None:
    """Quotes are all that is put around a text, whatever a spreadsheet would make of it."""
    (row,) = csv.DictReader(io.StringIO(write_csv([task(text=text)]).decode("utf-8-sig"), newline=""))
    assert row["text"] == text


LINE = "2026-11-19,c1,p,ja,値段 高橋,田中,TRUE,Spam,,\r\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param((HEADER + LINE).encode("utf-8-sig"), id="Excel: CSV UTF-8"),
        pytest.param((HEADER + LINE).encode(), id="no mark"),
        pytest.param((HEADER + LINE).replace("\r\n", "\n").encode(), id="Unix line ends"),
        pytest.param((HEADER + LINE).replace(",", ";").encode("utf-8-sig"), id="Excel in Europe: semicolons"),
        pytest.param((HEADER + LINE).replace(",", "\t").encode("utf-16"), id="Excel: Unicode text"),
        pytest.param((HEADER + LINE).encode("cp932"), id="Excel in Japan: Shift-JIS"),
        pytest.param((HEADER + LINE).replace("2026-11-19", "2026/11/19").encode(), id="a date as Excel shows it"),
        pytest.param((HEADER.upper() + LINE).encode(), id="a header in capitals"),
        pytest.param((HEADER + LINE + ",,,,,,,,,\r\n\r\n").encode(), id="empty rows at the end"),
        pytest.param((HEADER + LINE.replace(",,\r", ",,,,\r")).encode(), id="more commas than columns"),
    ],
)
def test_what_spreadsheets_save_is_read(body: bytes) -> None:
    """Each of these is the same answer."""
    contents = read_csv(body)
    (row,) = contents.rows
    assert read_answer(row.values, RULES) == Answer(DAY, "c1", "田中", True, "spam", None, None)
    assert bool(contents.notices) == (body == (HEADER + LINE).encode("cp932"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b"", "line 1: the file is empty", id="empty"),
        pytest.param(b"date,comment_id,violation\n", "line 1: there is no column labeler, category", id="columns"),
        pytest.param(HEADER.replace("note", "date").encode(), "line 1: column date stands there twice", id="twice"),
        pytest.param((HEADER + LINE + '2026-11-19,"c2').encode(), "line 3: unexpected end of data", id="open quote"),
        pytest.param((HEADER + "\n" + LINE[:-2] + ",,more\r\n").encode(), "line 3: 12 cells", id="cells"),
        pytest.param(HEADER.encode() + b"\x81\xff\n", "line 2: it is neither UTF-8 nor Shift-JIS", id="bytes"),
    ],
)
def test_what_is_no_table_is_told(body: bytes, told: str) -> None:
    """With the line, the header included."""
    with pytest.raises(BadPlace, match=told):
        read_csv(body)


def test_a_line_is_where_its_row_begins() -> None:
    """Texts have line breaks: an editor's line and a spreadsheet's row are both told where they differ."""
    body = HEADER + '2026-11-19,c1,p,ja,"one\ntwo\nthree",ann,,,,\r\n' + LINE
    assert [row.place for row in read_csv(body.encode()).rows] == ["line 2", "line 5 (row 3)"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"violation": "FALSE", "category": ""}, FINE, id="none is meant"),
        pytest.param({"violation": False, "category": "None"}, FINE, id="a boolean"),
        pytest.param({"labeler": " ann "}, {}, id="spaces around a name"),
        pytest.param({"comment_id": 17}, {"comment_id": "17"}, id="a program took an id for a number"),
        pytest.param({"comment_id": " c1"}, {"comment_id": " c1"}, id="an id is kept to the letter"),
        pytest.param({"date": datetime(2026, 11, 19, tzinfo=UTC)}, {}, id="a time for a day"),
        pytest.param(
            {"labeled_at": "2026-11-20T09:30:00Z"}, {"labeled_at": datetime(2026, 11, 20, 9, 30, tzinfo=UTC)}, id="zone"
        ),
        pytest.param(
            {"labeled_at": "2026/11/20 9:30"},
            {"labeled_at": datetime(2026, 11, 20, 0, 30, tzinfo=UTC)},
            id="a time without a zone is of the settings' zone",
        ),
        pytest.param({"source": "Overturn"}, {"source": "overturn"}, id="how it came"),
    ],
)
def test_cells(change: dict[str, Any], expected: dict[str, Any]) -> None:
    """What a cell may look like."""
    plain = Answer(DAY, "c1", "ann", True, "spam", None, None)
    assert read_answer(values(**change), RULES) == plain._replace(**expected)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"violation": "yes"}, "violation is yes: write true or false", id="yes"),
        pytest.param({"violation": "1"}, "violation is 1", id="a number"),
        pytest.param({"violation": None}, "category is spam, and violation is empty", id="half an answer"),
        pytest.param({"category": "rude"}, "category is rude, which is none of harassment", id="unknown category"),
        pytest.param({"category": ""}, "category is empty, and violation is true", id="no category"),
        pytest.param({"category": "none"}, "violation is true, and category is none", id="at odds"),
        pytest.param({"violation": "false"}, "violation is false, and category is spam", id="at odds too"),
        pytest.param({"labeler": " "}, "labeler is empty", id="nobody"),
        pytest.param({"labeler": "a\u202eb"}, "cannot be seen", id="a name that turns the line around"),
        pytest.param({"labeler": "a" * 101}, "longer than 100", id="no name"),
        pytest.param({"comment_id": ""}, "comment_id is empty", id="no comment"),
        pytest.param({"comment_id": 1.5}, "comment_id is no text: 1.5", id="a fraction"),
        pytest.param({"date": "11/19/2026"}, "date is 11/19/2026: write it as 2026-11-19", id="which is the month?"),
        pytest.param({"date": "2026-13-19"}, "date is 2026-13-19", id="no such month"),
        pytest.param({"date": None}, "date is empty|date is None", id="no day"),
        pytest.param({"labeled_at": "yesterday"}, "labeled_at is yesterday", id="no time"),
        pytest.param({"labeled_at": "2126-11-20"}, "which is to come", id="would overrule every correction"),
        pytest.param({"labeled_at": "0001-01-01"}, "of the year 1", id="before all spreadsheets"),
        pytest.param({"source": "friend"}, "source is friend, which is none of overturn, planted", id="source"),
    ],
)
def test_cells_that_cannot_be_taken(change: dict[str, Any], told: str) -> None:
    """Each is told with what it holds, so that it can be found and mended."""
    with pytest.raises(ValueError, match=told):
        read_answer(values(**change), RULES)


def annotation(**overrides: Any) -> dict[str, Any]:
    """An annotation as Label Studio exports it."""

    def region(name: str, choice: str) -> dict[str, Any]:
        return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [choice]}}

    result = [region("violation", "true"), region("category", "spam")]
    return {
        "id": 7, "completed_by": 10, "result": result, "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-11-20T08:00:00.123456Z", "updated_at": "2026-11-20T09:00:00Z", "lead_time": 4.288,
    } | overrides  # fmt: skip


def exported(*annotations: dict[str, Any], **overrides: Any) -> bytes:
    """Label Studio's export of a task."""
    data = {"comment_id": "c1", "date": "2026-11-19", "text": "good"}
    return json.dumps([{"id": 1, "data": data, "annotations": annotations} | overrides]).encode()


def test_label_studio() -> None:
    """An annotation is an answer: of several raters one each, at the time of its last change."""
    contents = read_label_studio(
        exported(annotation(), annotation(completed_by={"id": 11, "email": "ben@example.com"}))
    )
    answers = [read_answer(row.values, RULES) for row in contents.rows]
    nine = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert answers == [
        Answer(DAY, "c1", "10", True, "spam", nine, None),
        Answer(DAY, "c1", "ben@example.com", True, "spam", nine, None),
    ]
    assert [row.place for row in contents.rows] == ["task 1, annotation 1", "task 1, annotation 2"]


def test_cancelled_annotations_are_counted() -> None:
    """A rater who gave a task up said nothing; a task that nobody has done yet says nothing either."""
    assert read_label_studio(exported(annotation(was_cancelled=True, result=[]))).cancelled_count == 1
    assert read_label_studio(exported()).rows == ()


def test_a_category_that_was_hidden_does_not_count() -> None:
    """Chosen first, and then the rater saw no violation after all."""
    result = annotation()["result"]
    result[0]["value"]["choices"] = ["false"]
    (row,) = read_label_studio(exported(annotation(result=result))).rows
    answer = read_answer(row.values, RULES)
    assert answer is not None
    assert (answer.violation, answer.category) == (False, "none")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b"{", "line 1: it is no JSON", id="no JSON"),
        pytest.param(b"{}", "it is no list of tasks", id="no list"),
        pytest.param(b'[{"comment_id": "c1", "violation": "true"}]', "not as JSON-MIN", id="the short export"),
        pytest.param(exported(annotations="x"), "task 1: its annotations are no list", id="annotations"),
        pytest.param(
            exported(annotation(result=[{"from_name": "violation", "value": {"choices": ["true", "false"]}}])),
            "task 1: violation is not one choice", id="both",
        ),
    ],
)  # fmt: skip
def test_what_is_no_export_is_told(body: bytes, told: str) -> None:
    """With the task's place."""
    with pytest.raises(BadPlace, match=told):
        read_label_studio(body)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b'{"date":1}\n', "line 1: there is no column comment_id", id="lacks columns"),
        pytest.param(b"\n[]\n", "line 2: it is no JSON object", id="no object"),
        pytest.param(b"\n\n{\n", "line 3: it is no JSON", id="no JSON"),
        pytest.param(b"\xff\n", "line 1: it is no UTF-8", id="no UTF-8"),
    ],
)
def test_bad_json_lines(body: bytes, told: str) -> None:
    """With the line."""
    with pytest.raises(BadPlace, match=told):
        read_jsonl(body)


def test_bad_parquet() -> None:
    """A file that is none, and one that lacks columns."""
    with pytest.raises(BadPlace, match="no readable Parquet"):
        read_parquet(b"PAR1")
    body = io.BytesIO()
    pl.DataFrame({"comment_id": ["a"]}).write_parquet(body)
    with pytest.raises(BadPlace, match="there is no column date"):
        read_parquet(body.getvalue())


def test_the_shipped_configuration() -> None:
    """Label Studio's controls are those that are read back, and its choices the prompt's categories."""
    root = ElementTree.parse(ROOT / "docs/label_studio.xml").getroot()  # noqa: S314 our own file
    controls = {one.get("name"): [choice.get("value") for choice in one] for one in root.iter("Choices")}
    assert controls["violation"] == ["true", "false"]
    assert [*controls["category"], "none"] == list(CATEGORIES)
    (shown,) = root.iter("Text")
    assert shown.get("value") == "$text"
    keys = [choice.get("hotkey") for choice in root.iter("Choice")]
    assert len(set(keys)) == len(keys)
