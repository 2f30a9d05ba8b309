"""What counts as a trace of a comment, and what is done about each place that holds one."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from data_contracts.documents.ledger import erasure_id, record_id
from data_contracts.tables.verdicts import VERDICTS
from tasks.base.paths import DayPaths
from tasks.past_days.erasure.remedies import (
    Remedy,
    Search,
    Trace,
    describe_inputs,
    describe_plan,
    describe_texts,
    remedy,
    without_rows,
)
from tasks.past_days.erasure.traces import Sought, count_traces, spellings
from tests import factories

DAY, NEXT_DAY = date(2026, 11, 19), date(2026, 11, 20)
RECORD = record_id(DAY, "comment-77")
TEXT = 'call "me" at <home> & now'
SOUGHT = Sought(comment_id="comment-77", record_ids=frozenset({RECORD}), texts=frozenset({TEXT}))
PATHS = [DayPaths(factories.settings(), day) for day in (DAY, NEXT_DAY)]
OUTPUT, BATCH = "s3://moderation-bucket/output", "s3://moderation-bucket/batch"


def traces(folder: Path, name: str, body: bytes, sought: Sought = SOUGHT) -> int:
    path = folder / "object"
    path.write_bytes(body)
    return count_traces(path, name, sought)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"id": "comment-77"}', 1, id="id"),
        pytest.param(b"comment-77 and comment-77", 2, id="each-place"),
        pytest.param(RECORD.encode(), 1, id="record-id"),
        pytest.param(b"comment-775", 0, id="a-longer-id"),
        pytest.param(b"my-comment-77", 0, id="the-end-of-another-id"),
        pytest.param(b"comment-7", 0, id="a-shorter-id"),
        pytest.param(TEXT.encode(), 1, id="text"),
        pytest.param(json.dumps({"said": TEXT}).encode(), 1, id="text-in-json"),
        pytest.param(orjson.dumps({"line": json.dumps({"said": TEXT})}), 1, id="text-in-json-in-json"),
        pytest.param(prompts.escape(TEXT).encode(), 1, id="text-in-a-page"),
        pytest.param(b"call me at home", 0, id="other-words"),
        pytest.param(b"", 0, id="empty"),
    ],
)
def test_any_spelling_in_a_document_is_a_trace(tmp_path: Path, body: bytes, expected: int) -> None:
    """Ids count as whole words, texts as they are or escaped."""
    assert traces(tmp_path, "report.html", body) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
def test_json_spells_a_value_as_expected(value: str, around: str) -> None:
    """Whatever the text, its JSON and its JSON in JSON hold one of the spellings."""
    plain = json.dumps({"x": around + value}, ensure_ascii=False)
    for said in (plain, json.dumps({"x": value}), orjson.dumps({"y": plain}).decode()):
        assert any(spelling in said.encode() for spelling in spellings(value))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(RECORD, 1, id="its-own-line"),
        pytest.param("f" * 32, 0, id="another-record"),
        pytest.param(None, 1, id="nobody's"),
    ],
)
def test_the_same_words_of_another_record_are_no_trace(tmp_path: Path, record: str | None, expected: int) -> None:
    """A line of a batch file belongs to the record that it names."""
    line = json.dumps({"recordId": record, "modelInput": {"text": prompts.escape(TEXT)}}).encode() + b"\n"
    assert traces(tmp_path, "shard-00000.jsonl", line) == expected
    assert traces(tmp_path, "shard-00000.jsonl.out", b"not json " + line) == 1


def parquet(folder: Path, frame: pl.DataFrame) -> bytes:
    path = folder / "frame.parquet"
    frame.write_parquet(path, statistics="full")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param({"comment_id": ["comment-77", "a", None]}, 1, id="id"),
        pytest.param({"record_id": [RECORD, "a"]}, 1, id="record-id"),
        pytest.param({"judged_as": [RECORD, RECORD]}, 2, id="judged-as"),
        pytest.param({"comment_id": ["comment-775", "comment-7"]}, 0, id="other-ids"),
        pytest.param({"comment_id": ["a"], "note": ["see comment-77, please"]}, 1, id="id-in-words"),
        pytest.param({"comment_id": ["a"], "text": [TEXT]}, 0, id="another-persons-text"),
        pytest.param({"comment_id": [None], "text": [TEXT]}, 1, id="text-of-nobody"),
        pytest.param({"word": [f"so: {TEXT}!"]}, 1, id="text-without-ids"),
        pytest.param({"number": [77]}, 0, id="no-strings"),
    ],
)
def test_rows_are_read_column_by_column(tmp_path: Path, rows: dict[str, list[object]], expected: int) -> None:
    """However it is compressed, a row counts if any column of it has the id, or the text without another's id."""
    assert traces(tmp_path, "x.parquet", parquet(tmp_path, pl.DataFrame(rows))) == expected


def test_a_footer_that_still_tells_is_a_trace(tmp_path: Path) -> None:
    """A file whose rows are clean may have the id in its metadata."""
    path = tmp_path / "told.parquet"
    pq.write_table(pa.table({"n": [1]}).replace_schema_metadata({"largest": "comment-77"}), path)
    assert count_traces(path, "told.parquet", SOUGHT) == 1


def test_dictionaries_and_checkpoints_are_read(tmp_path: Path) -> None:
    """Dictionary-encoded columns and the nested columns of a table's checkpoint are strings too."""
    coded = pa.table({"comment_id": pa.array(["comment-77"]).dictionary_encode()})
    nested = pa.table({"add": [{"stats": json.dumps({"maxValues": {"comment_id": "comment-77"}})}]})
    for table in (coded, nested):
        pq.write_table(table, tmp_path / "t.parquet", compression="zstd")
        assert count_traces(tmp_path / "t.parquet", "t.parquet", SOUGHT) == 1


def test_a_short_text_is_not_looked_for(tmp_path: Path) -> None:
    """Everybody says "good": only ids prove that such a comment is gone, and the proof says so."""
    short = Sought(comment_id="comment-77", texts=frozenset({"good"}))
    assert traces(tmp_path, "x.json", b"good", short) == 0
    assert "too short" in describe_texts(short)[0]
    assert "not known" in describe_texts(Sought(comment_id="c"))[0]
    assert describe_texts(SOUGHT) == []


@pytest.mark.parametrize(
    ("uri", "expected", "day"),
    [
        pytest.param(f"{OUTPUT}/lake/verdicts/date=2026-11-19/part.parquet", Remedy.TABLE, DAY, id="table"),
        pytest.param(f"{OUTPUT}/lake/rejected/_delta_log/00.json", Remedy.TABLE, None, id="log"),
        pytest.param(f"{OUTPUT}/lake/metrics/date=2026-11-19/part.parquet", Remedy.NONE, None, id="other-table"),
        pytest.param(f"{OUTPUT}/verdicts/date=2026-11-20/verdicts.parquet", Remedy.ROWS, NEXT_DAY, id="plain"),
        pytest.param(f"{OUTPUT}/answers/2026-11-19/k.parquet", Remedy.ROWS, DAY, id="answers"),
        pytest.param(f"{OUTPUT}/label_requests/date=2026-11-19/a.parquet", Remedy.ROWS, DAY, id="label-requests"),
        pytest.param(f"{OUTPUT}/runs/2026-11-19/r/work/valid.parquet", Remedy.SCRATCH, DAY, id="scratch"),
        pytest.param(f"{OUTPUT}/runs/2026-11-19/r/summary.json", Remedy.NONE, None, id="summary"),
        pytest.param(f"{OUTPUT}/state/alerts/incidents.json", Remedy.NONE, None, id="of-no-day"),
        pytest.param(f"{BATCH}/2026-11-19/k/input/shard-00000.jsonl", Remedy.BATCH, DAY, id="batch"),
        pytest.param(f"{BATCH}/2026-11-21/k/input/shard-00000.jsonl", Remedy.ELSEWHERE, None, id="another-day"),
    ],
)
def test_each_place_has_its_remedy(uri: str, expected: Remedy, day: date | None) -> None:
    """Tables are replaced, frames rewritten, batch files and scratch deleted; of anything else nothing is known."""
    kind, paths = remedy(uri, PATHS)
    assert (kind, paths.run_date if paths else None) == (expected, day)


@pytest.mark.parametrize("name", ["comment_id", "record_id", "judged_as"])
def test_rows_are_left_out_and_the_rest_stays(tmp_path: Path, name: str) -> None:
    """The file keeps its schema and its other rows, rows without an id included."""
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    schema = pa.schema([pa.field(name, pa.string()), pa.field("n", pa.int32(), nullable=False)])
    pq.write_table(pa.table({name: ["a", "comment-77", None, RECORD], "n": [1, 2, 3, 4]}, schema=schema), before)
    without_rows(before, after, SOUGHT.ids)
    assert pq.read_table(after).equals(pa.table({name: ["a", None], "n": [1, 3]}, schema=schema))
    assert count_traces(after, "after.parquet", SOUGHT) == 0


def test_a_file_without_ids_is_copied(tmp_path: Path) -> None:
    """Where no column names a comment, no row can be left out."""
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    pl.DataFrame({"word": [TEXT]}).write_parquet(before)
    without_rows(before, after, SOUGHT.ids)
    assert pl.read_parquet(after)["word"].to_list() == [TEXT]


def test_verdicts_keep_their_contract(tmp_path: Path) -> None:
    """A rewritten plain object has the published schema, nullability included."""
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    rows = factories.verdicts({"comment_id": "comment-77"}, {})
    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(VERDICTS.arrow_schema)
    pq.write_table(table, before)
    without_rows(before, after, SOUGHT.ids)
    assert pq.read_schema(after).equals(VERDICTS.arrow_schema)
    assert pq.read_table(after)["comment_id"].to_pylist() == ["c2"]


def test_an_erasure_is_remembered_by_a_hash_of_its_own() -> None:
    """It differs by day, and shares no beginning with the record's id, which is searched for."""
    digest = erasure_id(DAY, "comment-77")
    assert len(digest) == 64
    assert digest != erasure_id(NEXT_DAY, "comment-77")
    assert RECORD not in digest


def test_a_plan_and_the_inputs_are_told() -> None:
    """Each object with what is done about it; the input is not ours to change."""
    found = Search(9, (Trace(f"{OUTPUT}/answers/2026-11-19/k.parquet", 1),))
    assert describe_plan(found, PATHS) == [
        "searched 9 objects: 1 hold it",
        f"  {OUTPUT}/answers/2026-11-19/k.parquet: 1, rewrite without the rows",
    ]
    assert describe_inputs([]) == ["the input of these days does not hold it"]
    assert describe_inputs(["s3://in/a.parquet"])[1:] == ["  s3://in/a.parquet"]
